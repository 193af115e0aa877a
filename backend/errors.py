"""Refusals, and the problem details (RFC 9457) that they become."""

import re
from typing import ClassVar

from backend.language import say

TITLES = {
    400: "Bad request",
    401: "Unauthenticated",
    403: "Forbidden",
    404: "Not found",
    405: "Method not allowed",
    409: "Conflict",
    412: "Precondition failed",
    413: "Too large",
    415: "Unsupported media type",
    422: "Invalid",
    429: "Too many requests",
    500: "Internal error",
    503: "Busy",
}


class Refusal(Exception):
    """We will not do that."""

    status: ClassVar[int] = 400

    def __init__(self, retry_after: int = 0, **values: object) -> None:
        super().__init__(self.message())
        self.retry_after = retry_after
        self.values = values
        self.errors: list[tuple[str, str]] = []  # what of the body it is about, and why

    @classmethod
    def code(cls) -> str:
        """The machine's name of this refusal: `CodeClosed` is `code_closed`."""
        return re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()

    @classmethod
    def message(cls) -> str:
        """What a person reads, in English: the docstring's first paragraph."""
        return " ".join((cls.__doc__ or "").split("\n\n")[0].split())

    @classmethod
    def title(cls) -> str:
        """What all refusals with this status have in common."""
        return TITLES.get(cls.status, "Error")

    @classmethod
    def type(cls) -> str:
        """Where a developer reads about this problem: the `type` of RFC 9457, on any installation."""
        return f"/docs/problems#{cls.code()}"

    def detail(self) -> str:
        """What a person reads, in the caller's language."""
        return say(self.message(), **self.values)


class ValidationFailed(Refusal):
    """The request does not fit its description."""


class Unauthenticated(Refusal):
    """Please sign in: this token is not known or has ended."""

    status = 401


class Forbidden(Refusal):
    """Your role does not allow this."""

    status = 403


class NotFound(Refusal):
    """There is nothing here."""

    status = 404


class MethodNotAllowed(Refusal):
    """This address does not take this method."""

    status = 405


class Conflict(Refusal):
    """This does not fit what is already there."""

    status = 409


class TooLarge(Refusal):
    """This is larger than we take."""

    status = 413


class Unsupported(Refusal):
    """We do not take this kind of content."""

    status = 415


class Invalid(Refusal):
    """The request does not make sense as it is."""

    status = 422


class BodyChanged(Invalid):
    """This id was used before with another body. Send a new request under a new id."""


class TooManyRequests(Refusal):
    """Too many requests. Please wait a little."""

    status = 429


class InternalError(Refusal):
    """Something broke on our side. Nothing was lost; try again."""

    status = 500


class Busy(Refusal):
    """The service is busy. Please try again in a moment."""

    status = 503


def catalogue(kind: type[Refusal] = Refusal) -> list[type[Refusal]]:
    """All refusals that there are, by code; ask when the application is put together."""
    found = {below for child in kind.__subclasses__() for below in [child, *catalogue(child)]}
    return sorted(found, key=lambda refusal: refusal.code())
