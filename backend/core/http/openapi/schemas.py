"""What the framework's schemas leave out: what structs say of themselves, and that unknown fields are refused."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import msgspec

Schema = dict[str, Any]  # of the description, whose parts the framework does not type
Schemas = dict[str, Schema]

# What is the same as leaving it out.
IDLE = {"deprecated": False, "allowEmptyValue": False, "allowReserved": False, "headers": {}}
REFERENCE = re.compile(r'"#/components/schemas/([^"]+)"')
LARGEST = 2**63 - 1
BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
# PostgreSQL text cannot contain NUL, so no text of a request may (see `RequestModel`).
NO_NUL = r"^[^\u0000]*$"
# A text with one of these cannot contain NUL, or its schema already names which characters it has.
NARROWED = {"enum", "const", "pattern", "format", "contentMediaType"}


def tidy(node: object) -> None:
    """Remove default values, and write the bounds of integers as integers. Changes the node."""
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
            # A float loses the last digits of the largest id.
            node[name] = min(int(node[name]), LARGEST)
    for part in node.values():
        tidy(part)


def exact(described: Schema) -> None:
    """Put msgspec's own schemas in the place of the framework's, which lose constraints and examples inside lists
    and unions: what msgspec writes is what it checks. Changes the description.

    Raises:
        ValueError: two structs that go over the wire have the same name.
    """
    known: Schemas = described["components"]["schemas"]
    names = known.keys() | set(REFERENCE.findall(json.dumps(described)))
    structs = [struct for struct in _nested_structs(msgspec.Struct) if struct.__name__ in names]
    twice = [name for name, many in Counter(struct.__name__ for struct in structs).items() if many > 1]
    if twice:
        raise ValueError(f"two structs of one name go over the wire: {', '.join(twice)}")
    _, made = msgspec.json.schema_components(structs, ref_template="#/components/schemas/{name}")
    known.update(made)
    for struct in structs:
        if struct.__struct_config__.forbid_unknown_fields:
            as_checked(known[struct.__name__])


def never_null(operation: Schema) -> None:
    """A header that is not there is left out; it cannot be null. (A query may say `null`, which is read as left out.)
    Changes the operation."""
    for parameter in operation.get("parameters", ()):
        if parameter["in"] != "header" or "oneOf" not in parameter["schema"]:
            continue
        choices = parameter["schema"].pop("oneOf")
        types = [choice for choice in choices if choice != {"type": "null"}]
        parameter["schema"] = {**types[0], **parameter["schema"]} if len(types) == 1 else {"oneOf": types}


def as_checked(node: object) -> None:
    """Say of what comes in what we check besides: no text holds a NUL, and of a set's doubles one is kept. Changes
    the node.
    """
    if isinstance(node, list):
        for part in node:
            as_checked(part)
    if not isinstance(node, dict):
        return
    node.pop("uniqueItems", None)
    if node.get("type") == "string" and not NARROWED & node.keys():
        node["pattern"] = NO_NUL
    for name, part in node.items():
        if name not in {"examples", "default", "enum"}:
            as_checked(part)


def _nested_structs(kind: type[msgspec.Struct]) -> Iterator[type[msgspec.Struct]]:
    for child in kind.__subclasses__():
        if child.__module__.startswith("backend."):
            yield child
        yield from _nested_structs(child)
