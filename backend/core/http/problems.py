"""Problem details (RFC 9457): how an error is sent, and how the API description shows it."""

from collections.abc import Sequence
from typing import Annotated

import msgspec
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Example
from msgspec import Meta

from backend.core.http.errors import DomainError, ValidationFailed

PROBLEM_JSON = "application/problem+json"


class FieldError(msgspec.Struct, omit_defaults=True):
    """What does not fit, and why; an empty field means the body as a whole."""

    field: Annotated[str, Meta(examples=["text"])]
    detail: Annotated[str, Meta(examples=["Expected `str` of length >= 1"])]
    text: Annotated[
        str, Meta(description="The same for people, where `detail` is a code.", examples=["There is no such code."])
    ] = ""


class Problem(msgspec.Struct, omit_defaults=True):
    """Problem details (RFC 9457). `code` is for machines, `detail` for people in their language."""

    type: Annotated[str, Meta(description="Where the problem is described.", examples=["/docs/problems#not_found"])]
    title: Annotated[str, Meta(examples=["Not found"])]
    status: Annotated[int, Meta(examples=[404])]
    code: Annotated[str, Meta(description="The same for as long as the API lives.", examples=["not_found"])]
    detail: Annotated[str, Meta(examples=["There is nothing here."])] = ""
    request_id: Annotated[
        str, Meta(description="Name it when you ask for help.", examples=["6f1c9d0e5b7a4c38a2d4e6f8091b3c5d"])
    ] = ""
    errors: list[FieldError] = []


def problem_of(error: type[DomainError], detail: str, request_id: str, errors: list[FieldError]) -> Problem:
    """The problem details of an error."""
    return Problem(error.type(), error.title(), error.status, error.code, detail, request_id, errors)


def error_responses(*errors: type[DomainError]) -> dict[int, ResponseSpec]:
    """The `responses` of a route: the errors that it may raise, for the OpenAPI document."""
    by_status: dict[int, list[type[DomainError]]] = {}
    for error in errors:
        by_status.setdefault(error.status, []).append(error)
    return {status: _problem_spec(rows) for status, rows in by_status.items()}


def _problem_spec(errors: Sequence[type[DomainError]]) -> ResponseSpec:
    text = " ".join(f"`{error.code}`: {error.message()}" for error in errors)
    examples = [Example(id=error.code, value=example_of(error)) for error in errors]
    return ResponseSpec(Problem, description=text, media_type=PROBLEM_JSON, generate_examples=False, examples=examples)


def example_of(error: type[DomainError]) -> dict[str, object]:
    """An example of an error, as it is sent."""
    errors = [FieldError("body", "what does not fit")] if error is ValidationFailed else []
    example: dict[str, object] = msgspec.to_builtins(problem_of(error, error.message(), "6f1c9d0e5b7a4c38", errors))
    return example
