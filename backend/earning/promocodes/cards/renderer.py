"""Drawing and storage of cards. The file name is a hash of everything that the card shows, so each is drawn once."""

import asyncio
import io
from datetime import UTC, datetime
from typing import NamedTuple

from litestar.di import NamedDependency
from sqlalchemy import text

from backend.core.db import jobs, rate_limits
from backend.core.db.database import Database
from backend.core.fair_queue import FairQueue
from backend.core.http.errors import Busy
from backend.core.settings import Settings
from backend.core.storage.objects import FileMissing
from backend.core.storage.store import Files
from backend.earning.promocodes.cards.artwork import readability
from backend.earning.promocodes.cards.artwork.content import Card, CardFormat, CardSize, fingerprint

MAX_CONCURRENT = 2  # each takes a core
MAX_WAITING = 8
HOUR = 3600  # seconds
BATCH = 500

RECORD_USE = text("""
    INSERT INTO promo_cards AS c (name) VALUES (:name)
    ON CONFLICT (name) DO UPDATE SET used_at = now() WHERE c.used_at < now() - interval '1 day'
""")
UNUSED_CARDS = text("""
    SELECT name FROM promo_cards WHERE used_at < now() - :days * interval '1 day' ORDER BY used_at LIMIT :most
""")
DELETE_UNUSED_CARD = text("DELETE FROM promo_cards WHERE name = :name AND used_at < now() - :days * interval '1 day'")


class CardRendererBusy(Busy):
    """Too many cards are being drawn. Please try again in a moment."""

    code = "studio_busy"


class CardCaller(NamedTuple):
    """Who requests cards, for rate limits: an agent, or the network of a page's visitor."""

    key: str
    max_per_hour: int  # cards drawn for the caller


class CardRenderer:
    """Draws each card once and stores it."""

    def __init__(self, files: Files, db: Database | None = None) -> None:
        """Without a database no rate limit applies, and uses of cards are not recorded."""
        self.files = files
        self._db = db
        self._queue = FairQueue(places=MAX_CONCURRENT, waiting=MAX_WAITING, busy=CardRendererBusy)
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def store(
        self, code_id: int, card: Card, size: CardSize, kind: CardFormat, caller: CardCaller | None = None
    ) -> str:
        """The stored card's name. A card that is not stored is drawn and read back first.

        Raises:
            CardRendererBusy: too many requests wait.
            TooManyRequests: too many cards were drawn for the caller this hour.
            CardUnreadable: the card could not be read back.
        """
        name = f"{folder(code_id)}/{fingerprint(card, size, kind)}.{kind}"
        # Requests for the same card share one task, and a caller that disconnects does not cancel it.
        await asyncio.shield(self._tasks.get(name) or self._start_task(name, card, size, kind, caller))
        if self._db:
            await self._db.rows(RECORD_USE, name=name)
        return name

    async def read(self, name: str) -> bytes:
        """A stored card.

        Raises:
            CardRendererBusy: it was removed after `store` returned.
        """
        try:
            return b"".join([chunk async for chunk in await self.files.open(name)])
        except FileMissing as error:
            raise CardRendererBusy(retry_after=1) from error

    def _start_task(
        self, name: str, card: Card, size: CardSize, kind: CardFormat, caller: CardCaller | None
    ) -> asyncio.Task[None]:
        task = asyncio.create_task(self._draw_and_store(name, card, size, kind, caller))
        self._tasks[name] = task
        task.add_done_callback(lambda done: self._remove_task(name, done))
        return task

    async def _draw_and_store(
        self, name: str, card: Card, size: CardSize, kind: CardFormat, caller: CardCaller | None
    ) -> None:
        if await self.files.exists(name):
            return
        if self._db and caller:
            await rate_limits.count_request(self._db, f"cards:{caller.key}", seconds=HOUR, limit=caller.max_per_hour)
        async with self._queue.place(caller.key if caller else name):
            content = await asyncio.to_thread(readability.draw_card_file, card, size, kind)
        await self.files.put(name, io.BytesIO(content))

    def _remove_task(self, name: str, task: asyncio.Task[None]) -> None:
        del self._tasks[name]
        if not task.cancelled():
            task.exception()  # retrieved, even if the caller has disconnected


def folder(code_id: int) -> str:
    """The folder of a code's cards in the object storage."""
    return f"cards/{code_id}"


@jobs.task("cards")
async def remove_cards(code_id: int, *, files: Files) -> None:
    """Remove a code's cards, which may show a nickname. They are drawn again at the next request."""
    await files.remove_folder(folder(code_id))


@jobs.task("cards", cron="41 * * * *", seconds=3000)
async def remove_unused_cards(*, db: Database, files: Files, settings: Settings) -> None:
    """Remove cards without a request for `card_days`. They are drawn again at the next request."""
    days = settings.numbers.at("card_days", datetime.now(UTC).date())
    while rows := await db.rows(UNUSED_CARDS, days=days, most=BATCH):
        for row in rows:
            # The object first: its row stays until it is gone, so the next run after a crash finds the rest.
            await files.remove(row.name)
            await db.rows(DELETE_UNUSED_CARD, name=row.name, days=days)


CurrentCardRenderer = NamedDependency[CardRenderer]
