"""Strict requests: what a route does not declare is rejected, so that a mistyped parameter is noticed."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from functools import cache, wraps
from typing import Any, NoReturn

import msgspec
from litestar import Litestar, Request
from litestar.di import Provide
from litestar.enums import HttpMethod, ParamType, RequestEncodingType
from litestar.exceptions import MethodNotAllowedException, ValidationException
from litestar.handlers import BaseRouteHandler
from litestar.params import BodyKwarg, ParameterKwarg
from litestar.routes import HTTPRoute
from litestar.typing import FieldDefinition

from backend.core.http.errors import Unsupported
from backend.core.http.requests import HTTPConnection, RequestState

# Larger bodies are checked in a thread. A sale has half a kilobyte, a batch of 200 scans has 40.
INLINE_CHECK_BYTES = 64 * 1024


Guard = Callable[[HTTPConnection, BaseRouteHandler], Awaitable[None]]


async def reject_unknown_parameters(connection: HTTPConnection, handler: BaseRouteHandler) -> None:
    """A guard for all routes of the API. A coroutine, because the framework runs plain functions in threads.

    Raises:
        ValidationException: the route has no such query parameter. Unsupported: the content type is not JSON.
        MethodNotAllowedException: OPTIONS, which the framework handles on every path and not always correctly.
    """
    if connection.scope.get("method") == HttpMethod.OPTIONS:
        raise MethodNotAllowedException(
            headers={"Allow": _allowed_methods(connection.app, connection.scope["path_template"])}
        )
    if query := connection.scope["query_string"]:
        if b"%00" in query:
            _reject_nul(connection)
        known = _query_parameters(handler)
        unknown = [name for name in connection.query_params if name not in known]
        if unknown:
            raise ValidationException(extra=[{"key": name, "message": "no such query parameter"} for name in unknown])
    if _takes_json(handler):
        media = connection.headers.get("content-type", "").partition(";")[0]
        if media.strip().lower() != RequestEncodingType.JSON:
            raise Unsupported


def strict_guard(guard: Guard) -> Guard:
    """A guard that runs after `reject_unknown_parameters`. One instead of two, because the framework copies the handler
    for each guard of a request, at 20 microseconds."""

    @wraps(guard)
    async def check(connection: HTTPConnection, handler: BaseRouteHandler) -> None:
        await reject_unknown_parameters(connection, handler)
        await guard(connection, handler)

    return check


def _reject_nul(connection: HTTPConnection) -> None:
    """PostgreSQL text cannot contain NUL, so no parameter may (`RequestModel` checks bodies)."""
    names = [name for name, value in connection.query_params.multi_items() if "\0" in name + value]
    if names:
        raise ValidationException(
            extra=[{"key": name.replace("\0", ""), "message": "holds a NUL character"} for name in names]
        )


def _allowed_methods(app: Litestar, path: str) -> str:
    found = {
        method
        for route in app.routes
        if isinstance(route, HTTPRoute) and route.path_format == path
        for method in route.methods
    }
    return ", ".join(sorted(found - {"OPTIONS"}))


class KeyRepeated(ValueError):
    """A key is repeated in one object."""


def _object_with_unique_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise KeyRepeated(next(name for name in names if names.count(name) > 1))
    return found


_DECODER = json.JSONDecoder(object_pairs_hook=_object_with_unique_keys)


def reject_repeated_keys(body: bytes) -> None:
    """Check that no object of a valid JSON text has a key twice. We would use the last value, while another reader on
    the way may use the first (RFC 8259, 4; RFC 7493, 2.3).

    Raises:
        ValidationException: a key is repeated.
    """
    try:
        _DECODER.decode(body.decode())
    except KeyRepeated as error:
        raise ValidationException(extra=[{"key": str(error)[:100], "message": "this key is there twice"}]) from error
    except (ValueError, RecursionError) as error:
        raise ValidationException(extra=[{"key": "", "message": "this JSON is not read alike by all"}]) from error


class StrictRequest(Request[None, None, RequestState]):
    """A request whose JSON is decoded straight into the struct of its route.

    The framework would decode it into dictionaries first, then convert these, and accept "1" for 1.
    """

    async def json(self) -> object:
        """The decoded body.

        Raises:
            ValidationException: the body is invalid; the error has the path of the field.
        """
        body = await self.body()
        try:
            found = _body_decoder(self.route_handler).decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            message, _, place = str(error).partition(" - at `$")
            raise ValidationException(extra=[{"key": place.strip("`."), "message": message}]) from error
        if len(body) <= INLINE_CHECK_BYTES:
            reject_repeated_keys(body)
        else:
            await asyncio.to_thread(reject_repeated_keys, body)
        return found

    async def form(self) -> NoReturn:
        """Not available: the framework trusts any charset that a part names."""
        raise NotImplementedError("read forms with backend.core.http.forms")


@cache
def _body_decoder(handler: BaseRouteHandler) -> msgspec.json.Decoder[object]:
    field = handler.parsed_fn_signature.parameters.get("data")
    return msgspec.json.Decoder(Any if field is None else field.annotation)


@cache
def _query_parameters(handler: BaseRouteHandler) -> frozenset[str]:
    """The names of the query parameters that a route or one of its dependencies reads."""
    return frozenset(_query_names(handler.parsed_fn_signature.parameters, handler.resolve_dependencies()))


def _query_names(fields: dict[str, FieldDefinition], dependencies: dict[str, Provide]) -> Iterator[str]:
    for name, field in fields.items():
        kind = field.kwarg_definition
        if isinstance(kind, ParameterKwarg) and kind.param_type == ParamType.QUERY:
            yield kind.name or name
        if name in dependencies:
            yield from _query_names(dependencies[name].parsed_fn_signature.parameters, dependencies)


@cache
def _takes_json(handler: BaseRouteHandler) -> bool:
    field = handler.parsed_fn_signature.parameters.get("data")
    return (
        field is not None
        and isinstance(field.kwarg_definition, BodyKwarg)
        and field.kwarg_definition.media_type == RequestEncodingType.JSON
    )
