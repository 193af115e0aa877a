"""One order, watched live: its phone is told each change until it ends."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from uuid import UUID

import msgspec
from litestar.di import NamedDependency
from litestar.response import ServerSentEventMessage

from backend.accounts.door import Agent
from backend.database import Database
from backend.errors import Busy
from backend.offers import ordering
from backend.offers.schemas import order_out

LOOK_SECONDS, HEARTBEAT_SECONDS, LIFE_SECONDS = 0.5, 15.0, 960.0
MOST = 200


class Watches:
    """The phones that watch an order in this process: each looks at one row twice a second, so there is a bound."""

    def __init__(self, db: Database, *, is_stopping: Callable[[], bool] = lambda: False) -> None:
        self.db = db
        self.is_stopping = is_stopping
        self.open = 0

    def admit(self) -> None:
        """See that there is room.

        Raises:
            Busy: as many watch as this process serves, or it is about to stop.
        """
        if self.is_stopping() or self.open >= MOST:
            raise Busy(retry_after=5)

    async def watch(self, agent: Agent, key: UUID) -> AsyncGenerator[ServerSentEventMessage, None]:
        """The order as it stands, then each change; ends with the order, or after a while: the phone comes again."""
        self.open += 1
        told, silent, left = b"", 0.0, LIFE_SECONDS
        try:
            while left > 0 and not self.is_stopping():
                row = await ordering.one(self.db, agent.account_id, key)
                body = msgspec.json.encode(order_out(row))
                if body != told:
                    yield ServerSentEventMessage(data=body.decode(), event="order")
                    told, silent = body, 0.0
                if row.state != "held":
                    return
                if silent >= HEARTBEAT_SECONDS:
                    yield ServerSentEventMessage(comment="still here")
                    silent = 0.0
                await asyncio.sleep(LOOK_SECONDS)
                silent, left = silent + LOOK_SECONDS, left - LOOK_SECONDS
        finally:
            self.open -= 1


TheWatches = NamedDependency[Watches]
