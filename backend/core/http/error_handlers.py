"""Exception handlers: they turn errors into problem details (RFC 9457)."""

import errno
from collections.abc import Callable, Sequence

import msgspec
import psycopg
import structlog
from litestar import Response
from litestar.exceptions import HTTPException, ValidationException
from psycopg.errors import IdleInTransactionSessionTimeout
from psycopg_pool import PoolTimeout as SinglePoolTimeout
from sqlalchemy.exc import DataError, OperationalError
from sqlalchemy.exc import InternalError as DatabaseInternalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from backend.core.http.errors import (
    Busy,
    DomainError,
    Forbidden,
    InternalError,
    MethodNotAllowed,
    NotFound,
    TooLarge,
    TooManyRequests,
    Unauthenticated,
    Unsupported,
    ValidationFailed,
)
from backend.core.http.problems import PROBLEM_JSON, FieldError, problem_of
from backend.core.http.requests import HTTPRequest
from backend.core.http.validation_texts import translated

log = structlog.get_logger("scanback")

# The error that replaces the framework's own error of a status.
ERRORS_BY_STATUS: dict[int, type[DomainError]] = {
    error.status: error
    for error in (
        ValidationFailed,
        Unauthenticated,
        Forbidden,
        NotFound,
        MethodNotAllowed,
        TooLarge,
        Unsupported,
        TooManyRequests,
    )
}


def _problem_response(
    request: HTTPRequest, error: DomainError, headers: dict[str, str], errors: Sequence[FieldError] = ()
) -> Response[bytes]:
    problem = problem_of(type(error), error.detail(), request.scope["state"].get("request_id", ""), list(errors))
    return Response(msgspec.json.encode(problem), status_code=error.status, media_type=PROBLEM_JSON, headers=headers)


def respond_to_domain_error(request: HTTPRequest, error: DomainError) -> Response[bytes]:
    """Respond with problem details."""
    headers = {"Retry-After": str(error.retry_after)} if error.retry_after else {}
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return _problem_response(request, error, headers, [FieldError(*row) for row in error.errors])


def respond_to_http_exception(request: HTTPRequest, error: HTTPException) -> Response[bytes]:
    """The framework's own errors: an invalid body, an unknown path, a wrong method."""
    if error.status_code >= 500:
        return respond_to_bug(request, error)
    domain_error = ERRORS_BY_STATUS.get(error.status_code, ValidationFailed)()
    errors = _field_errors(error) if domain_error.status == 400 else []
    return _problem_response(request, domain_error, dict(error.headers or {}), errors)


def _field_errors(error: HTTPException) -> list[FieldError]:
    rows = error.extra if isinstance(error, ValidationException) and isinstance(error.extra, list) else []
    named = [
        FieldError(str(row.get("key", "")), translated(str(row.get("message", ""))[:300]))
        for row in rows
        if isinstance(row, dict)
    ]
    return named or [FieldError("", translated(str(error.detail)[:300]))]


def respond_to_unavailable_database(request: HTTPRequest, error: Exception) -> Response[bytes]:
    """The database is unavailable or has no free connection. Nothing was written, so a retry is safe."""
    log.warning("database unavailable", id=request.scope["state"].get("request_id"), error=type(error).__name__)
    return respond_to_domain_error(request, Busy(retry_after=1))


def respond_to_database_error(request: HTTPRequest, error: Exception) -> Response[bytes]:
    """PostgreSQL ended an idle transaction. Any other internal error of the database is a bug."""
    is_idle = isinstance(getattr(error, "orig", error), IdleInTransactionSessionTimeout)
    return respond_to_unavailable_database(request, error) if is_idle else respond_to_bug(request, error)


def respond_to_value_out_of_range(request: HTTPRequest, error: Exception) -> Response[bytes]:
    """A number, date or text of the request cannot be computed or stored."""
    log.error("value out of range", id=request.scope["state"].get("request_id"), exc_info=error)
    return respond_to_domain_error(request, ValidationFailed())


def respond_to_file_error(request: HTTPRequest, error: OSError) -> Response[bytes]:
    """A full disk is temporary. Any other file error is a bug."""
    if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
        return respond_to_bug(request, error)
    log.error("disk full", id=request.scope["state"].get("request_id"))
    return respond_to_domain_error(request, Busy(retry_after=60))


def respond_to_bug(request: HTTPRequest, error: Exception) -> Response[bytes]:
    """A bug: log the traceback; the caller gets the request id."""
    log.error("crash", id=request.scope["state"].get("request_id"), exc_info=error)
    return _problem_response(request, InternalError(), {})


HANDLERS: dict[type[Exception] | int, Callable[..., Response[bytes]]] = {
    DomainError: respond_to_domain_error,
    HTTPException: respond_to_http_exception,
    OperationalError: respond_to_unavailable_database,
    PoolTimeout: respond_to_unavailable_database,
    psycopg.OperationalError: respond_to_unavailable_database,
    SinglePoolTimeout: respond_to_unavailable_database,
    DatabaseInternalError: respond_to_database_error,
    psycopg.InternalError: respond_to_database_error,
    ArithmeticError: respond_to_value_out_of_range,
    UnicodeError: respond_to_value_out_of_range,
    DataError: respond_to_value_out_of_range,
    psycopg.DataError: respond_to_value_out_of_range,
    OSError: respond_to_file_error,
    Exception: respond_to_bug,
}
