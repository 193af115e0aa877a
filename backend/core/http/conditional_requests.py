"""Conditional requests with ETags: 304 for unchanged responses, 412 for lost updates (RFC 9110, 13)."""

import hashlib
from typing import Annotated, TypeVar

import msgspec
from litestar import Response
from litestar.datastructures import ResponseHeader
from litestar.params import HeaderParameter
from litestar.status_codes import HTTP_304_NOT_MODIFIED

from backend.core.http.errors import DomainError
from backend.core.http.requests import HTTPRequest

Content = TypeVar("Content", bound=msgspec.Struct)
ETAG_HEADER = ResponseHeader(name="ETag", description="Send it back as If-None-Match.", documentation_only=True)


def etag(body: bytes) -> str:
    """A strong validator of a body."""
    return f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'


class EncodedResponse(Response[Content]):
    """A response with a body that was encoded before, for its ETag."""

    def __init__(self, content: Content, body: bytes, headers: dict[str, str], status_code: int | None = None) -> None:
        super().__init__(content, status_code=status_code, media_type="application/json", headers=headers)
        self._body = body

    def render(self, *_args: object, **_kwargs: object) -> bytes:
        """The encoded body."""
        return self._body


def conditional_response(request: HTTPRequest, content: Content) -> Response[Content]:
    """The response with its ETag, or 304 without a body if the client has it (RFC 9110, 13.1.2)."""
    body = msgspec.json.encode(content)
    tag = etag(body)
    if is_not_modified(request, tag):
        return EncodedResponse(content, b"", private_headers(tag), HTTP_304_NOT_MODIFIED)
    return EncodedResponse(content, body, private_headers(tag))


def is_not_modified(request: HTTPRequest, tag: str) -> bool:
    """Whether If-None-Match has this ETag."""
    tags = {part.strip().removeprefix("W/") for part in request.headers.get("if-none-match", "").split(",")}
    return tag in tags or "*" in tags


def private_headers(tag: str) -> dict[str, str]:
    """Headers of a response that only its client may cache, and must revalidate."""
    return {"ETag": tag, "Cache-Control": "private, no-cache", "Vary": "Accept-Language, Authorization"}


class PreconditionFailed(DomainError):
    """This has changed since you read it. Read it again, then decide."""

    status = 412
    code = "precondition_failed"


IfMatch = Annotated[
    str | None,
    HeaderParameter(
        name="If-Match",
        max_length=200,
        description="The ETag that you read: the write is refused if it has changed since. Without it the last wins.",
    ),
]


def check_if_match(if_match: str | None, current: object) -> None:
    """Compare If-Match with the ETag of the current state (RFC 9110, 13.1.1). `current` is None if there is no row.

    Raises:
        PreconditionFailed: the ETag differs.
    """
    if if_match is None:
        return
    tags = {part.strip() for part in if_match.split(",")}
    if current is None or not tags & {"*", etag(msgspec.json.encode(current))}:
        raise PreconditionFailed


def response_with_etag(content: Content) -> Response[Content]:
    """The response to a write, with the ETag for the next one."""
    body = msgspec.json.encode(content)
    return EncodedResponse(content, body, {"ETag": etag(body)})
