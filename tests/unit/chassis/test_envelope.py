import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.envelope import Envelope, UnreadableEnvelope, read_data, read_envelope

NAMES = ["specversion", "id", "source", "type", "subject", "time", "correlationid"]
ANY = st.one_of(
    st.text(max_size=20),
    st.none(),
    st.integers(),
    st.floats(),
    st.binary(max_size=10),
    st.datetimes(),
    st.lists(st.integers(), max_size=2),
    st.just("1.0"),
    st.just("2026-11-23T10:00:00Z"),
)
HEADERS = st.dictionaries(
    st.one_of(
        st.text(max_size=20),
        st.sampled_from(["ce-", "cloudEvents:", "cloudEvents_", "CE-"]).flatmap(
            lambda prefix: st.sampled_from([prefix + name for name in NAMES])
        ),
    ),
    ANY,
    max_size=9,
)
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*NAMES, "data", "data_base64"]), inner, max_size=9)
    ),
    max_leaves=12,
)
BODY = st.one_of(
    st.binary(max_size=60),
    JSON.map(lambda value: json.dumps(value).encode()),
    st.just(b"[" * 5000),
    st.just(b'{"id": ' * 5000),
    st.just(b'{"specversion": "1.0", "id": "\\ud800", "source": "s", "type": "t"}'),
)


@given(BODY, HEADERS)
def test_anything_is_read_or_refused_with_a_remedy(body: bytes, headers: dict[str, Any]) -> None:
    try:
        envelope = read_envelope(body, headers)
        read_data(body, structured=envelope.structured)
    except UnreadableEnvelope as error:
        assert error.field and error.reason and error.remedy
        return
    for value in (envelope.id, envelope.source, envelope.type):
        assert value.strip() and value.encode()


PRINTABLE = st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=60).filter(
    str.strip
)


@given(PRINTABLE, PRINTABLE, PRINTABLE, st.none() | PRINTABLE)
def test_both_modes_say_the_same(id_: str, source: str, type_: str, subject: str | None) -> None:
    sent = Envelope(id_, source, type_, subject, datetime(2026, 11, 23, tzinfo=UTC))
    assert read_envelope(b"{}", sent.headers()) == sent
    document = {name.removeprefix("ce-"): value for name, value in sent.headers().items()}
    read = read_envelope(json.dumps(document | {"data": {}}).encode(), {})
    assert read.structured
    assert (read.id, read.source, read.type, read.subject) == (id_, source, type_, subject)


@pytest.mark.parametrize("prefix", ["ce-", "cloudEvents:", "cloudEvents_", "CE-"])
def test_each_prefix_of_the_binding_is_read(prefix: str) -> None:
    headers = {f"{prefix}{name}": "x" for name in ("id", "source", "type")}
    assert read_envelope(b"", {**headers, f"{prefix}specversion": "1.0"}).id == "x"


def test_structured_data_comes_out() -> None:
    assert read_data(b'{"data": {"a": 1}}', structured=True) == b'{"a":1}'
    with pytest.raises(UnreadableEnvelope, match="data"):
        read_data(b"{}", structured=True)
