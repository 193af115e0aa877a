"""A request that a test repeats."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from httpx2 import Response

from backend.identity.accounts.schemas import AccountCreated
from tests.make import World

Call = Callable[[AccountCreated], Awaitable[Response]]


class RepeatedRequest(NamedTuple):
    """A request that its owner or another agent can send again and again.

    `again` are the statuses of a repeat; `same` is set if it has the first one's body as well. `other` is the same
    request with another body. `stranger` are the statuses that another agent gets for this request.
    """

    send: Call
    again: tuple[int, ...]
    stranger: tuple[int, ...]
    same: bool = True
    other: Call | None = None


Prepare = Callable[[World, AccountCreated], Awaitable[RepeatedRequest]]
