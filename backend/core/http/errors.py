"""Errors of the domain. The API sends them as problem details (RFC 9457)."""

from collections.abc import Sequence
from typing import ClassVar

from backend.core.language import translate

TITLES = {
    400: "Bad request",
    401: "Unauthenticated",
    403: "Forbidden",
    404: "Not found",
    405: "Method not allowed",
    408: "Request timeout",
    409: "Conflict",
    412: "Precondition failed",
    413: "Too large",
    415: "Unsupported media type",
    422: "Invalid",
    429: "Too many requests",
    499: "Client closed request",
    500: "Internal error",
    503: "Busy",
}


class DomainError(Exception):
    """We will not do that."""

    status: ClassVar[int] = 400
    code: ClassVar[str]  # for machines; stays when a class is renamed

    def __init__(self, retry_after: int = 0, **values: object) -> None:
        super().__init__(self.message())
        self.retry_after = retry_after
        self.values = values
        # (field of the body, reason), sometimes with the reason in the caller's language.
        self.errors: Sequence[tuple[str, str] | tuple[str, str, str]] = []

    @classmethod
    def message(cls) -> str:
        """The message in English: the docstring's first paragraph."""
        return " ".join((cls.__doc__ or "").split("\n\n")[0].split())

    @classmethod
    def title(cls) -> str:
        """The title of all errors with this status."""
        return TITLES.get(cls.status, "Error")

    @classmethod
    def type(cls) -> str:
        """The `type` of RFC 9457: the page that documents this error, on any installation."""
        return f"/docs/problems#{cls.code}"

    def detail(self) -> str:
        """The message in the caller's language."""
        return translate(self.message(), **self.values)


class ValidationFailed(DomainError):
    """The request does not fit its description."""

    code = "validation_failed"


class Unauthenticated(DomainError):
    """Please sign in: this token is not known or has ended."""

    status = 401
    code = "unauthenticated"


class Forbidden(DomainError):
    """Your role does not allow this."""

    status = 403
    code = "forbidden"


class NotFound(DomainError):
    """There is nothing here."""

    status = 404
    code = "not_found"


class MethodNotAllowed(DomainError):
    """This address does not take this method."""

    status = 405
    code = "method_not_allowed"


class Conflict(DomainError):
    """This does not fit what is already there."""

    status = 409
    code = "conflict"


class TooLarge(DomainError):
    """This is larger than we take."""

    status = 413
    code = "too_large"


class Unsupported(DomainError):
    """We do not take this kind of content."""

    status = 415
    code = "unsupported"


class Invalid(DomainError):
    """The request does not make sense as it is."""

    status = 422
    code = "invalid"


class BodyChanged(Invalid):
    """This id was used before with another body. Send a new request under a new id."""

    code = "body_changed"


class TooManyRequests(DomainError):
    """Too many requests. Please wait a little."""

    status = 429
    code = "too_many_requests"


class InternalError(DomainError):
    """Something broke on our side. Nothing was lost; try again."""

    status = 500
    code = "internal_error"


class Busy(DomainError):
    """The service is busy. Please try again in a moment."""

    status = 503
    code = "busy"


def all_errors(kind: type[DomainError] = DomainError) -> list[type[DomainError]]:
    """All error classes, sorted by code. Complete once all modules are imported."""
    errors = {error for child in kind.__subclasses__() for error in [child, *all_errors(child)]}
    return sorted(errors, key=lambda error: error.code)
