"""An example for each request, answer and parameter, put together from the examples of the fields."""

import json

from backend.core.http.openapi.schemas import Schema, Schemas

Example = object
# Examples of fields whose type is enough.
FORMATS = {
    "date-time": "2026-11-22T10:00:00Z",
    "date": "2026-11-22",
    "uuid": "0193f3a1-8c5e-7b42-9d16-4f7a2c8e5b03",
    "email": "owner@teplo.example",
    "uri": "https://teplo.example",
}
# Parameters that no field is named after.
PARAMETERS = {
    "cursor": "WzQyXQ",
    "q": "socket",
    "shelf": "tools",
    "Last-Event-ID": "1041-17",
    "return_key": "return-117",
    "card": "4000123456789017",
    "card_number": "4000123456789017",
    "agent": "4000123456789017",
    "campaign": "autumn",
    "product": "RA16-374",
    "shop": "lesnaya",
    "member": "anna@teplo.example",
    "event_kind": "staff.changed",
    "provider": "callback",
    "Scanback-Pin": "4071",
    "If-Match": '"5f2b1c9e8d7a4b3c2d1e0f9a"',
    "If-None-Match": '"5f2b1c9e8d7a4b3c2d1e0f9a"',
}
NOTHING = object()


def fill(operation: Schema, known: Schemas) -> None:
    """Put examples where an operation has none. Changes the operation."""
    spoken = json.dumps(operation)
    near = sorted(known, key=lambda name: f'/{name}"' not in spoken)
    for parameter in operation.get("parameters", ()):
        if "examples" not in parameter:
            parameter.setdefault("example", _of_parameter(parameter, known, near))
    bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
    for body in bodies:
        for content in body.get("content", {}).values():
            if "examples" not in content:
                content.setdefault("example", compose(content["schema"], known))


def _of_parameter(parameter: Schema, known: Schemas, near: list[str]) -> Example:
    """A parameter is called like the field that it names, and shows what that field of the nearest struct shows."""
    name, schema = parameter["name"], parameter["schema"]
    if name in PARAMETERS:
        return PARAMETERS[name]
    if schema.get("type") == "string" and not schema.keys() & {"examples", "enum", "const"}:
        for struct in near:
            field = known[struct].get("properties", {}).get(name, {})
            if "examples" in field and field.get("format") == schema.get("format"):
                return field["examples"][0]
    return compose(schema, known)


def compose(schema: Schema, known: Schemas) -> Example:
    """A value that fits a schema. The first example of a field counts; null there leaves the field out."""
    found = _compose_example(schema, known, frozenset())
    return None if found is NOTHING else found


def _compose_example(schema: Schema, known: Schemas, within: frozenset[str]) -> Example:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        # A struct that holds itself ends here.
        return NOTHING if name in within else _compose_example(known[name], known, within | {name})
    if "examples" in schema:
        return schema["examples"][0]
    for several in ("oneOf", "anyOf", "allOf"):
        if several in schema:
            return _compose_example(schema[several][0], known, within)
    if schema.get("type") == "object" or "properties" in schema:
        return _object_example(schema, known, within)
    if schema.get("type") == "array":
        item = _compose_example(schema["items"], known, within)
        return [] if item is NOTHING else [item]
    return _single_example(schema)


def _object_example(schema: Schema, known: Schemas, within: frozenset[str]) -> Example:
    required = schema.get("required", ())
    found = {name: _compose_example(field, known, within) for name, field in schema.get("properties", {}).items()}
    return {
        name: value for name, value in found.items() if value is not NOTHING and (value is not None or name in required)
    }


def _single_example(schema: Schema) -> Example:
    for name in ("const", "default"):
        if name in schema:
            return schema[name]
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type")
    if kind == "integer":
        return schema.get("minimum", 1)
    if kind == "boolean":
        return True
    # A plain text without a description. A test requires an example there.
    return FORMATS.get(schema.get("format", ""), "text")
