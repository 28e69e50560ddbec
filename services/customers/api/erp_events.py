"""The ERP's entrance over HTTP: CloudEvents, single or many, stored like those from the bus."""

from typing import Any

from fastapi import APIRouter, Request
from pydantic import ValidationError
from pydantic_core import from_json, to_json

from services.customers.api.shapes import EventAnswer, EventsAnswer
from shared.chassis.errors import Kind, Refusal
from shared.chassis.http.description import WITHOUT_KEY, may_refuse
from shared.chassis.inbox import ENTRANCE, MAX_MESSAGE, Inbox, Stored, UnreadableMessage
from shared.chassis.messages import Incoming
from shared.chassis.worker import explain
from shared.contracts.catalogue import CATALOGUE, ERP_EXCHANGE
from shared.contracts.wiring import read_data, read_label

MAX_EVENTS = 1000
REFUSED = "refused"
HERE = {ENTRANCE: ERP_EXCHANGE}


class EventsUnreadable(Refusal):
    """The body is no JSON that could hold CloudEvents."""

    slug = "events_unreadable"
    remedy = "Send one CloudEvent as a JSON object, or up to 1000 of them as a JSON array."


class TooManyEvents(Refusal):
    """The batch holds more events than are taken at once."""

    kind = Kind.TOO_LARGE
    slug = "too_many_events"
    remedy = f"Send at most {MAX_EVENTS} events per request."


_EVENT: dict[str, Any] = {
    "type": "object",
    "description": "A CloudEvent of one of the types in docs/events.md.",
    "examples": [
        {
            "specversion": "1.0",
            "id": "customer-17850-1",
            "source": "/erp/main",
            "type": "erp.customer-saved.v1",
            "data": {"erp_ref": "17850", "name": "Kauppa Oy"},
        }
    ],
}
_EVENTS = {"type": "array", "minItems": 1, "maxItems": MAX_EVENTS, "items": _EVENT}
_BODY = {
    "required": True,
    "content": {
        "application/json": {"schema": {"anyOf": [_EVENT, _EVENTS]}},
        "application/cloudevents+json": {"schema": _EVENT},
        "application/cloudevents-batch+json": {"schema": _EVENTS},
    },
}


def erp_router(inbox: Inbox) -> APIRouter:
    """Return the route POST /v1/erp/events."""
    router = APIRouter(prefix="/v1/erp", tags=["erp"])

    @router.post(
        "/events",
        status_code=202,
        responses=may_refuse(EventsUnreadable, TooManyEvents),
        openapi_extra={"requestBody": _BODY, **WITHOUT_KEY},
    )
    async def take(request: Request) -> EventsAnswer:
        """
        Take ERP events, one or a batch, and answer for each.

        `accepted`: stored for certain and applied within moments. `duplicate`: it was here before.
        `parked`: stored and set aside, since the field named must be mended. `refused`: not stored,
        for it cannot be read. The other events of the batch are taken all the same.
        """
        messages = _messages(await request.body(), dict(request.headers))
        answers = [_checked(message) for message in messages]
        readable = [place for place, answer in enumerate(answers) if answer.status != REFUSED]
        fates = await inbox.store([messages[place] for place in readable]) if readable else []
        for place, fate in zip(readable, fates, strict=True):
            answer = answers[place]
            if fate is Stored.DUPLICATE:
                answer.status = Stored.DUPLICATE.value
            elif fate is Stored.PARKED:
                answer.status = Stored.PARKED.value
                answer.reason = "message_id_reused"
                answer.detail = (
                    "id: this id came before from the same source with another body. Give every "
                    "event an id of its own; the first one holds."
                )
        return EventsAnswer(results=answers)

    return router


def _messages(body: bytes, headers: dict[str, str]) -> list[Incoming]:
    if "ce-specversion" in headers:
        attributes = {name: value for name, value in headers.items() if name.startswith("ce-")}
        return [Incoming(body, attributes | HERE)]
    try:
        document: Any = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise EventsUnreadable(f"body: {error}") from None
    if isinstance(document, dict):
        return [Incoming(body, HERE)]
    if not isinstance(document, list) or not document:
        raise EventsUnreadable("body: neither an object nor a non-empty array.")
    if len(document) > MAX_EVENTS:
        raise TooManyEvents(f"The batch holds {len(document)} events.")
    return [Incoming(to_json(event), HERE) for event in document]


def _checked(message: Incoming) -> EventAnswer:
    if len(message.body) > MAX_MESSAGE:
        return EventAnswer(
            id=None,
            status=REFUSED,
            reason="message_too_large",
            detail=f"body: over {MAX_MESSAGE} bytes. Send fewer lines per document.",
        )
    try:
        label = read_label(message.body, message.headers)
    except UnreadableMessage as error:
        return EventAnswer(id=None, status=REFUSED, reason=error.reason, detail=error.detail)
    event = CATALOGUE.get(label.type)
    if event is None or event.publisher != "erp" or "customers" not in event.heard_by:
        return EventAnswer(
            id=label.message_id,
            status=Stored.PARKED.value,
            reason="type_unknown",
            detail=f"type: {label.type!r} is none that an ERP publishes; see docs/events.md.",
        )
    try:
        event.model.model_validate_json(read_data(message.body, label.structured))
    except ValidationError as error:
        reason, detail = explain(error)
        return EventAnswer(
            id=label.message_id, status=Stored.PARKED.value, reason=reason, detail=detail
        )
    except ValueError as error:
        return EventAnswer(
            id=label.message_id,
            status=Stored.PARKED.value,
            reason="data_unreadable",
            detail=str(error),
        )
    return EventAnswer(id=label.message_id, status=Stored.ACCEPTED.value)
