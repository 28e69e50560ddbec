"""Our envelope against the CloudEvents SDK, which was written by others, and against anything."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from cloudevents.core.bindings import amqp, rabbitmq
from cloudevents.core.bindings.rabbitmq import RabbitMQMessage
from cloudevents.core.v1.event import CloudEvent
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.contracts import erp
from shared.contracts.envelope import Envelope, UnreadableEnvelope, read_data, read_envelope

TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=60
).filter(lambda text: bool(text.strip()))
MOMENTS = st.datetimes(
    min_value=datetime(1900, 1, 1), max_value=datetime(2199, 12, 31), timezones=st.just(UTC)
)
ENVELOPES = st.builds(
    Envelope,
    id=TEXT,
    source=TEXT,
    type=TEXT,
    subject=st.none() | TEXT,
    time=MOMENTS,
    correlation_id=st.none() | TEXT,
)
DATA = {"document_id": "Ä-1", "net_amount": "1.50"}


def _attributes(envelope: Envelope) -> dict[str, Any]:
    found = {
        "specversion": "1.0",
        "id": envelope.id,
        "source": envelope.source,
        "type": envelope.type,
        "subject": envelope.subject,
        "time": envelope.time,
        "correlationid": envelope.correlation_id,
    }
    return {name: value for name, value in found.items() if value is not None}


@given(ENVELOPES)
def test_sdk_reads_what_we_write_in_binary_mode(envelope: Envelope) -> None:
    message = RabbitMQMessage(envelope.headers(), "application/json", json.dumps(DATA).encode())
    event = rabbitmq.from_rabbitmq_event(message)
    assert event.get_attributes() == {
        **_attributes(envelope),
        "datacontenttype": "application/json",
    }
    assert event.get_data() == DATA


@given(ENVELOPES)
def test_sdk_and_we_read_the_same_structured_message(envelope: Envelope) -> None:
    document = {name.removeprefix("ce-"): value for name, value in envelope.headers().items()}
    body = json.dumps({**document, "data": DATA}).encode()
    event = rabbitmq.from_rabbitmq_event(
        RabbitMQMessage({}, "application/cloudevents+json; charset=utf-8", body)
    )
    read = read_envelope(body, {})
    assert read.structured
    assert event.get_attributes() == _attributes(envelope) == _attributes(read)
    assert event.get_data() == json.loads(read_data(body, structured=True)) == DATA


@given(ENVELOPES)
def test_we_read_what_the_sdk_writes(envelope: Envelope) -> None:
    event = CloudEvent(_attributes(envelope), DATA)
    binary = rabbitmq.to_binary_event(event)
    read = read_envelope(binary.body, binary.headers)
    assert (read, _attributes(read)) == (envelope, _attributes(envelope))
    assert json.loads(read_data(binary.body, structured=False)) == DATA

    structured = rabbitmq.to_structured_event(event)
    read = read_envelope(structured.body, structured.headers)
    assert read.structured and _attributes(read) == _attributes(envelope)
    assert json.loads(read_data(structured.body, structured=True)) == DATA


@given(ENVELOPES)
def test_we_read_what_the_sdk_writes_for_amqp_1_0(envelope: Envelope) -> None:
    message = amqp.to_binary_event(CloudEvent(_attributes(envelope), DATA))
    read = read_envelope(message.application_data, message.application_properties)
    theirs = _attributes(read)
    # That binding sends whole milliseconds, and the SDK floors or rounds them.
    sent, got = envelope.time, theirs.pop("time", None)
    assert theirs == {k: v for k, v in _attributes(envelope).items() if k != "time"}
    if sent is not None and abs(sent.timestamp()) > 2e8:
        assert got is not None and abs((got - sent).total_seconds()) < 0.002


WORDS = st.sampled_from(["specversion", "id", "source", "type", "subject", "time", "traceparent"])
NAMES = st.builds(
    str.__add__, st.sampled_from(["ce-", "CE-", "cloudEvents:", "cloudEvents_", ""]), WORDS
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.decimals()
    | st.text()
    | st.text(st.characters(), max_size=4)
    | st.binary()
    | st.datetimes()
    | st.datetimes(timezones=st.timezones())
    | st.just("1.0")
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5
)
HEADERS = st.dictionaries(NAMES | st.text(max_size=12), VALUES, max_size=8)
READABLE = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "s", "ce-type": "t"}
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
BODIES = st.binary() | st.dictionaries(WORDS, st.just("1.0") | JSON_VALUES).map(
    lambda document: json.dumps(document).encode()
)


@given(BODIES, HEADERS)
@example(b"", {**READABLE, "ce-time": 10**5000})
@example(b"", {**READABLE, "ce-specversion": 10**5000})
@example(b"", {**READABLE, "ce-time": "0001-01-01T00:00:00+14:00"})
@example(b"", {**READABLE, "ce-id": "\ud800"})
@example(b"[" * 10_000 + b"]" * 10_000, {})
@example(b'{"specversion":"1.0","time":' + b"9" * 5000 + b"}", {})
@example(b'{"data":1e400}', {})
def test_anything_else_is_unreadable_and_nothing_worse(
    body: bytes, headers: dict[str, Any]
) -> None:
    try:
        read = read_envelope(body, headers)
    except UnreadableEnvelope as error:
        assert error.field and error.reason and error.remedy
    else:
        assert read.id and read.source and read.type
        if read.time is not None:
            read.time.astimezone(UTC)
        assert read_envelope(b"", read.headers()).id == read.id
    try:
        read_data(body, structured=True)
    except UnreadableEnvelope as error:
        assert error.field and error.reason and error.remedy


def test_a_refused_value_is_shown_shortened() -> None:
    with pytest.raises(UnreadableEnvelope) as caught:
        read_envelope(b"", {**READABLE, "ce-specversion": "x" * 100_000})
    assert len(caught.value.reason) < 100


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "application/cloudevents+json", "text/plain", "", "\x00", None, 7, b"x"],
)
def test_content_types_are_ignored(content_type: Any) -> None:
    said = dict.fromkeys(("content-type", "Content-Type", "datacontenttype"), content_type)
    assert read_envelope(b"{}", {**READABLE, **said}) == read_envelope(b"{}", READABLE)
    body = json.dumps({"specversion": "1.0", "id": "1", "source": "s", "type": "t"}).encode()
    assert read_envelope(body, said) == read_envelope(body, {})


INVOICE = (
    '{"document_id": "1", "customer": {"erp_ref": "C"}, "document_date": "2026-01-31",'
    ' "currency": "EUR", "net_amount": "1", "gross_amount": "1"%s}'
)
REFUSED = {
    "NaN": INVOICE % ', "margin": NaN',
    "Infinity": INVOICE % ', "margin": Infinity',
    "10^400": INVOICE % f', "margin": 1{"0" * 400}',
    "10^400 as text": INVOICE % f', "margin": "1{"0" * 400}"',
    "1e400": INVOICE % ', "margin": 1e400',
    "1e400 as text": INVOICE % ', "margin": "1e400"',
    "NaN as text": INVOICE % ', "margin": "NaN"',
    "version 10^400": INVOICE % f', "document_version": 1{"0" * 400}',
    "5000 digits": INVOICE % f', "document_version": {"9" * 5000}',
    "5000 digits in an unknown field": INVOICE % f', "unknown": {"9" * 5000}',
    "depth 10,000": INVOICE % f', "lines": {"[" * 10_000}{"]" * 10_000}',
    "depth 10,000 in an unknown field": INVOICE % f', "unknown": {"[" * 10_000}{"]" * 10_000}',
    "NUL in a key": INVOICE % r', "order_id": "a\u0000b"',
    "NUL in a text": INVOICE % r', "lines": [{"description": "a\u0000b"}]',
    "raw NUL": INVOICE % ', "order_id": "a\x00b"',
    "lone surrogate": INVOICE % r', "order_id": "\ud800"',
    "moment beyond the calendar": INVOICE % ', "recorded_at": "0001-01-01T00:00:00+14:00"',
    "duplicate key, the last is wrong": INVOICE % ', "net_amount": "-1"',
}


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED)
def test_poison_is_refused_and_crashes_nothing(body: str) -> None:
    with pytest.raises(ValidationError) as caught:
        erp.InvoicePosted.model_validate_json(body)
    # Whoever parks the message writes these down.
    assert str(caught.value) and caught.value.errors(include_input=False)


def test_the_last_of_two_equal_keys_counts() -> None:
    read = erp.InvoicePosted.model_validate_json(INVOICE % ', "document_id": "2"')
    assert read.document_id == "2"


@given(st.binary() | st.text().map(str.encode) | JSON_VALUES.map(lambda v: json.dumps(v).encode()))
def test_random_bodies_are_no_invoices(body: bytes) -> None:
    with pytest.raises(ValidationError):
        erp.InvoicePosted.model_validate_json(body)
