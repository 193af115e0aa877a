"""Codes that a brand bought in advance: taken from a file, sealed at once, and counted.

One transaction for the whole file. A code is known again by a keyed hash over all offers of the brand, sold or not; the
code itself is in no answer, no log and no error.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from datetime import date, datetime
from typing import IO, Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.brands import audit
from backend.brands.door import Member
from backend.errors import Conflict, Invalid, TooLarge
from backend.offers import certificate_codes, keeping
from backend.offers.models import Offer
from backend.offers.ordering import stock_owner
from backend.offers.stock_reader import CodeRepeated, StockReader, StockRow
from backend.offers.stock_schemas import StockNominal, StockReport
from backend.programmes import service
from backend.programmes.schemas import RowProblem
from backend.settings import Settings

MOST_BYTES, MOST_ROWS, MOST_PROBLEMS = 16 * 2**20, 200_000, 1000

LOCK = text("SELECT pg_try_advisory_xact_lock(20315, CAST(:brand % 2147483647 AS int))")
OWN = text("SELECT digest FROM certificates WHERE brand_id = :brand AND digest = ANY(CAST(:digests AS bytea[]))")
ADD = text("""
    INSERT INTO stock_codes (brand_id, offer_id, nominal, digest, sealed, valid_until)
    SELECT :brand, :offer, x.nominal, x.digest, x.sealed, x.valid_until
    FROM unnest(CAST(:nominals AS bigint[]), CAST(:digests AS bytea[]), CAST(:sealed AS bytea[]),
        CAST(:days AS date[])) WITH ORDINALITY AS x (nominal, digest, sealed, valid_until, n)
    ORDER BY x.n
    ON CONFLICT (brand_id, digest) DO NOTHING RETURNING digest
""")
THERE = text("""
    SELECT digest, offer_id, nominal, valid_until, order_id IS NOT NULL AS sold FROM stock_codes
    WHERE brand_id = :brand AND digest = ANY(CAST(:digests AS bytea[]))
""")
# Whoever brings codes is told anew when they run out.
LEVEL = text("""
    INSERT INTO stock_levels AS l (offer_id, nominal, brand_id, least)
    SELECT :offer, x, :brand, :least FROM unnest(CAST(:nominals AS bigint[])) AS x ORDER BY x
    ON CONFLICT (offer_id, nominal) DO UPDATE SET least = excluded.least, told_at = NULL
""")
COUNTS = text("""
    SELECT s.nominal, l.least,
        count(*) FILTER (WHERE s.order_id IS NULL AND (s.valid_until IS NULL OR s.valid_until > :today)) AS free,
        count(*) FILTER (WHERE s.order_id IS NOT NULL) AS sold,
        count(*) FILTER (WHERE s.order_id IS NULL AND s.valid_until <= :today) AS expired
    FROM stock_codes s LEFT JOIN stock_levels l ON l.offer_id = s.offer_id AND l.nominal = s.nominal
    WHERE s.brand_id = :brand AND s.offer_id = :offer GROUP BY s.nominal, l.least ORDER BY s.nominal
""")


class NotAStock(Conflict):
    """This offer sells no codes of a stock."""


class StockUnderWay(Conflict):
    """Another file of codes of your brand is being taken in. Send this one again when it is done."""


class StockTooLong(TooLarge):
    """The file has more than {most} rows. Send it in parts."""


class CodeInStock(Invalid):
    """Your brand has this code already, sold or under another offer, nominal or day."""


class Sealed(NamedTuple):
    """A row with what is kept of its code."""

    row: StockRow
    digest: bytes
    sealed: bytes


async def take(
    session: AsyncSession, settings: Settings, member: Member, key: str, file: IO[bytes], now: datetime
) -> StockReport:
    """Take codes into the stock of an offer. What stands there just so already is `known`: send a file as often as you
    like.

    Raises:
        OfferNotKept: the brand has none of this key. NotAStock, StockUnderWay: as they say.
        FileUnreadable, LineBroken, StockColumns, StockTooLong: the file as a whole is refused.
    """
    offer = await _stock(session, member, key)
    if not await session.scalar(LOCK, {"brand": member.brand_id}):
        raise StockUnderWay
    # Agents may order meanwhile; only the offer's nominals must not change under the file.
    await session.refresh(offer, with_for_update={"read": True})
    today = await _today(session, member, offer, now)
    reader = StockReader(file, offer, today, most_bytes=MOST_BYTES, most_rows=MOST_ROWS)
    with contextlib.closing(reader):
        work = Intake(session, settings, offer, reader)
        await work.all()
    if work.told.added:
        least = settings.numbers.at("stock_low", now.date())
        of = {"offer": offer.id, "brand": offer.brand_id, "nominals": sorted(work.nominals)}
        await session.execute(LEVEL, of | {"least": least})
        audit.note(session, member, "stock.imported", offer=offer.key, added=work.told.added, refused=work.told.refused)
    return work.told


class Intake:
    """One file on its way into the stock, and what is to be told of it."""

    def __init__(self, session: AsyncSession, settings: Settings, offer: Offer, reader: StockReader) -> None:
        self.session = session
        self.settings = settings
        self.offer = offer
        self.reader = reader
        self.told = StockReport(0, 0, 0, 0)
        self.nominals: set[int] = set()
        self.seen: set[bytes] = set()

    async def all(self) -> None:
        """Take the file block by block; reading and sealing go on in a thread."""
        await asyncio.to_thread(self.reader.open)
        while block := await asyncio.to_thread(self.reader.block):
            self.told.rows += len(block)
            if self.told.rows > MOST_ROWS:
                raise StockTooLong(most=MOST_ROWS)
            await self._add(await asyncio.to_thread(self._sealed, block))

    def _sealed(self, block: Sequence[StockRow]) -> list[Sealed]:
        good = []
        for row in block:
            if row.problems:
                self._refuse(row.problems)
                continue
            digest = certificate_codes.digest(self.settings, row.code)
            if digest in self.seen:
                self._refuse([self.reader.refused(row.line, "code", CodeRepeated())])
                continue
            self.seen.add(digest)
            sealed = certificate_codes.seal(self.settings, stock_owner(self.offer.id), row.code)
            good.append(Sealed(row, digest, sealed))
        return good

    def _refuse(self, problems: list[RowProblem]) -> None:
        self.told.refused += 1
        self.told.problems += problems[: max(0, MOST_PROBLEMS - len(self.told.problems))]

    async def _add(self, good: list[Sealed]) -> None:
        """Write a block in one statement, and say of the others why not."""
        if not good:
            return
        brand = {"brand": self.offer.brand_id}
        own = set(await self.session.scalars(OWN, brand | {"digests": [one.digest for one in good]}))
        new = [one for one in good if one.digest not in own]
        added = set(await self.session.scalars(ADD, brand | {"offer": self.offer.id} | _columns(new)))
        there = {
            row.digest: row
            for row in await self.session.execute(
                THERE, brand | {"digests": [one.digest for one in good if one.digest not in added]}
            )
        }
        for one in good:
            if one.digest in added:
                self.told.added += 1
                self.nominals.add(one.row.nominal)
            elif _is_same(there.get(one.digest), one.row, self.offer):
                self.told.known += 1
            else:
                self._refuse([self.reader.refused(one.row.line, "code", CodeInStock())])


def _columns(rows: Sequence[Sealed]) -> dict[str, list[Any]]:
    return {
        "nominals": [one.row.nominal for one in rows],
        "digests": [one.digest for one in rows],
        "sealed": [one.sealed for one in rows],
        "days": [one.row.valid_until for one in rows],
    }


def _is_same(there: Any | None, row: StockRow, offer: Offer) -> bool:
    """Whether a free code stands in the stock just as the file says."""
    if there is None or there.sold:
        return False
    return bool((there.offer_id, there.nominal, there.valid_until) == (offer.id, row.nominal, row.valid_until))


async def counted(session: AsyncSession, member: Member, key: str, now: datetime) -> list[StockNominal]:
    """What is free and what was sold, by nominal.

    Raises:
        OfferNotKept: the brand has none of this key. NotAStock: as it says.
    """
    offer = await _stock(session, member, key)
    today = await _today(session, member, offer, now)
    found = await session.execute(COUNTS, {"brand": member.brand_id, "offer": offer.id, "today": today})
    return [
        StockNominal(row.nominal, row.free, row.sold, expired=row.expired, low=row.free < (row.least or 0))
        for row in found
    ]


async def _stock(session: AsyncSession, member: Member, key: str) -> Offer:
    offer = await keeping.get(session, member, key)
    if offer.fulfilment != "stock":
        raise NotAStock
    return offer


async def _today(session: AsyncSession, member: Member, offer: Offer, now: datetime) -> date:
    programme = await service.by_id(session, member, offer.programme_id)
    return now.astimezone(ZoneInfo(programme.timezone)).date()
