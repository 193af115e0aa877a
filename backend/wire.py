"""What goes over the wire: base structs, cursors, ETags, and routes that name their refusals."""

import base64
import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, TypeVar, cast

import msgspec
from litestar import Request, Response
from litestar.datastructures import ResponseHeader
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Example
from litestar.params import HeaderParameter
from litestar.status_codes import HTTP_304_NOT_MODIFIED
from msgspec import Meta

from backend.errors import Invalid, Refusal, ValidationFailed
from backend.settings import Settings

PROBLEM = "application/problem+json"
T = TypeVar("T")
# Patterns that Python and the OpenAPI read alike: one line, one with something to read in it, a key in an address.
# Python's `$` lets a line's end stand behind it, and others' does not: so `(?!\n)` goes before.
LINE_OR_NOTHING = r"^[^\x00-\x1f\x7f]*(?!\n)$"
# What Python strips off at the ends, and what cannot be read: a text of nothing else would be stored as an empty one.
BLANK = r"\x00-\x20\x7f\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
LINE = rf"^[^\x00-\x1f\x7f]*[^{BLANK}][^\x00-\x1f\x7f]*(?!\n)$"
KEY = r"^[0-9A-Za-z][0-9A-Za-z._-]{0,63}(?!\n)$"

TheSettings = NamedDependency[Settings]
Now = NamedDependency[datetime]


class In(msgspec.Struct, forbid_unknown_fields=True):
    """What a client sends: an unknown field is a mistake that we name."""

    def __post_init__(self) -> None:
        # PostgreSQL keeps no NUL in a text; here it becomes a 400 that names the field.
        for name in self.__struct_fields__:
            if _holds_nul(getattr(self, name)):
                raise ValueError(f"`{name}` holds a NUL character")


def _holds_nul(value: object) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any(_holds_nul(part) for pair in value.items() for part in pair)
    return isinstance(value, list) and any(map(_holds_nul, value))


class Out(msgspec.Struct, omit_defaults=True):
    """What a client gets: a field that says nothing is left out, phones pay for bytes."""


class FieldError(msgspec.Struct):
    """What does not fit, and why; an empty field means the body as a whole."""

    field: Annotated[str, Meta(examples=["text"])]
    detail: Annotated[str, Meta(examples=["Expected `str` of length >= 1"])]


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


def problem(refusal: type[Refusal], detail: str, request_id: str, errors: list[FieldError]) -> Problem:
    """How a refusal is told."""
    return Problem(refusal.type(), refusal.title(), refusal.status, refusal.code(), detail, request_id, errors)


class CursorInvalid(Invalid):
    """This cursor is not one of ours. Begin again without it."""


def raises(*refusals: type[Refusal]) -> dict[int, ResponseSpec]:
    """The `responses` of a route: which refusals it may answer with, as the OpenAPI shows them."""
    by_status: dict[int, list[type[Refusal]]] = {}
    for refusal in refusals:
        by_status.setdefault(refusal.status, []).append(refusal)
    return {status: _problem_spec(rows) for status, rows in by_status.items()}


def _problem_spec(refusals: Sequence[type[Refusal]]) -> ResponseSpec:
    said = " ".join(f"`{refusal.code()}`: {refusal.message()}" for refusal in refusals)
    examples = [Example(id=refusal.code(), value=shown(refusal)) for refusal in refusals]
    return ResponseSpec(Problem, description=said, media_type=PROBLEM, generate_examples=False, examples=examples)


def shown(refusal: type[Refusal]) -> dict[str, Any]:
    """An example of a refusal, as it goes over the wire."""
    errors = [FieldError("body", "what does not fit")] if refusal is ValidationFailed else []
    told: dict[str, Any] = msgspec.to_builtins(problem(refusal, refusal.message(), "6f1c9d0e5b7a4c38", errors))
    return told


def cursor(*parts: int | str) -> str:
    """An opaque place in a list."""
    return base64.urlsafe_b64encode(msgspec.json.encode(parts)).decode().rstrip("=")


def place(text: str | None, kind: type[int] = int) -> int | None:
    """The number a cursor stands for.

    Raises:
        CursorInvalid: the text was not made by `cursor`.
    """
    if text is None:
        return None
    number = _opened(text, int)
    if not 0 <= number < 2**63:
        raise CursorInvalid
    return kind(number)


def word(text: str | None) -> str | None:
    """The text a cursor stands for, in lists that go by a name.

    Raises:
        CursorInvalid: the text was not made by `cursor`.
    """
    if text is None:
        return None
    found = _opened(text, str)
    if "\0" in found:
        raise CursorInvalid
    return found


def _opened(text: str, kind: type[T]) -> T:
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        (found,) = msgspec.json.decode(raw, type=tuple[kind])  # type: ignore[valid-type]
    except (ValueError, msgspec.MsgspecError) as error:
        raise CursorInvalid from error
    if cursor(found) != text:
        raise CursorInvalid
    return cast(T, found)  # mypy cannot follow a type that is a value


ETAG_HEADER = ResponseHeader(name="ETag", description="Send it back as If-None-Match.", documentation_only=True)


def etag(body: bytes) -> str:
    """A strong validator: what differs in a byte differs here."""
    return f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'


def with_etag(request: Request[Any, Any, Any], answer: Any) -> Response[Any]:
    """The answer with its ETag, or 304 and no body when the caller has it already (RFC 9110, 13.1.2)."""
    body = msgspec.json.encode(answer)
    tag = etag(body)
    if knows(request, tag):
        return Response(None, status_code=HTTP_304_NOT_MODIFIED, headers=private(tag))
    return Response(body, media_type="application/json", headers=private(tag))


def knows(request: Request[Any, Any, Any], tag: str) -> bool:
    """Whether the caller has this already."""
    known = {part.strip().removeprefix("W/") for part in request.headers.get("if-none-match", "").split(",")}
    return tag in known or "*" in known


def private(tag: str) -> dict[str, str]:
    """The headers of an answer that only its caller may keep, and asks about before he uses it again."""
    return {"ETag": tag, "Cache-Control": "private, no-cache", "Vary": "Accept-Language, Authorization"}


class PreconditionFailed(Refusal):
    """Somebody changed this since you read it. Read it again, then decide."""

    status = 412


IfMatch = Annotated[
    str | None,
    HeaderParameter(
        name="If-Match",
        max_length=200,
        description="The ETag that you read: the write is refused if it has changed since. Without it the last wins.",
    ),
]


def expect(if_match: str | None, current: Any) -> None:
    """Hold a write against the ETag that its sender read (RFC 9110, 13.1.1); None stands for what is not there.

    Raises:
        PreconditionFailed: it is another one now.
    """
    if if_match is None:
        return
    wanted = {part.strip() for part in if_match.split(",")}
    if current is None or not wanted & {"*", etag(msgspec.json.encode(current))}:
        raise PreconditionFailed


def tagged(answer: Any) -> Response[Any]:
    """The answer of a write, with the ETag that the next one may name."""
    body = msgspec.json.encode(answer)
    return Response(body, media_type="application/json", headers={"ETag": etag(body)})
