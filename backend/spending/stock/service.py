"""Codes that a brand bought in advance: imported from a file, encrypted at once, and counted.

The file is imported in one transaction. A keyed hash detects duplicates over all rewards of the brand, sold or not; the
code itself is in no response, no log and no error.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from datetime import date, datetime
from typing import IO, Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.db.locks import LockNamespace, try_lock
from backend.core.http.errors import Conflict, Invalid, TooLarge
from backend.core.security import gift_card_codes
from backend.core.settings import Settings
from backend.core.tabular import lost_zeros
from backend.core.tabular.values import LeadingZerosInvalid
from backend.identity.approvals import service as approvals
from backend.identity.brands import audit_log
from backend.identity.brands.authentication import Member
from backend.programmes import service
from backend.programmes.schemas import ImportRowProblem
from backend.spending.models import Reward
from backend.spending.rewards import service as rewards
from backend.spending.stock.file_reader import CodeDuplicate, StockReader, StockRow
from backend.spending.stock.schemas import FaceValueStock, StockImportReport

MAX_FILE_BYTES, MAX_FILE_ROWS, MAX_PROBLEMS = 16 * 2**20, 200_000, 1000

GIFT_CARD_DIGESTS = text(
    "SELECT digest FROM certificates WHERE brand_id = :brand AND digest = ANY(CAST(:digests AS bytea[]))"
)
INSERT_CODES = text("""
    INSERT INTO stock_codes (brand_id, offer_id, nominal, digest, sealed, valid_until)
    SELECT :brand, :offer, x.nominal, x.digest, x.sealed, x.valid_until
    FROM unnest(CAST(:nominals AS bigint[]), CAST(:digests AS bytea[]), CAST(:sealed AS bytea[]),
        CAST(:days AS date[])) WITH ORDINALITY AS x (nominal, digest, sealed, valid_until, n)
    ORDER BY x.n
    ON CONFLICT (brand_id, digest) DO NOTHING RETURNING digest
""")
EXISTING_CODES = text("""
    SELECT digest, offer_id, nominal, valid_until, order_id IS NOT NULL AS sold FROM stock_codes
    WHERE brand_id = :brand AND digest = ANY(CAST(:digests AS bytea[]))
""")
# After an import the event `stock.low` can occur again.
RESET_STOCK_LEVELS = text("""
    INSERT INTO stock_levels AS l (offer_id, nominal, brand_id, least)
    SELECT :offer, x, :brand, :least FROM unnest(CAST(:nominals AS bigint[])) AS x ORDER BY x
    ON CONFLICT (offer_id, nominal) DO UPDATE SET least = excluded.least, told_at = NULL
""")
STOCK_COUNTS = text("""
    SELECT s.nominal, l.least,
        count(*) FILTER (WHERE s.order_id IS NULL AND (s.valid_until IS NULL OR s.valid_until > :today)) AS free,
        count(*) FILTER (WHERE s.order_id IS NOT NULL) AS sold,
        count(*) FILTER (WHERE s.order_id IS NULL AND s.valid_until <= :today) AS expired
    FROM stock_codes s LEFT JOIN stock_levels l ON l.offer_id = s.offer_id AND l.nominal = s.nominal
    WHERE s.brand_id = :brand AND s.offer_id = :offer GROUP BY s.nominal, l.least ORDER BY s.nominal
""")


class RewardWithoutStock(Conflict):
    """This offer is not fulfilled from stock."""

    code = "not_a_stock"


class StockImportRunning(Conflict):
    """Another file with codes of your brand is being imported. Send this one again later."""

    code = "stock_under_way"


class StockFileTooLong(TooLarge):
    """The file has more than {most} rows. Send it in parts."""

    code = "stock_too_long"


class CodeInStock(Invalid):
    """Your brand already has this code: it is sold, or has another offer, face value or day."""

    code = "code_in_stock"


class SealedRow(NamedTuple):
    """A row with the hash and the encrypted form of its code."""

    row: StockRow
    digest: bytes
    sealed: bytes
    older: bytes  # the hash with the normalisation of earlier releases; usually the same


async def import_codes(
    session: AsyncSession, settings: Settings, member: Member, key: str, file: IO[bytes], now: datetime
) -> StockImportReport:
    """Import codes into the stock of a reward. Existing codes are counted as `known`, so a file can be sent again.

    Raises:
        RewardNotFound: the brand has none with this key. RewardWithoutStock, StockImportRunning.
        FileUnreadable, LineBroken, StockColumnsInvalid, StockFileTooLong: the file as a whole is refused.
        ApprovalRequired: it adds more codes than are allowed without an approval.
    """
    return (await run_import(session, settings, member, key, file, now)).report


async def run_import(
    session: AsyncSession, settings: Settings, member: Member, key: str, file: IO[bytes], now: datetime
) -> "StockImport":
    """Import codes like import_codes, and return the import with its file details."""
    offer = await _find_stock(session, member, key)
    if not await try_lock(session, LockNamespace.STOCK_IMPORT, member.brand_id):
        raise StockImportRunning
    # Orders are not blocked; only the reward's face values must not change during the import.
    await session.refresh(offer, with_for_update={"read": True})
    today = await _programme_today(session, member, offer, now)
    reader = StockReader(file, offer, today, max_bytes=MAX_FILE_BYTES, max_rows=MAX_FILE_ROWS)
    with contextlib.closing(reader):
        work = StockImport(session, settings, offer, reader)
        await work.import_all()
    if work.report.added:
        above = settings.numbers.at("stock_alone_most", now.date())
        await approvals.require_approval(
            session, member, approvals.ApprovalOperation("stock", offer.key, work.report.added), above
        )
        threshold = settings.numbers.at("stock_low", now.date())
        values = {"offer": offer.id, "brand": offer.brand_id, "nominals": sorted(work.face_values)}
        await session.execute(RESET_STOCK_LEVELS, values | {"least": threshold})
        audit_log.record(
            session, member, "stock.imported", offer=offer.key, added=work.report.added, refused=work.report.refused
        )
    return work


class StockImport:
    """The import of one file, and its report."""

    def __init__(self, session: AsyncSession, settings: Settings, offer: Reward, reader: StockReader) -> None:
        self.session = session
        self.settings = settings
        self.offer = offer
        self.reader = reader
        self.report = StockImportReport(0, 0, 0, 0)
        self.face_values: set[int] = set()
        self.seen_digests: set[bytes] = set()

    async def import_all(self) -> None:
        """Import the file block by block; reading and encryption run in a thread."""
        await asyncio.to_thread(self.reader.open)
        while block := await asyncio.to_thread(self.reader.block):
            self.report.rows += len(block)
            if self.report.rows > MAX_FILE_ROWS:
                raise StockFileTooLong(most=MAX_FILE_ROWS)
            await self._add_codes(await asyncio.to_thread(self._encrypt_rows, block))

    def _encrypt_rows(self, block: Sequence[StockRow]) -> list[SealedRow]:
        rows = []
        for row in block:
            if row.problems:
                self._report_problems(row.problems)
                continue
            digest = gift_card_codes.digest(self.settings, row.code)
            if digest in self.seen_digests:
                self._report_problems([self.reader.refused(row.line, "code", CodeDuplicate())])
                continue
            self.seen_digests.add(digest)
            sealed = gift_card_codes.seal(self.settings, gift_card_codes.stock_owner(self.offer.id), row.code)
            older = gift_card_codes.older_digest(self.settings, row.code)
            rows.append(SealedRow(row, digest, sealed, older))
        return rows

    def _report_problems(self, problems: list[ImportRowProblem]) -> None:
        self.report.refused += 1
        self.report.problems += problems[: max(0, MAX_PROBLEMS - len(self.report.problems))]

    async def _add_codes(self, rows: list[SealedRow]) -> None:
        """Insert a block in one statement, and report the rows that are not new."""
        if not rows:
            return
        brand = {"brand": self.offer.brand_id}
        rows = await self._with_stored_digests(rows, brand)
        own = set(
            await self.session.scalars(
                GIFT_CARD_DIGESTS, brand | {"digests": [sealed_row.digest for sealed_row in rows]}
            )
        )
        rows = await self._without_damaged(rows, brand)
        new = [sealed_row for sealed_row in rows if sealed_row.digest not in own]
        added = set(await self.session.scalars(INSERT_CODES, brand | {"offer": self.offer.id} | _column_arrays(new)))
        existing = {
            row.digest: row
            for row in await self.session.execute(
                EXISTING_CODES,
                brand | {"digests": [sealed_row.digest for sealed_row in rows if sealed_row.digest not in added]},
            )
        }
        for sealed_row in rows:
            if sealed_row.digest in added:
                self.report.added += 1
                self.face_values.add(sealed_row.row.nominal)
            elif _is_same(existing.get(sealed_row.digest), sealed_row.row, self.offer):
                self.report.known += 1
            else:
                self._report_problems([self.reader.refused(sealed_row.row.line, "code", CodeInStock())])

    async def _without_damaged(self, rows: list[SealedRow], brand: dict[str, int]) -> list[SealedRow]:
        """The codes without those that a spreadsheet seems to have damaged: their originals are in stock."""
        sources = await asyncio.to_thread(self._possible_originals, rows)
        if not sources:
            return rows
        stored = {row.digest for row in await self.session.execute(EXISTING_CODES, brand | {"digests": list(sources)})}
        damaged = {sources[digest] for digest in stored}
        for sealed_row in rows:
            if sealed_row.digest in damaged:
                self._report_problems([self.reader.refused(sealed_row.row.line, "code", LeadingZerosInvalid())])
        return [sealed_row for sealed_row in rows if sealed_row.digest not in damaged]

    def _possible_originals(self, rows: list[SealedRow]) -> dict[bytes, bytes]:
        """Hashes of the possible originals of codes before a spreadsheet changed them, with the hash of the code."""
        return {
            gift_card_codes.digest(self.settings, source): sealed_row.digest
            for sealed_row in rows
            for source in (*lost_zeros.padded(sealed_row.row.code), *lost_zeros.meant(sealed_row.row.code))
        }

    async def _with_stored_digests(self, rows: list[SealedRow], brand: dict[str, int]) -> list[SealedRow]:
        """The codes; those stored under their older hash get that hash."""
        older = [sealed_row.older for sealed_row in rows if sealed_row.older != sealed_row.digest]
        if not older:
            return rows
        stored = {row.digest for row in await self.session.execute(EXISTING_CODES, brand | {"digests": older})}
        return [
            sealed_row._replace(digest=sealed_row.older) if sealed_row.older in stored else sealed_row
            for sealed_row in rows
        ]


def _column_arrays(rows: Sequence[SealedRow]) -> dict[str, list[Any]]:
    return {
        "nominals": [sealed_row.row.nominal for sealed_row in rows],
        "digests": [sealed_row.digest for sealed_row in rows],
        "sealed": [sealed_row.sealed for sealed_row in rows],
        "days": [sealed_row.row.valid_until for sealed_row in rows],
    }


def _is_same(existing: Any | None, row: StockRow, offer: Reward) -> bool:
    """Whether a free code is in stock exactly as in the file."""
    if existing is None or existing.sold:
        return False
    return bool((existing.offer_id, existing.nominal, existing.valid_until) == (offer.id, row.nominal, row.valid_until))


async def stock_counts(session: AsyncSession, member: Member, key: str, now: datetime) -> list[FaceValueStock]:
    """Free and sold codes by face value.

    Raises:
        RewardNotFound: the brand has none with this key. RewardWithoutStock.
    """
    offer = await _find_stock(session, member, key)
    today = await _programme_today(session, member, offer, now)
    found = await session.execute(STOCK_COUNTS, {"brand": member.brand_id, "offer": offer.id, "today": today})
    return [
        FaceValueStock(row.nominal, row.free, row.sold, expired=row.expired, low=row.free < (row.least or 0))
        for row in found
    ]


async def _find_stock(session: AsyncSession, member: Member, key: str) -> Reward:
    offer = await rewards.get_reward(session, member, key)
    if offer.fulfilment != "stock":
        raise RewardWithoutStock
    return offer


async def _programme_today(session: AsyncSession, member: Member, offer: Reward, now: datetime) -> date:
    programme = await service.get_programme_by_id(session, member, offer.programme_id)
    return now.astimezone(ZoneInfo(programme.timezone)).date()
