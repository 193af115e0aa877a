"""Hooks of schemathesis: ids of rows that exist, and integers without a decimal point."""

import json
import os
from typing import Any

import schemathesis
from schemathesis.engine import observations

# Values of path parameters by the beginning of the path, and of fields by their name.
PLACES: dict[str, dict[str, Any]] = json.loads(os.environ["SCANBACK_PLACES"])
FIELDS: dict[str, Any] = json.loads(os.environ["SCANBACK_FIELDS"])
# Calls that end an account, a device, a session or a job use a token of their own, so that the others still work.
LEAVERS = {
    "delete_device": (os.environ["AGENT_TOKEN"], os.environ["OTHER_TOKEN"]),
    "delete_account": (os.environ["AGENT_TOKEN"], os.environ["LEAVING_TOKEN"]),
    "put_staff": (os.environ["STAFF_TOKEN"], os.environ["RIVAL_TOKEN"]),
    "remove_staff": (os.environ["STAFF_TOKEN"], os.environ["RIVAL_TOKEN"]),
    "end_staff_session": (os.environ["STAFF_TOKEN"], os.environ["GOING_TOKEN"]),
}


path_of = observations._same_origin_path


def path_if_any(value: str, origin: tuple[str, str]) -> str | None:
    """Answers repeat what was sent, such as a code that begins like a link and is none: the library stumbles there."""
    try:
        return path_of(value, origin)
    except ValueError:
        return None


observations._same_origin_path = path_if_any


@schemathesis.serializer("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")
def workbook(ctx, value):
    """It cannot make a workbook; any bytes will do."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


@schemathesis.hook
def before_call(context, case, kwargs):
    """Send the leavers away with their own token."""
    stays, leaves = LEAVERS.get(case.operation.definition.raw.get("operationId"), ("", ""))
    for headers in (case.headers, kwargs.get("headers")):
        if stays and headers and headers.get("Authorization") == f"Bearer {stays}":
            headers["Authorization"] = f"Bearer {leaves}"


@schemathesis.hook
def filter_query(context, query):
    """No schema can exclude NUL from a query; tests/core/openapi/test_edges.py sends it."""
    return not any("\0" in str(value) for value in (query or {}).values())


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """Put rows that exist in the place of made-up examples, or most requests would end at a 404."""
    for path, operations in raw_schema["paths"].items():
        for operation in operations.values():
            for parameter in operation.get("parameters", ()):
                for begin, values in PLACES.items():
                    if path.startswith(begin) and parameter["name"] in values:
                        parameter["example"] = values[parameter["name"]]
            for content in operation.get("requestBody", {}).get("content", {}).values():
                content.pop("encoding", None)  # it cannot make a PDF or a HEIC; any bytes will do
    _put(raw_schema)


def _put(node):
    if isinstance(node, list):
        for part in node:
            _put(part)
    if not isinstance(node, dict):
        return
    for name, part in node.items():
        if name in FIELDS and isinstance(part, dict):
            part["examples"] = [FIELDS[name]]
        elif name in FIELDS and isinstance(part, str | int):
            node[name] = FIELDS[name]
        else:
            _put(part)


@schemathesis.hook
def map_body(context, body):
    """To JSON Schema 1.0 is an integer; to us it is not, as money is counted in whole kopecks."""
    if isinstance(body, dict):
        return {name: map_body(context, part) for name, part in body.items()}
    if isinstance(body, list):
        return [map_body(context, part) for part in body]
    return int(body) if isinstance(body, float) and body.is_integer() else body
