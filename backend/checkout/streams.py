"""Phones that watch: one poller of a process asks what is new while anybody listens, and tells each his own.

Not by LISTEN/NOTIFY: a NOTIFY takes one lock of the whole database at commit, which every sale would wait for.
What is told may be told twice (a phone knows it by its id) and is never left out.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator

import psycopg
import structlog
from litestar.di import NamedDependency
from litestar.response import ServerSentEventMessage
from msgspec import json
from psycopg_pool import PoolTimeout
from sqlalchemy import text

from backend.accounts.door import Agent
from backend.checkout import feed
from backend.checkout.feed import Mark, News
from backend.checkout.feed_schemas import RedemptionOut
from backend.database import Database
from backend.errors import Busy

POLL_SECONDS, CHECK_SECONDS, HEARTBEAT_SECONDS, LIFE_SECONDS = 0.5, 30.0, 15.0, 3600.0
MOST, MOST_OF_AGENT = 1000, 4
ROOM = 100  # events that may wait for a slow phone; then its stream ends, and it resumes

ALIVE = text("""
    SELECT d.id FROM devices d JOIN accounts a ON a.id = d.account_id
    WHERE d.id = ANY(:devices) AND d.ended_at IS NULL AND d.expires_at > now() AND a.closed_at IS NULL
""")

log = structlog.get_logger("scanback")


class Stream:
    """One phone that watches. None in its queue is the end."""

    def __init__(self, agent: Agent) -> None:
        self.agent = agent
        self.queue: asyncio.Queue[ServerSentEventMessage | None] = asyncio.Queue(ROOM)

    def tell(self, event: ServerSentEventMessage) -> None:
        if self.queue.full():
            self.end()
        else:
            self.queue.put_nowait(event)

    def end(self) -> None:
        while not self.queue.empty():
            self.queue.get_nowait()
        self.queue.put_nowait(None)


class Streams:
    """The streams of this process."""

    def __init__(
        self, db: Database, *, check_seconds: float = CHECK_SECONDS, is_stopping: Callable[[], bool] = lambda: False
    ) -> None:
        self.db = db
        self.check_seconds = check_seconds
        self.is_stopping = is_stopping
        self.open: list[Stream] = []
        self._poller: asyncio.Task[None] | None = None
        self._told: set[News] = set()

    def admit(self) -> None:
        """See that there is room.

        Raises:
            Busy: this process has as many streams as it serves, or is about to stop.
        """
        if self.is_stopping() or len(self.open) >= MOST:
            raise Busy(retry_after=30)

    async def watch(self, agent: Agent, since: Mark | None) -> AsyncGenerator[ServerSentEventMessage, None]:
        """What a phone is told from now on, after what it missed since a mark. An end is no fault: it comes again."""
        with self._joined(agent) as stream:
            for event in await self._first(agent, since):
                yield event
            ends = asyncio.get_running_loop().time() + LIFE_SECONDS
            while asyncio.get_running_loop().time() < ends:
                try:
                    event_or_end = await asyncio.wait_for(stream.queue.get(), HEARTBEAT_SECONDS)
                except TimeoutError:
                    yield ServerSentEventMessage(data=None, comment="still here")
                    continue
                if event_or_end is None:
                    return
                yield event_or_end

    async def close(self) -> None:
        """End all streams, and the asking."""
        self._end_all()
        if self._poller is not None:
            self._poller.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._poller

    def _end_all(self) -> None:
        for stream in self.open:
            stream.end()

    @contextlib.contextmanager
    def _joined(self, agent: Agent) -> Iterator[Stream]:
        own = [each for each in self.open if each.agent.account_id == agent.account_id]
        # A phone that changed networks leaves streams behind that nobody reads: the oldest goes.
        for oldest in own[: max(0, len(own) - MOST_OF_AGENT + 1)]:
            self._leave(oldest)
        stream = Stream(agent)
        self.open.append(stream)
        if self._poller is None or self._poller.done():
            self._poller = asyncio.create_task(self._poll())
        try:
            yield stream
        finally:
            self._leave(stream)

    def _leave(self, stream: Stream) -> None:
        if stream in self.open:
            self.open.remove(stream)
        stream.end()

    async def _first(self, agent: Agent, since: Mark | None) -> list[ServerSentEventMessage]:
        """The first events of a stream: what was missed, or `reload` where that is too much, and `ready` behind it."""
        here = await feed.mark(self.db)
        ready = ServerSentEventMessage(data="{}", event="ready", id=_id(here))
        if since is None:
            return [ready]
        missed = await feed.missed(self.db, agent.account_id, since, here)
        if missed is None:
            return [ServerSentEventMessage(data="{}", event="reload", id=_id(here)), ready]
        # Whoever falls off on the way goes on from where he was.
        told = await self._events(missed, since)
        return [*(event for _, event in told), ready]

    async def _poll(self) -> None:
        checked = asyncio.get_running_loop().time()
        while self.open:
            await asyncio.sleep(POLL_SECONDS)
            if self.is_stopping():
                self._end_all()
                return
            try:
                await self._tell_news()
                if asyncio.get_running_loop().time() - checked >= self.check_seconds:
                    checked = asyncio.get_running_loop().time()
                    await self._end_dead()
            except (psycopg.Error, PoolTimeout) as error:
                # The streams stay: what happens meanwhile is told when the database is back.
                log.warning("the feed cannot look", error=type(error).__name__)

    async def _tell_news(self) -> None:
        here = await feed.mark(self.db)
        found = await feed.news(self.db, list({stream.agent.account_id for stream in self.open}), here)
        events = await self._events([each for each in found if each not in self._told], here)
        # What has left the last seconds does not come back, so it may be forgotten.
        self._told = set(found)
        for account_id, event in events:
            for stream in [each for each in self.open if each.agent.account_id == account_id]:
                stream.tell(event)

    async def _events(self, found: Iterable[News], here: Mark) -> list[tuple[int, ServerSentEventMessage]]:
        """Whom to tell what; each event has the redemption as it stands now."""
        told = list(found)
        known = await feed.rows(self.db, (each.redemption for each in told))
        return [
            (known[each.redemption].account_id, _event(each.kind, RedemptionOut.of(known[each.redemption]), here))
            for each in told if each.redemption in known
        ]  # fmt: skip

    async def _end_dead(self) -> None:
        """A device that has ended sees nothing more."""
        devices = list({stream.agent.device_id for stream in self.open})
        alive = {row.id for row in await self.db.rows(ALIVE, devices=devices)}
        for stream in [each for each in self.open if each.agent.device_id not in alive]:
            self._leave(stream)


TheStreams = NamedDependency[Streams]


def read_mark(text: str | None) -> Mark | None:
    """The mark that an event's id stands for; None for what is not one of ours."""
    first, dash, second = (text or "").partition("-")
    if not dash or not (first + second).isdecimal() or not first or not second or len(first + second) > 38:
        return None
    found = Mark(int(first), int(second))
    return found if max(found) < 2**63 else None


def _id(here: Mark) -> str:
    return f"{here.redemption}-{here.reversal}"


def _event(kind: str, redemption: RedemptionOut, here: Mark) -> ServerSentEventMessage:
    return ServerSentEventMessage(data=json.encode(redemption), event=kind, id=_id(here))
