"""What a route's description does not name is refused: a mistyped parameter must not look as if it worked."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import msgspec
from litestar import Litestar, Request
from litestar.connection import ASGIConnection
from litestar.di import Provide
from litestar.enums import HttpMethod, ParamType, RequestEncodingType
from litestar.exceptions import MethodNotAllowedException, ValidationException
from litestar.handlers import BaseRouteHandler
from litestar.params import BodyKwarg, ParameterKwarg
from litestar.routes import HTTPRoute
from litestar.typing import FieldDefinition

from backend.errors import Unsupported


async def only_what_is_described(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """A guard for all routes of the API; a coroutine, because the framework gives a plain function a thread.

    Raises:
        ValidationException: a query parameter that the route does not know. Unsupported: a body in JSON must say so.
        MethodNotAllowedException: OPTIONS, which the framework answers for every address and not always rightly.
    """
    if connection.scope.get("method") == HttpMethod.OPTIONS:
        raise MethodNotAllowedException(headers={"Allow": _methods(connection.app, connection.scope["path_template"])})
    if connection.scope["query_string"]:
        known = _parameters(handler)
        strange = [name for name in connection.query_params if name not in known]
        if strange:
            raise ValidationException(extra=[{"key": name, "message": "no such query parameter"} for name in strange])
    if _takes_json(handler):
        media = connection.headers.get("content-type", "").partition(";")[0]
        if media.strip().lower() != RequestEncodingType.JSON:
            raise Unsupported


def _methods(app: Litestar, path: str) -> str:
    found = {
        method for route in app.routes if isinstance(route, HTTPRoute) and route.path_format == path
        for method in route.methods
    }  # fmt: skip
    return ", ".join(sorted(found - {"OPTIONS"}))


class StrictRequest(Request[Any, Any, Any]):
    """A request whose JSON goes straight into what its route takes.

    The framework would decode it into dictionaries first, then into the route's struct, and there take "1" for 1.
    """

    async def json(self) -> Any:
        """The body.

        Raises:
            ValidationException: it does not fit; it says where.
        """
        try:
            return _decoder(self.route_handler).decode(await self.body())
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            message, _, place = str(error).partition(" - at `$")
            raise ValidationException(extra=[{"key": place.strip("`."), "message": message}]) from error


@cache
def _decoder(handler: BaseRouteHandler) -> msgspec.json.Decoder[Any]:
    field = handler.parsed_fn_signature.parameters.get("data")
    return msgspec.json.Decoder(Any if field is None else field.annotation)


@cache
def _parameters(handler: BaseRouteHandler) -> frozenset[str]:
    """The names of the query parameters that a route or one of its dependencies reads."""
    return frozenset(_named(handler.parsed_fn_signature.parameters, handler.resolve_dependencies()))


def _named(fields: dict[str, FieldDefinition], dependencies: dict[str, Provide]) -> Iterator[str]:
    for name, field in fields.items():
        kind = field.kwarg_definition
        if isinstance(kind, ParameterKwarg) and kind.param_type == ParamType.QUERY:
            yield kind.name or name
        if name in dependencies:
            yield from _named(dependencies[name].parsed_fn_signature.parameters, dependencies)


@cache
def _takes_json(handler: BaseRouteHandler) -> bool:
    field = handler.parsed_fn_signature.parameters.get("data")
    return (
        field is not None
        and isinstance(field.kwarg_definition, BodyKwarg)
        and field.kwarg_definition.media_type == RequestEncodingType.JSON
    )
