"""Server-sent events of one order or receipt until it is decided.

Each stream polls its own rows, so a process limits how many it serves, orders and receipts together.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Generic, TypeVar

import msgspec
from litestar import Response
from litestar.di import NamedDependency
from litestar.response import ServerSentEvent, ServerSentEventMessage
from sqlalchemy import text

from backend.core.db.database import Database
from backend.core.http.errors import Busy
from backend.core.http.requests import HTTPRequest
from backend.identity.accounts.authentication import Agent

HEARTBEAT_SECONDS, LIFE_SECONDS = 15.0, 960.0
# A change comes within seconds (from a supplier or provider), or hours later, when a person decides.
POLL_SECONDS, IDLE_POLL_SECONDS, IDLE_AFTER_SECONDS = 0.5, 3.0, 60.0
MAX_STREAMS, MAX_STREAMS_PER_ADDRESS, MAX_STREAMS_PER_AGENT = 200, 100, 4

Shown = TypeVar("Shown")
IS_SIGNED_IN = text("SELECT accounts_is_alive(:account, :device) AS is_alive")


class WatchedState(msgspec.Struct, Generic[Shown]):
    """What a stream shows now, and whether it is final."""

    shown: Shown
    is_final: bool


class Watcher:
    """One open stream."""

    def __init__(self, agent: Agent, address: str) -> None:
        self.agent = agent
        self.address = address


class Watchers:
    """The open streams of this process."""

    def __init__(self, db: Database, *, is_stopping: Callable[[], bool] = lambda: False) -> None:
        self.db = db
        self.is_stopping = is_stopping
        self.open: list[Watcher] = []

    async def stream(
        self,
        request: HTTPRequest,
        agent: Agent,
        event: str,
        read: Callable[[], Awaitable[WatchedState[Shown]]],
    ) -> Response[Shown]:
        """A response whose events have what `read` returns, now and at each change, until it is final.

        Raises:
            Busy: the process or the address has too many streams. And the errors of `read`.
        """
        await read()
        address: str = request.scope["state"]["address"]
        if not self.has_capacity(address):
            raise Busy(retry_after=5)
        # The annotation gives OpenAPI the type of the events, which the framework's class does not have.
        return ServerSentEvent(self.events(agent, address, event, read))  # type: ignore[return-value]

    def has_capacity(self, address: str) -> bool:
        """Whether one more stream may start."""
        if self.is_stopping() or len(self.open) >= MAX_STREAMS:
            return False
        return sum(each.address == address for each in self.open) < MAX_STREAMS_PER_ADDRESS

    async def events(
        self, agent: Agent, address: str, event: str, read: Callable[[], Awaitable[WatchedState[Shown]]]
    ) -> AsyncGenerator[ServerSentEventMessage, None]:
        """Events until the final state, or until LIFE_SECONDS are over; then the client reconnects."""
        if not self.has_capacity(address):
            return  # several responses passed the first check before any of them started
        watcher, clock = self._add_stream(agent, address), asyncio.get_running_loop().time
        sent, changed_at, heartbeat_at, ends_at = b"", clock(), clock(), clock() + LIFE_SECONDS
        try:
            while clock() < ends_at and watcher in self.open and not self.is_stopping():
                state = await read()
                body = msgspec.json.encode(state.shown)
                if body != sent:
                    yield ServerSentEventMessage(data=body.decode(), event=event)
                    sent, changed_at = body, clock()
                if state.is_final:
                    return
                if clock() >= heartbeat_at + HEARTBEAT_SECONDS:
                    if not await self._is_signed_in(agent):
                        return
                    yield ServerSentEventMessage(data=None, comment="still here")
                    heartbeat_at = clock()
                is_idle = clock() >= changed_at + IDLE_AFTER_SECONDS
                await asyncio.sleep(IDLE_POLL_SECONDS if is_idle else POLL_SECONDS)
        finally:
            if watcher in self.open:
                self.open.remove(watcher)

    def _add_stream(self, agent: Agent, address: str) -> Watcher:
        """Add a stream. An agent with too many loses the oldest: a phone that changes networks leaves dead streams."""
        own = [each for each in self.open if each.agent.account_id == agent.account_id]
        for oldest in own[: max(0, len(own) - MAX_STREAMS_PER_AGENT + 1)]:
            self.open.remove(oldest)
        watcher = Watcher(agent, address)
        self.open.append(watcher)
        return watcher

    async def _is_signed_in(self, agent: Agent) -> bool:
        (row,) = await self.db.rows(IS_SIGNED_IN, account=agent.account_id, device=agent.device_id)
        return bool(row.is_alive)


CurrentWatchers = NamedDependency[Watchers]
