"""The types of requests and connections, with what the middleware stores in their state."""

from typing import TypeAlias

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler


class RequestState(State):
    """What the middleware stores of each request. The guard of a caller adds who that is."""

    request_id: str
    network: str
    address: str


# `user` and `auth` are None: guards store the caller in the state, in a subclass of `RequestState`.
HTTPRequest: TypeAlias = Request[None, None, RequestState]
HTTPConnection: TypeAlias = ASGIConnection[HTTPRouteHandler, None, None, RequestState]
