"""Tells whether a new schema still reads everything that the old one read, and still says it."""

from typing import Any

Schema = dict[str, Any]

_CEILINGS = ("maxLength", "maximum", "exclusiveMaximum", "maxItems", "maxProperties")
_FLOORS = ("minLength", "minimum", "exclusiveMinimum", "minItems", "minProperties")
_FORMS = ("pattern", "format")


def compatible(old_schema: Schema, new_schema: Schema) -> list[str]:
    """Return what breaks, each with the path of the field; empty if nothing does."""
    return _compare(old_schema, new_schema, old_schema, new_schema, "$")


def _compare(old: Schema, new: Schema, old_root: Schema, new_root: Schema, path: str) -> list[str]:
    broken: list[str] = []
    branches = _branches(new, new_root)
    for old_branch in _branches(old, old_root):
        found = [_branch(old_branch, branch, old_root, new_root, path) for branch in branches]
        # The best match explains the difference best.
        broken += min(found, key=len)
    return broken


def _branch(old: Schema, new: Schema, old_root: Schema, new_root: Schema, path: str) -> list[str]:
    missing = _types(old) - _types(new)
    if missing:
        # Counts heavily, so that a branch of the right type is preferred however it differs.
        return [f"{path}: no longer takes {kind}" for kind in sorted(missing)] * 50
    return [
        *_values(old, new, path),
        *_bounds(old, new, path),
        *_properties(old, new, old_root, new_root, path),
        *_items(old, new, old_root, new_root, path),
        *_others(old, new, old_root, new_root, path),
    ]


def _resolved(schema: Schema, root: Schema) -> Schema:
    while "$ref" in schema:
        target: Any = root
        for step in schema["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        schema = {**target, **{key: value for key, value in schema.items() if key != "$ref"}}
    return schema


def _branches(schema: Schema, root: Schema) -> list[Schema]:
    schema = _resolved(schema, root)
    for word in ("anyOf", "oneOf"):
        if word in schema:
            return [found for part in schema[word] for found in _branches(part, root)]
    return [schema]


def _types(schema: Schema) -> set[str]:
    kinds = schema.get("type")
    if kinds is None:
        return {"null", "boolean", "number", "integer", "string", "array", "object"}
    found = {kinds} if isinstance(kinds, str) else set(kinds)
    return found | {"integer"} if "number" in found else found


def _values(old: Schema, new: Schema, path: str) -> list[str]:
    before, now = _enum(old), _enum(new)
    if now is None:
        return []
    if before is None:
        return [f"{path}: takes only {now} now"]
    return [f"{path}: no longer takes {value!r}" for value in before if value not in now]


def _enum(schema: Schema) -> list[Any] | None:
    if "const" in schema:
        return [schema["const"]]
    return schema.get("enum")


def _bounds(old: Schema, new: Schema, path: str) -> list[str]:
    broken = []
    for words, tighter in ((_CEILINGS, lambda a, b: b < a), (_FLOORS, lambda a, b: b > a)):
        for word in words:
            if word in new and (word not in old or tighter(old[word], new[word])):
                broken.append(f"{path}: {word} is narrower")
    for word in _FORMS:
        if word in new and new[word] != old.get(word):
            broken.append(f"{path}: {word} is another one")
    return broken


def _properties(
    old: Schema, new: Schema, old_root: Schema, new_root: Schema, path: str
) -> list[str]:
    broken = [
        f"{path}.{name}: newly required"
        for name in new.get("required", [])
        if name not in old.get("required", [])
    ]
    there = new.get("properties", {})
    for name, field in old.get("properties", {}).items():
        if name not in there:
            broken.append(f"{path}.{name}: removed")
        else:
            broken += _compare(field, there[name], old_root, new_root, f"{path}.{name}")
    return broken


def _items(old: Schema, new: Schema, old_root: Schema, new_root: Schema, path: str) -> list[str]:
    if "items" not in new:
        return []
    return _compare(old.get("items", {}), new["items"], old_root, new_root, f"{path}[]")


def _others(old: Schema, new: Schema, old_root: Schema, new_root: Schema, path: str) -> list[str]:
    before, now = old.get("additionalProperties", True), new.get("additionalProperties", True)
    if now is True or before is False:
        return []
    if now is False:
        return [f"{path}: no longer takes unknown fields"]
    return _compare({} if before is True else before, now, old_root, new_root, f"{path}.*")
