"""Writes what the catalogue says for others: JSON Schemas, AsyncAPI and a page of events."""

import json
from pathlib import Path
from typing import Any

from shared.contracts.catalogue import CATALOGUE, ERP_EXCHANGE, EVENTS_EXCHANGE, EventType
from shared.contracts.envelope import MAX_ATTRIBUTE, SPEC_VERSION

SCHEMAS = Path("shared/contracts/schemas")
ASYNCAPI = Path("docs/asyncapi.json")
EVENTS_PAGE = Path("docs/events.md")
GOLDEN = Path("tests/contract/golden")

_CHANNELS = {
    ERP_EXCHANGE: "What ERPs publish.",
    EVENTS_EXCHANGE: "What the services of Suhde publish.",
}
_LIMITS = {
    "minLength": "length at least {}",
    "maxLength": "length at most {}",
    "minimum": "at least {}",
    "maximum": "at most {}",
    "maxItems": "at most {} items",
    "pattern": "matches `{}`",
}

Json = dict[str, Any]


def generate(root: Path) -> dict[Path, str]:
    """
    Return every generated file under `root` with its text.

    The examples of the page are the first golden messages found under `root`.
    """
    files = {
        root / SCHEMAS / f"{event.name}.schema.json": _dump(schema_of(event))
        for event in CATALOGUE.values()
    }
    files[root / ASYNCAPI] = _dump(_asyncapi())
    files[root / EVENTS_PAGE] = _page(root)
    return files


def write(root: Path) -> None:
    """Write all generated files and remove the schemas of types that are no longer there."""
    files = generate(root)
    for old in (root / SCHEMAS).glob("*.schema.json"):
        if old not in files:
            old.unlink()
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")


def schema_of(event: EventType) -> Json:
    """Return the JSON Schema of a type's data, as readers accept it."""
    return {
        **event.model.model_json_schema(mode="validation"),
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:suhde:{event.name}",
        "title": event.name,
    }


def _dump(document: Json) -> str:
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _summary(event: EventType) -> str:
    return " ".join((event.model.__doc__ or "").split("\n\n")[0].split())


def _asyncapi() -> Json:
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Suhde events",
            "version": "1",
            "description": "CloudEvents 1.0 over RabbitMQ. The routing key is the event's type.",
        },
        "defaultContentType": "application/json",
        "channels": {name: _channel(name, about) for name, about in _CHANNELS.items()},
        "operations": _operations(),
        "components": {
            "messages": {event.name: _message(event) for event in CATALOGUE.values()},
            "schemas": {"CloudEventHeaders": _headers()},
        },
    }


def _channel(name: str, about: str) -> Json:
    return {
        "address": name,
        "description": about,
        "messages": {
            event.name: {"$ref": f"#/components/messages/{event.name}"}
            for event in CATALOGUE.values()
            if event.exchange == name
        },
        "bindings": {
            "amqp": {
                "is": "routingKey",
                "exchange": {"name": name, "type": "topic", "durable": True, "autoDelete": False},
            }
        },
    }


def _operations() -> Json:
    services = {event.publisher for event in CATALOGUE.values()}
    services |= {service for event in CATALOGUE.values() for service in event.heard_by}
    operations: Json = {}
    for service in sorted(services):
        for channel in _CHANNELS:
            here = [event for event in CATALOGUE.values() if event.exchange == channel]
            sent = [event for event in here if event.publisher == service]
            heard = [event for event in here if service in event.heard_by]
            for action, events in (("send", sent), ("receive", heard)):
                if events:
                    operations[f"{service}.{action}.{channel}"] = _operation(
                        action, channel, events
                    )
    return operations


def _operation(action: str, channel: str, events: list[EventType]) -> Json:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "messages": [{"$ref": f"#/channels/{channel}/messages/{event.name}"} for event in events],
    }


def _message(event: EventType) -> Json:
    return {
        "name": event.name,
        "summary": _summary(event),
        "contentType": "application/json",
        "headers": {
            "type": "object",
            "allOf": [{"$ref": "#/components/schemas/CloudEventHeaders"}],
            "properties": {"ce-type": {"const": event.name}},
        },
        "payload": {"$ref": f"../{SCHEMAS.as_posix()}/{event.name}.schema.json"},
    }


def _headers() -> Json:
    text = {"type": "string", "minLength": 1, "maxLength": MAX_ATTRIBUTE}
    return {
        "type": "object",
        "required": ["ce-specversion", "ce-id", "ce-source", "ce-type"],
        "properties": {
            "ce-specversion": {"type": "string", "const": SPEC_VERSION},
            "ce-id": {**text, "description": "unique within the source, the same when resent"},
            "ce-source": {**text, "description": "who says it, such as /erp/main"},
            "ce-type": {**text, "description": "the event's type, also the routing key"},
            "ce-subject": {**text, "description": "what it is about"},
            "ce-time": {"type": "string", "format": "date-time"},
            "ce-correlationid": text,
            "traceparent": {**text, "description": "W3C trace context"},
        },
    }


def _page(root: Path) -> str:
    lines = [
        "# Events",
        "",
        "Written by `make schemas` from `shared/contracts`; do not edit.",
        "",
        "| Type | Publisher | Heard by | Summary |",
        "| --- | --- | --- | --- |",
    ]
    for event in CATALOGUE.values():
        anchor = event.name.replace(".", "")
        heard = ", ".join(event.heard_by) or "-"
        lines.append(
            f"| [{event.name}](#{anchor}) | {event.publisher} | {heard} "
            f"| {_cell(_summary(event))} |"
        )
    for event in CATALOGUE.values():
        lines += ["", *_section(root, event)]
    return "\n".join(lines) + "\n"


def _section(root: Path, event: EventType) -> list[str]:
    schema = schema_of(event)
    lines = [f"## {event.name}", ""]
    lines += [(event.model.__doc__ or "").replace("\n    ", "\n").strip(), ""]
    lines += _fields(schema)
    for name, part in sorted(schema.get("$defs", {}).items()):
        lines += ["", f"`{name}`: {part.get('description', '')}", "", *_fields(part)]
    examples = sorted((root / GOLDEN / event.name).glob("*.json"))
    if examples:
        example = json.loads(examples[0].read_text(encoding="utf-8"))
        text = json.dumps(example, indent=2, ensure_ascii=False)
        lines += ["", "Example:", "", "```json", *text.split("\n"), "```"]
    return lines


def _fields(schema: Json) -> list[str]:
    lines = ["| Name | Type | Required | Description |", "| --- | --- | --- | --- |"]
    required = schema.get("required", [])
    for name, field in schema.get("properties", {}).items():
        needed = "yes" if name in required else "no"
        about = "; ".join(filter(None, (field.get("description"), *_limits(field))))
        lines.append(f"| {name} | {_cell(_type(field))} | {needed} | {_cell(about)} |")
    return lines


def _type(field: Json) -> str:
    if "$ref" in field:
        return str(field["$ref"]).rpartition("/")[2]
    if "anyOf" in field:
        return " or ".join(_type(branch) for branch in field["anyOf"])
    if "enum" in field:
        return " or ".join(f"`{value}`" for value in field["enum"])
    if "const" in field:
        return f"`{field['const']}`"
    if field.get("type") == "array":
        return f"list of {_type(field.get('items', {}))}"
    if isinstance(field.get("additionalProperties"), dict):
        return f"map of string to {_type(field['additionalProperties'])}"
    return str(field.get("format", field.get("type", "anything")))


def _limits(field: Json) -> list[str]:
    parts = [field, *field.get("anyOf", ())]
    return [
        text.format(part[key]) for part in parts for key, text in _LIMITS.items() if key in part
    ]


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    write(Path(__file__).resolve().parents[2])
