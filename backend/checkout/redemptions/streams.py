"""Live streams of redemptions: one poller per process reads new events while streams are open, and sends them to each.

LISTEN/NOTIFY is not used: a NOTIFY takes a lock of the whole database at commit, which every sale would wait for.
Delivery is at least once; the phone recognizes a repeated event by its id.
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

from backend.checkout.redemptions import service as redemptions
from backend.checkout.redemptions.schemas import RedemptionOut
from backend.checkout.redemptions.service import RedemptionEvent, StreamPosition
from backend.core.db.database import Database
from backend.core.http.errors import Busy
from backend.identity.accounts.authentication import Agent

POLL_SECONDS, CHECK_SECONDS, HEARTBEAT_SECONDS, LIFE_SECONDS = 0.5, 30.0, 15.0, 3600.0
# Half of the connections of a process at maximum, so that other requests are still served; one address never has all.
MAX_STREAMS, MAX_STREAMS_PER_ADDRESS, MAX_STREAMS_PER_AGENT = 2000, 1000, 4
QUEUE_SIZE = 100  # events that wait for a slow phone; when the queue is full, the stream ends and the phone resumes

ALIVE = text("""
    SELECT d.id FROM devices d JOIN accounts a ON a.id = d.account_id
    WHERE d.id = ANY(:devices) AND d.ended_at IS NULL AND d.expires_at > now() AND a.closed_at IS NULL
""")

log = structlog.get_logger("scanback")


class RedemptionStream:
    """The stream of one phone. None in its queue ends it."""

    def __init__(self, agent: Agent, address: str) -> None:
        self.agent = agent
        self.address = address
        self.queue: asyncio.Queue[ServerSentEventMessage | None] = asyncio.Queue(QUEUE_SIZE)

    def send(self, event: ServerSentEventMessage) -> None:
        if self.queue.full():
            self.end()
        else:
            self.queue.put_nowait(event)

    def end(self) -> None:
        while not self.queue.empty():
            self.queue.get_nowait()
        self.queue.put_nowait(None)


class RedemptionStreams:
    """The streams of this process."""

    def __init__(
        self,
        db: Database,
        *,
        most: int = MAX_STREAMS,
        check_seconds: float = CHECK_SECONDS,
        is_stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self.db = db
        self.most = most
        self.check_seconds = check_seconds
        self.is_stopping = is_stopping
        self.open: list[RedemptionStream] = []
        self._poller: asyncio.Task[None] | None = None
        self._sent: set[RedemptionEvent] = set()

    def check_capacity(self, address: str = "") -> None:
        """Check that another stream may be opened.

        Raises:
            Busy: the limit of this process or of the caller's address is reached, or the process is about to stop.
        """
        if not self._has_capacity(address):
            raise Busy(retry_after=30)

    def _has_capacity(self, address: str) -> bool:
        if self.is_stopping() or len(self.open) >= min(MAX_STREAMS, self.most):
            return False
        return sum(each.address == address for each in self.open) < MAX_STREAMS_PER_ADDRESS

    async def subscribe(
        self, agent: Agent, since: StreamPosition | None, address: str = ""
    ) -> AsyncGenerator[ServerSentEventMessage, None]:
        """The events of a phone: those missed since a position, then new ones. The phone reconnects after an end."""
        if not self._has_capacity(address):
            return  # other streams were opened since check_capacity
        with self._registered_stream(agent, address) as stream:
            for event in await self._first_events(agent, since):
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
        """End all streams, and the poller."""
        self._end_all()
        if self._poller is not None:
            self._poller.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._poller

    def _end_all(self) -> None:
        for stream in self.open:
            stream.end()

    @contextlib.contextmanager
    def _registered_stream(self, agent: Agent, address: str) -> Iterator[RedemptionStream]:
        own = [each for each in self.open if each.agent.account_id == agent.account_id]
        # A phone that changed networks leaves unread streams behind: the oldest is ended.
        for oldest in own[: max(0, len(own) - MAX_STREAMS_PER_AGENT + 1)]:
            self._remove_stream(oldest)
        stream = RedemptionStream(agent, address)
        self.open.append(stream)
        if self._poller is None or self._poller.done():
            self._poller = asyncio.create_task(self._poll_events())
        try:
            yield stream
        finally:
            self._remove_stream(stream)

    def _remove_stream(self, stream: RedemptionStream) -> None:
        if stream in self.open:
            self.open.remove(stream)
        stream.end()

    async def _first_events(self, agent: Agent, since: StreamPosition | None) -> list[ServerSentEventMessage]:
        """The first events of a stream: the missed ones, or `reload` if there are too many, and then `ready`."""
        current = await redemptions.current_position(self.db)
        ready = ServerSentEventMessage(data="{}", event="ready", id=_event_id(current))
        if since is None:
            return [ready]
        missed = await redemptions.missed_events(self.db, agent.account_id, since, current)
        if missed is None:
            return [ServerSentEventMessage(data="{}", event="reload", id=_event_id(current)), ready]
        # A phone that disconnects during these events resumes from its old position.
        events = await self._build_events(missed, since)
        return [*(event for _, event in events), ready]

    async def _poll_events(self) -> None:
        checked = asyncio.get_running_loop().time()
        while self.open:
            await asyncio.sleep(POLL_SECONDS)
            if self.is_stopping():
                self._end_all()
                return
            try:
                await self._send_new_events()
                if asyncio.get_running_loop().time() - checked >= self.check_seconds:
                    checked = asyncio.get_running_loop().time()
                    await self._end_revoked_streams()
            except (psycopg.Error, PoolTimeout) as error:
                # The streams stay open: events of the meantime are sent when the database is back.
                log.warning("the feed cannot look", error=type(error).__name__)

    async def _send_new_events(self) -> None:
        current = await redemptions.current_position(self.db)
        found = await redemptions.new_events(self.db, list({stream.agent.account_id for stream in self.open}), current)
        events = await self._build_events([each for each in found if each not in self._sent], current)
        # Events older than the commit window do not appear again, so they may be forgotten.
        self._sent = set(found)
        for account_id, event in events:
            for stream in [each for each in self.open if each.agent.account_id == account_id]:
                stream.send(event)

    async def _build_events(
        self, found: Iterable[RedemptionEvent], current: StreamPosition
    ) -> list[tuple[int, ServerSentEventMessage]]:
        """Account and event; each event contains the redemption as it is now."""
        pending = list(found)
        rows = await redemptions.redemptions_by_id(self.db, (each.redemption for each in pending))
        return [
            (
                rows[each.redemption].account_id,
                _build_event(each.kind, RedemptionOut.of(rows[each.redemption]), current),
            )
            for each in pending
            if each.redemption in rows
        ]

    async def _end_revoked_streams(self) -> None:
        """End the streams of devices that were signed out."""
        devices = list({stream.agent.device_id for stream in self.open})
        alive = {row.id for row in await self.db.rows(ALIVE, devices=devices)}
        for stream in [each for each in self.open if each.agent.device_id not in alive]:
            self._remove_stream(stream)


CurrentStreams = NamedDependency[RedemptionStreams]


def position_from_event_id(text: str | None) -> StreamPosition | None:
    """Parse an event's id; None if it is not one of ours."""
    first, dash, second = (text or "").partition("-")
    if not dash or not (first + second).isdecimal() or not first or not second or len(first + second) > 38:
        return None
    position = StreamPosition(int(first), int(second))
    return position if max(position) < 2**63 else None


def _event_id(current: StreamPosition) -> str:
    return f"{current.redemption}-{current.reversal}"


def _build_event(kind: str, redemption: RedemptionOut, current: StreamPosition) -> ServerSentEventMessage:
    return ServerSentEventMessage(data=json.encode(redemption), event=kind, id=_event_id(current))
