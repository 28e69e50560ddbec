"""Joins the published language to the chassis, which knows no event type by itself."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from shared.chassis.inbox import ENTRANCE, Label, UnreadableMessage
from shared.chassis.messages import Publication
from shared.chassis.relay import Address
from shared.contracts import envelope
from shared.contracts.catalogue import CATALOGUE, ERP_EXCHANGE, EVENTS_EXCHANGE, NAMES, heard_by
from shared.contracts.types import Contract

EXCHANGES = (ERP_EXCHANGE, EVENTS_EXCHANGE)
# Its queue takes whatever is published to the ERP exchange, under any routing key: what nobody
# listens to would be lost without a word (docs/decisions/0007).
KEEPER = "customers"


def read_label(body: bytes, headers: Mapping[str, Any]) -> Label:
    """Read who a message is from, by its envelope; raise `UnreadableMessage` with a remedy."""
    try:
        read = envelope.read_envelope(body, headers)
    except envelope.UnreadableEnvelope as error:
        raise UnreadableMessage(
            f"envelope_{error.field}_invalid", f"{error.field}: {error.reason}. {error.remedy}."
        ) from None
    if headers.get(ENTRANCE) == ERP_EXCHANGE and not read.type.startswith("erp."):
        raise UnreadableMessage(
            "type_not_allowed",
            f"type: {read.type!r} is not an ERP's to publish. Publish the erp. types only.",
        )
    return Label(
        source=read.source,
        message_id=read.id,
        type=read.type,
        subject=read.subject,
        time=read.time,
        structured=read.structured,
    )


def read_data(body: bytes, structured: bool) -> bytes:
    """Return a stored message's data as JSON bytes; raise `ValueError` naming the remedy."""
    try:
        return envelope.read_data(body, structured=structured)
    except envelope.UnreadableEnvelope as error:
        raise ValueError(f"{error.field}: {error.reason}. {error.remedy}.") from None


@cache
def address_of(type_: str) -> Address:
    """Return where events of a type go; they must be heard where the catalogue names a listener."""
    event = CATALOGUE[type_]
    return Address(exchange=event.exchange, must_be_heard=bool(event.heard_by))


def publication(data: Contract, *, subject: str) -> Publication:
    """Return an event for the outbox: its type by the catalogue, its data as JSON bytes."""
    return Publication(
        type=NAMES[type(data)], subject=subject, body=data.model_dump_json().encode()
    )


def bindings(service: str) -> list[tuple[str, str]]:
    """Return the (exchange, routing key) pairs a service's queue is bound with."""
    pairs = [(event.exchange, event.name) for event in heard_by(service)]
    return [*pairs, (ERP_EXCHANGE, "#")] if service == KEEPER else pairs
