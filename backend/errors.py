"""Refusals, and the problem details (RFC 9457) that they become."""

import re
from typing import ClassVar

from backend.language import say


class Refusal(Exception):
    """We will not do that."""

    status: ClassVar[int] = 400

    def __init__(self, retry_after: int = 0, **values: object) -> None:
        super().__init__(self.message())
        self.retry_after = retry_after
        self.values = values

    @classmethod
    def code(cls) -> str:
        """The machine's name of this refusal: `CodeClosed` is `code_closed`."""
        return re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()

    @classmethod
    def message(cls) -> str:
        """What a person reads, in English: the docstring's first paragraph."""
        return " ".join((cls.__doc__ or "").split("\n\n")[0].split())

    def detail(self) -> str:
        """What a person reads, in the caller's language."""
        return say(self.message(), **self.values)


class Unauthenticated(Refusal):
    """Please sign in: this token is not known or has ended."""

    status = 401


class Forbidden(Refusal):
    """Your role does not allow this."""

    status = 403


class NotFound(Refusal):
    """There is nothing here."""

    status = 404


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


class Busy(Refusal):
    """The service is busy. Please try again in a moment."""

    status = 503
