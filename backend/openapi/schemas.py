"""What the framework's schemas leave out: what structs say of themselves, and that unknown fields are refused."""

import inspect
from collections.abc import Iterator
from typing import Any

import msgspec

Schema = dict[str, Any]
Schemas = dict[str, Schema]

# What is the same as leaving it out.
IDLE = {"deprecated": False, "allowEmptyValue": False, "allowReserved": False, "headers": {}}
BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
# PostgreSQL keeps no NUL in a text, so no text that comes in may hold one (see `backend.wire.In`).
NO_NUL = r"^[^\u0000]*$"
# A text with one of these cannot hold a NUL, or says so itself.
NARROWED = {"enum", "const", "pattern", "format", "contentMediaType"}


def tidy(node: Any) -> None:
    """Take out what says nothing, and write the bounds of whole numbers as whole numbers. Changes the node."""
    if isinstance(node, list):
        for part in node:
            tidy(part)
        return
    if not isinstance(node, dict):
        return
    for name, value in IDLE.items():
        if node.get(name) == value:
            del node[name]
    for name in BOUNDS:
        if isinstance(node.get(name), float) and node[name].is_integer():
            node[name] = int(node[name])
    for part in node.values():
        tidy(part)


def describe(known: Schemas) -> None:
    """Give each schema its struct's docstring; close those that refuse unknown fields. Changes the schemas."""
    for struct in _structs(msgspec.Struct):
        schema = known.get(struct.__name__)
        if schema is None:
            continue
        schema["description"] = inspect.cleandoc(struct.__doc__ or "")
        if struct.__struct_config__.forbid_unknown_fields:
            schema["additionalProperties"] = False
            refuse_nul(schema)


def refuse_nul(node: Any) -> None:
    """Say of each text below that it holds no NUL. Changes the node."""
    if isinstance(node, list):
        for part in node:
            refuse_nul(part)
    if not isinstance(node, dict):
        return
    if node.get("type") == "string" and not NARROWED & node.keys():
        node["pattern"] = NO_NUL
    for name, part in node.items():
        if name not in {"examples", "default", "enum"}:
            refuse_nul(part)


def _structs(kind: type[msgspec.Struct]) -> Iterator[type[msgspec.Struct]]:
    for child in kind.__subclasses__():
        if child.__module__.startswith("backend."):
            yield child
        yield from _structs(child)
