"""The offers of each programme, kept in memory as long as nobody changed them.

The transaction that pays compares `rules_version`; when it has moved on it refuses with SB011, and the caller
forgets the programme here and decides again. So memory may be stale, money never is.
"""

import asyncio
from collections import defaultdict

import msgspec
from litestar.di import NamedDependency
from sqlalchemy import text

from backend.database import Database
from backend.programmes.rules import Offer, Rule

LOAD = text("""
    SELECT g.rules_version, g.timezone, g.currency, c.id AS campaign_id, v.id AS version_id, v.version, v.rule,
        c.starts_at, c.ends_at, c.budget IS NOT NULL AS budgeted
    FROM programmes g
    LEFT JOIN campaigns c ON c.programme_id = g.id AND c.state = 'active'
    LEFT JOIN campaign_versions v ON v.campaign_id = c.id AND v.version = c.version
    WHERE g.id = :programme ORDER BY c.id
""")


class Book(msgspec.Struct, frozen=True):
    """A programme's offers at one state of its rules."""

    programme_id: int
    rules_version: int
    timezone: str
    currency: str
    offers: tuple[Offer, ...]
    by_campaign: dict[int, Offer]


class Books:
    """The process's memory of books."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.known: dict[int, Book] = {}
        self._loading: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def get(self, programme_id: int, rules_version: int) -> Book:
        """The book of a programme, at least as new as the version that the caller saw."""
        if book := self._fresh(programme_id, rules_version):
            return book
        # One loads for all who wait: a thousand campaigns read a thousand times over would keep everybody waiting.
        async with self._loading[programme_id]:
            book = self._fresh(programme_id, rules_version)
            if book is None:
                book = self.known[programme_id] = await self._load(programme_id)
            return book

    def _fresh(self, programme_id: int, rules_version: int) -> Book | None:
        book = self.known.get(programme_id)
        return book if book is not None and book.rules_version >= rules_version else None

    def forget(self, programme_id: int) -> None:
        """Load the programme anew next time."""
        self.known.pop(programme_id, None)

    async def _load(self, programme_id: int) -> Book:
        rows = await self.db.rows(LOAD, programme=programme_id)
        offers = tuple(
            Offer(
                row.campaign_id,
                row.version_id,
                row.version,
                row.starts_at,
                row.ends_at,
                row.budgeted,
                msgspec.convert(row.rule, Rule),
            )
            for row in rows
            if row.campaign_id is not None
        )
        by_campaign = {offer.campaign_id: offer for offer in offers}
        return Book(programme_id, rows[0].rules_version, rows[0].timezone, rows[0].currency, offers, by_campaign)


TheBooks = NamedDependency[Books]
