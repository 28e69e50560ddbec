"""Reading JSON Schemas: an example of what they take, and what they take in words."""

from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]

DEEPEST = 6
NAMED_AT_MOST = 40
_EXAMPLES = {
    "uuid": "01997c5e-7a52-7d43-9f6a-3b1c5e8f2a10",
    "date": "2026-01-31",
    "date-time": "2026-01-31T12:00:00Z",
}
_IN_WORDS = {
    "uuid": "a UUID",
    "date": "a day as 2026-01-31",
    "date-time": "a moment as 2026-01-31T12:00:00Z",
}


def resolved(schema: Json, document: Json) -> Json:
    """Return the schema that a reference names, or the schema itself."""
    while "$ref" in schema:
        found: Any = document
        for step in schema["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        schema = found
    return schema


def example_of(schema: Json, document: Json) -> Any:
    """Return what the schema names as an example, or else one composed of those of its parts.

    Of an object's fields it holds those that must be, and those that name an example.
    """
    if "examples" in schema or "$ref" not in schema:
        return _example(schema, document)
    return _example(resolved(schema, document), document)


def _example(schema: Json, document: Json) -> Any:
    if schema.get("examples"):
        return schema["examples"][0]
    for key in ("const", "default"):
        if schema.get(key):
            return schema[key]
    if "enum" in schema:
        return schema["enum"][0]
    branches = _branches(schema)
    if branches:
        return example_of(branches[0], document)
    kind = schema.get("type")
    if kind == "array":
        items = schema.get("items", {})
        wanted = schema.get("minItems") or _names_example(items, document)
        return [example_of(items, document)] if wanted else []
    if kind == "object":
        required = schema.get("required", ())
        return {
            name: example_of(field, document)
            for name, field in schema.get("properties", {}).items()
            if name in required or _names_example(field, document)
        }
    return _plain_example(schema)


def _plain_example(schema: Json) -> Any:
    kind = schema.get("type")
    if kind == "string":
        return _EXAMPLES.get(schema.get("format", ""), "text")
    if kind in ("integer", "number"):
        return max(1, schema.get("minimum", 1))
    return True if kind == "boolean" else None


def _names_example(schema: Json, document: Json, depth: int = 0) -> bool:
    if "examples" in schema:
        return True
    if depth > DEEPEST:
        return False
    schema = resolved(schema, document)
    parts = [*schema.get("properties", {}).values(), *_branches(schema), schema.get("items", {})]
    return "examples" in schema or any(
        part and _names_example(part, document, depth + 1) for part in parts
    )


def _branches(schema: Json) -> list[Json]:
    branches = schema.get("anyOf") or schema.get("oneOf") or []
    return [one for one in branches if one.get("type") != "null"]


def in_words(schema: Json, document: Json) -> str:
    """Return in words what the schema takes: its kind, bounds, choices and an example."""
    said = _said(resolved(schema, document), document)
    examples = schema.get("examples") or resolved(schema, document).get("examples") or [None]
    return f"{said}, such as {examples[0]}" if isinstance(examples[0], str) else said


def _said(schema: Json, document: Json, depth: int = 0) -> str:
    if "const" in schema:
        return f"{schema['const']!r}"
    if "enum" in schema:
        return f"one of: {', '.join(str(one) for one in schema['enum'][:NAMED_AT_MOST])}"
    branches = _branches(schema)
    if "discriminator" in schema:
        told_by = schema["discriminator"]
        named = ", ".join(list(told_by["mapping"])[:NAMED_AT_MOST])
        return f"an object whose {told_by['propertyName']} is one of: {named}"
    if branches:
        said = dict.fromkeys(_said(resolved(one, document), document, depth) for one in branches)
        nullable = len(branches) < len(schema.get("anyOf", branches))
        return " or ".join([*said, *(["null"] if nullable else [])])
    kind = schema.get("type")
    if kind == "object":
        return _object_in_words(schema)
    if kind == "array":
        items = _said(resolved(schema.get("items", {}), document), document, depth + 1)
        return f"a list{_bounds(schema, 'Items')} of {items}" if depth < DEEPEST else "a list"
    if kind == "string":
        text = _IN_WORDS.get(schema.get("format", ""), f"text{_bounds(schema, 'Length')}")
        return f"{text} that matches {schema['pattern']}" if "pattern" in schema else text
    if kind in ("integer", "number"):
        return f"a {'whole ' if kind == 'integer' else ''}number{_range(schema)}"
    return "true or false" if kind == "boolean" else "what the API description says"


def _object_in_words(schema: Json) -> str:
    fields = schema.get("properties")
    if fields is None:
        return "an object"
    required = schema.get("required", ())
    named = [f"{name} (required)" if name in required else name for name in fields]
    return f"an object with the fields: {', '.join(named[:NAMED_AT_MOST])}"


def _bounds(schema: Json, of: str) -> str:
    least, most = schema.get(f"min{of}"), schema.get(f"max{of}")
    unit = " items" if of == "Items" else " characters"
    if most is not None:
        return f" of {least} to {most}{unit}" if least else f" of at most {most}{unit}"
    return f" of at least {least}{unit}" if least else ""


def _range(schema: Json) -> str:
    said = (
        f" {word} {schema[key]:.16g}"
        for key, word in (
            ("minimum", "from"),
            ("exclusiveMinimum", "above"),
            ("maximum", "to"),
            ("exclusiveMaximum", "below"),
        )
        if key in schema
    )
    return "".join(said)


def schema_at(
    document: Json, operation: Json, place: tuple[str | int, ...]
) -> tuple[Json | None, Json | None]:
    """
    Return the schema of what stands at this place of a request, and that of what it stands in.

    The place is as pydantic tells it: `("body", "filter", "having")`, `("query", "limit")`.
    """
    where, *path = place
    if where == "body":
        content = operation.get("requestBody", {}).get("content", {})
        schema = content.get("application/json", {}).get("schema")
    else:
        name, path = str(path[0]).lower() if path else "", path[1:]
        found = (
            one["schema"]
            for one in (resolved(one, document) for one in operation.get("parameters", ()))
            if one["in"] == where and one["name"].lower() == name
        )
        schema = next(found, None)
    inside: Json | None = None
    for step in path:
        below = next(_below(schema or {}, step, document), None)
        if below is not None:
            schema, inside = below
        elif _is_unknown(schema or {}, step, document):
            return None, schema
    return schema, inside


def _below(schema: Json, step: str | int, document: Json) -> Iterator[tuple[Json, Json]]:
    """Yield each schema below this one that the step may mean, with that it is directly in."""
    schema = resolved(schema, document)
    chosen = schema.get("discriminator", {}).get("mapping", {}).get(step)
    if chosen is not None:
        yield {"$ref": chosen}, schema
    for branch in _branches(schema):
        yield from _below(branch, step, document)
    if isinstance(step, int):
        if isinstance(schema.get("items"), dict):
            yield schema["items"], schema
    elif step in schema.get("properties", {}):
        yield schema["properties"][step], schema
    elif isinstance(schema.get("additionalProperties"), dict):
        yield schema["additionalProperties"], schema


def _is_unknown(schema: Json, step: str | int, document: Json) -> bool:
    # Pydantic also names branches of unions on the way; those stand for no field.
    return "properties" in resolved(schema, document) and isinstance(step, str)
