"""How an operation answers: in words of our own, with the refusals that any route may give."""

import re
from http import HTTPStatus

from backend.core.http import errors
from backend.core.http.errors import DomainError
from backend.core.http.openapi.schemas import Schema, Schemas
from backend.core.http.problems import PROBLEM_JSON, error_responses, example_of

Operation = Schema
Response = Schema

DONE = {"200": "Done.", "201": "Made.", "202": "Accepted: it is done soon.", "204": "Done, and nothing to say."}
KNOWN_ALREADY = {"description": "You have it already: nothing has changed since that ETag."}
IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "The ETag of an earlier answer.",
    "schema": {"type": "string"},
}
FIRST_SENTENCE = re.compile(r"(.+?)(?:[.:](?:\s|$)|$)")


def _header_schema(about: str) -> Schema:
    return {"description": about, "schema": {"type": "string"}}


ETAG = _header_schema("Send it back as If-None-Match.")
WAIT = {"Retry-After": _header_schema("Seconds to wait.")}
# Errors that any route may have, by status. What a route reads decides which of them it has.
GENERAL: dict[str, type[DomainError]] = {
    "400": errors.ValidationFailed,
    "401": errors.Unauthenticated,
    "404": errors.NotFound,
    "413": errors.TooLarge,
    "415": errors.Unsupported,
    "429": errors.TooManyRequests,
    "500": errors.InternalError,
    "503": errors.Busy,
}
HEADERS = {"401": {"WWW-Authenticate": _header_schema("Always `Bearer`.")}, "429": WAIT, "503": WAIT}


def components() -> dict[str, Response]:
    """The general refusals as answers that operations refer to."""
    return {refusal.__name__: _general_response(status, refusal) for status, refusal in GENERAL.items()}


def _general_response(status: str, refusal: type[DomainError]) -> Response:
    answer: Response = {
        "description": error_responses(refusal)[refusal.status].description,
        "content": {
            PROBLEM_JSON: {
                "schema": {"$ref": "#/components/schemas/Problem"},
                "examples": {refusal.code: {"value": example_of(refusal)}},
            }
        },
    }
    return answer | ({"headers": HEADERS[status]} if status in HEADERS else {})


def finish(operation: Operation, known: Schemas) -> None:
    """Say in our own words what an operation does and answers. Changes the operation."""
    first = FIRST_SENTENCE.match(operation["description"].replace("\n", " "))
    operation["summary"] = first[1] if first else operation["description"]
    for status, answer in operation["responses"].items():
        _speak(status, answer, known)
    _add_not_modified(operation)
    for status in _error_statuses(operation):
        _add_general(operation["responses"], status)


def _speak(status: str, answer: Response, known: Schemas) -> None:
    """Replace the stock sentences about HTTP, which differ from one Python to the next."""
    for content in answer.get("content", {}).values():
        for example in content.get("examples", {}).values():
            example.pop("id", None)
    if status not in DONE or answer["description"] != HTTPStatus(int(status)).description:
        return
    contents = list(answer.get("content", {}).values())
    name = contents[0]["schema"].get("$ref", "").rpartition("/")[2] if contents else ""
    answer["description"] = known.get(name, {}).get("description") or DONE[status]


def _add_not_modified(operation: Operation) -> None:
    headers = operation["responses"].get("200", {}).get("headers", {})
    if "ETag" in headers:
        headers["ETag"] = ETAG
        operation["responses"]["304"] = KNOWN_ALREADY
        operation.setdefault("parameters", []).append(dict(IF_NONE_MATCH))


def _error_statuses(operation: Operation) -> list[str]:
    """The general errors that an operation may have."""
    statuses = ["400", "429", "500", "503"]
    if any(operation.get("security", ())):
        statuses.append("401")
    if any(parameter["in"] == "path" for parameter in operation.get("parameters", ())):
        statuses.append("404")
    if "requestBody" in operation:
        statuses += ["413", "415"]
    return statuses


def _add_general(responses: dict[str, Response], status: str) -> None:
    refusal = GENERAL[status]
    own = responses.get(status, {}).get("content", {}).get(PROBLEM_JSON)
    if own is None:
        responses[status] = {"$ref": f"#/components/responses/{refusal.__name__}"}
    elif refusal.code not in own["examples"]:
        own["examples"][refusal.code] = {"value": example_of(refusal)}
        responses[status]["description"] += " " + error_responses(refusal)[refusal.status].description
