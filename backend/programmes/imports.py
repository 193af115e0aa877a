"""Takes a file of products: good rows are in, refused rows are told one by one, and the whole may be sent again.

One transaction for the whole file. Columns that the file does not have stay as they are; a new product gets nothing
there. What cannot be read as a table at all changes nothing.
"""

import asyncio
import contextlib
import io
from collections.abc import Sequence
from datetime import datetime
from typing import IO, Any

import msgspec
from sqlalchemy import Row, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from backend.brands import audit
from backend.brands.door import Member
from backend.errors import Conflict, TooLarge
from backend.programmes import searching, service
from backend.programmes.columns import CellEmpty
from backend.programmes.import_reader import Limits, Parsed, Reader, problem
from backend.programmes.products import NAMES, GtinTaken
from backend.programmes.schemas import ImportOut, RowProblem
from backend.settings import Settings

PROBLEMS = 1000
EMPTY: dict[str, Any] = {
    "gtin": None, "name_en": "", "aliases": [], "articles": [], "warranty_months": 0, "price": None, "archived": False,
}  # fmt: skip
# A decision under way was made with the old ones of these.
DECISIVE = ("price", "gtin", "archived")

LOCK = text("SELECT pg_try_advisory_xact_lock(20312, CAST(:brand % 2147483647 AS int))")
EXISTING = text("""
    SELECT sku, gtin, name_ru, name_en, aliases, articles, warranty_months, price, archived_at, updated_at
    FROM products WHERE brand_id = :brand AND sku = ANY(CAST(:skus AS text[]))
""")
HOLDERS = text("SELECT gtin, sku FROM products WHERE brand_id = :brand AND gtin = ANY(CAST(:gtins AS text[]))")
# Nothing is locked while we compare: a product that somebody changed or made since then is not written, and counted.
WRITE = text("""
    INSERT INTO products AS p (brand_id, sku, gtin, name_ru, name_en, aliases, articles, warranty_months, price,
        archived_at, search, updated_at)
    SELECT :brand, x.sku, x.gtin, x.name_ru, x.name_en, x.aliases, x.articles, x.warranty_months, x.price,
        CASE WHEN x.archived THEN now() END, x.search, coalesce(x.seen, now())
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS x (sku text, gtin text, name_ru text, name_en text,
        aliases text[], articles text[], warranty_months int, price bigint, archived boolean, search text,
        seen timestamptz)
    ON CONFLICT (brand_id, sku) DO UPDATE SET gtin = excluded.gtin, name_ru = excluded.name_ru,
        name_en = excluded.name_en, aliases = excluded.aliases, articles = excluded.articles,
        warranty_months = excluded.warranty_months, price = excluded.price, search = excluded.search,
        archived_at = CASE WHEN excluded.archived_at IS NOT NULL THEN coalesce(p.archived_at, now()) END,
        updated_at = now()
    WHERE p.updated_at = excluded.updated_at
    RETURNING p.id
""")


class ImportUnderWay(Conflict):
    """Another file of your brand is being taken in. Send this one again when it is done."""


class ImportCollided(Conflict):
    """Somebody changed these products at the same time. Send the file again."""


class FileTooLarge(TooLarge):
    """The file is larger than {most} MiB. Send it in parts."""


class TooManyRows(TooLarge):
    """The file has more than {most} rows. Send it in parts."""


def limits_of(settings: Settings, now: datetime) -> Limits:
    """What a file may ask of this installation."""
    names = ("import_bytes", "import_rows", "import_unpacked_bytes")
    return Limits(*(settings.numbers.at(name, now.date()) for name in names))


async def take(session: AsyncSession, member: Member, file: IO[bytes], limits: Limits) -> ImportOut:
    """Make, change or leave each product that the file names. Reading goes on in a thread, block by block.

    Raises:
        FileTooLarge, FileUnreadable, LineBroken, ColumnMissing, ColumnsRepeated, TooManyRows: the file as a whole is
        refused.
        ImportUnderWay, ImportCollided: somebody else is at it.
    """
    if file.seek(0, io.SEEK_END) > limits.bytes:
        raise FileTooLarge(most=limits.bytes // 2**20)
    if not await session.scalar(LOCK, {"brand": member.brand_id}):
        raise ImportUnderWay
    with contextlib.closing(Reader(file, limits)) as reader:
        return await _take(session, member, reader, limits)


async def _take(session: AsyncSession, member: Member, reader: Reader, limits: Limits) -> ImportOut:
    await asyncio.to_thread(reader.open)
    work = Import(session, member, reader)
    while block := await asyncio.to_thread(reader.block):
        await work.add(block)
        if work.told.rows > limits.rows:
            raise TooManyRows(most=limits.rows)
    await work.end()
    return work.told


class Import:
    """One file on its way into the table, and what is to be told of it."""

    def __init__(self, session: AsyncSession, member: Member, reader: Reader) -> None:
        self.session = session
        self.member = member
        self.reader = reader
        self.told = ImportOut(0, 0, 0, 0, 0, ignored_columns=reader.ignored())
        self.decisive = False

    async def add(self, block: Sequence[Parsed]) -> None:
        """Write the good rows of a block in one statement."""
        good = [row for row in block if not row.problems]
        existing = await self._existing([row.sku for row in good])
        holders = await self._holders([gtin for row in good if (gtin := row.values.get("gtin"))])
        written = []
        self.told.rows += len(block)
        for row in block:
            problems = row.problems or self._problems(row, existing.get(row.sku), holders)
            if problems:
                self._refuse(problems)
            elif product := self._merged(row, existing.get(row.sku)):
                written.append(product)
        await self._write(written)

    async def _existing(self, skus: Sequence[str]) -> dict[str, Row[Any]]:
        found = await self.session.execute(EXISTING, {"brand": self.member.brand_id, "skus": skus})
        return {row.sku: row for row in found}

    async def _holders(self, gtins: Sequence[str]) -> dict[str, str]:
        """Which product has each GTIN now."""
        found = await self.session.execute(HOLDERS, {"brand": self.member.brand_id, "gtins": gtins})
        return {row.gtin: row.sku for row in found}

    def _problems(self, row: Parsed, existing: Row[Any] | None, holders: dict[str, str]) -> list[RowProblem]:
        """What only the table can know. A good row's GTIN is its own from here on."""
        if existing is None and "name_ru" not in row.values:
            return [problem(row.line, self.reader.header("name_ru"), CellEmpty())]
        gtin = row.values.get("gtin")
        if gtin and holders.setdefault(gtin, row.sku) != row.sku:
            return [problem(row.line, self.reader.header("gtin"), GtinTaken())]
        return []

    def _refuse(self, problems: Sequence[RowProblem]) -> None:
        self.told.refused += 1
        self.told.problems += problems[: max(0, PROBLEMS - len(self.told.problems))]

    def _merged(self, row: Parsed, existing: Row[Any] | None) -> dict[str, Any] | None:
        """The product as it should be; None where it is so already."""
        before = dict(EMPTY)
        if existing is not None:
            before = {name: getattr(existing, name) for name in ("name_ru", *EMPTY) if name != "archived"}
            before["archived"] = existing.archived_at is not None
        after = before | row.values
        if existing is None:
            self.told.created += 1
        elif after == before:
            self.told.unchanged += 1
            return None
        else:
            self.told.updated += 1
            self.decisive |= any(after[name] != before[name] for name in DECISIVE)
        line = searching.line(row.sku, *(after[name] for name in NAMES))
        return {"sku": row.sku, "search": line, "seen": existing and existing.updated_at, **after}

    async def _write(self, products: Sequence[dict[str, Any]]) -> None:
        if not products:
            return
        try:
            rows = msgspec.json.encode(products).decode()
            written = await self.session.execute(WRITE, {"brand": self.member.brand_id, "rows": rows})
        except IntegrityError as error:
            raise ImportCollided from error
        if len(written.all()) < len(products):
            raise ImportCollided

    async def end(self) -> None:
        """Tell of the deed, and the rules where a price changed."""
        told = self.told
        if told.created or told.updated:
            audit.note(self.session, self.member, "products.imported", created=told.created, updated=told.updated)
            await self.session.flush()
        if self.decisive:
            await service.bump(self.session, self.member.brand_id)
