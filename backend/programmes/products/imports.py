"""Imports a file of products: good rows are imported, refused rows are reported, and the file may be sent again.

One transaction for the whole file. Fields without a column stay unchanged, or empty in a new product. A file that
cannot be read as a table changes nothing.
"""

import asyncio
import contextlib
import io
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import IO, Any

import msgspec
from sqlalchemy import Row, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.db.locks import LockNamespace, try_lock
from backend.core.http.errors import Conflict, DomainError, TooLarge
from backend.core.settings import Settings
from backend.core.tabular import changes, damage, lost_zeros
from backend.core.tabular.values import CodeChangedInvalid, LeadingZerosInvalid, ShortenedNumberInvalid
from backend.identity.brands import audit_log
from backend.identity.brands.authentication import Member
from backend.programmes import search, service
from backend.programmes.products import import_changes
from backend.programmes.products.columns import CellEmpty
from backend.programmes.products.import_reader import (
    ImportLimits,
    ParsedRow,
    ProductFileReader,
    RowTooShort,
    row_problem,
)
from backend.programmes.products.service import NAMES, GtinConflict
from backend.programmes.schemas import ImportRowProblem, ImportSource, ProductImportReport

MAX_PROBLEMS = 1000
EMPTY: dict[str, Any] = {
    "gtin": None,
    "name_en": "",
    "aliases": [],
    "articles": [],
    "maker": "",
    "trade_marks": [],
    "exact_aliases": [],
    "warranty_months": 0,
    "price": None,
    "archived": False,
}
# Awards under way were decided with the old values of these fields.
DECISIVE = ("price", "gtin", "archived")

EXISTING = text("""
    SELECT sku, gtin, name_ru, name_en, aliases, articles, maker, trade_marks, exact_aliases, warranty_months, price,
        archived_at, updated_at
    FROM products WHERE brand_id = :brand AND sku = ANY(CAST(:skus AS text[]))
""")
# SKUs that a spreadsheet would change. Few brands have them, so they are read once for all rows.
FRAGILE = text("""
    SELECT sku FROM products WHERE brand_id = :brand
        AND sku ~* '^(0[0-9]+|[+][0-9]+|[0-9]+e[+]?[0-9]+|[0-9]+[.,][0-9]+|true|false)$'
""")
HOLDERS = text("SELECT gtin, sku FROM products WHERE brand_id = :brand AND gtin = ANY(CAST(:gtins AS text[]))")
# Products are compared without a lock. One that was changed or created since then is not written, so the count differs.
WRITE = text("""
    INSERT INTO products AS p (brand_id, sku, gtin, name_ru, name_en, aliases, articles, maker, trade_marks,
        exact_aliases, warranty_months, price, archived_at, search, updated_at)
    SELECT :brand, x.sku, x.gtin, x.name_ru, x.name_en, x.aliases, x.articles, x.maker, x.trade_marks,
        x.exact_aliases, x.warranty_months, x.price,
        CASE WHEN x.archived THEN now() END, x.search, coalesce(x.seen, now())
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS x (sku text, gtin text, name_ru text, name_en text,
        aliases text[], articles text[], maker text, trade_marks text[], exact_aliases text[], warranty_months int,
        price bigint, archived boolean, search text, seen timestamptz)
    ON CONFLICT (brand_id, sku) DO UPDATE SET gtin = excluded.gtin, name_ru = excluded.name_ru,
        name_en = excluded.name_en, aliases = excluded.aliases, articles = excluded.articles, maker = excluded.maker,
        trade_marks = excluded.trade_marks, exact_aliases = excluded.exact_aliases,
        warranty_months = excluded.warranty_months, price = excluded.price, search = excluded.search,
        archived_at = CASE WHEN excluded.archived_at IS NOT NULL THEN coalesce(p.archived_at, now()) END,
        updated_at = now()
    WHERE p.updated_at = excluded.updated_at
    RETURNING p.id
""")

# Like changes.mask.
MASKED = text("""
    SELECT sku FROM products
    WHERE brand_id = :brand AND sku ~ '[^ -~]' AND regexp_replace(sku, '[^ -~]', '?', 'g') = ANY(:masks)
""")


class ImportUnderWay(Conflict):
    """Another file of your brand is being imported. Send this one again when it is done."""

    code = "import_under_way"


class ImportCollided(Conflict):
    """These products were changed at the same time. Send the file again."""

    code = "import_collided"


class FileTooLarge(TooLarge):
    """The file is larger than {most} MiB. Send it in parts."""

    code = "file_too_large"


class TooManyRows(TooLarge):
    """The file has more than {most} rows. Send it in parts."""

    code = "too_many_rows"


def import_limits(settings: Settings, now: datetime) -> ImportLimits:
    """The bounds of files in this installation."""
    names = ("import_bytes", "import_rows", "import_unpacked_bytes")
    return ImportLimits(*(settings.numbers.at(name, now.date()) for name in names))


async def import_products(
    session: AsyncSession, member: Member, file: IO[bytes], limits: ImportLimits
) -> ProductImportReport:
    """Create, change or skip each product of the file. It is read in a thread, block by block.

    Raises:
        FileTooLarge, FileUnreadable, LineBroken, ColumnMissing, ColumnsRepeated, TooManyRows: the file as a whole is
        refused.
        ImportUnderWay, ImportCollided: another transaction imports or changes products.
    """
    if file.seek(0, io.SEEK_END) > limits.bytes:
        raise FileTooLarge(most=limits.bytes // 2**20)
    if not await try_lock(session, LockNamespace.PRODUCT_IMPORT, member.brand_id):
        raise ImportUnderWay
    with contextlib.closing(ProductFileReader(file, limits)) as reader:
        return await _import_blocks(session, member, reader, limits)


async def _import_blocks(
    session: AsyncSession, member: Member, reader: ProductFileReader, limits: ImportLimits
) -> ProductImportReport:
    await asyncio.to_thread(reader.open)
    product_import = ProductImport(session, member, reader)
    await product_import.begin()
    while block := await asyncio.to_thread(reader.block):
        await product_import.add_block(block)
        if product_import.report.rows > limits.rows:
            raise TooManyRows(most=limits.rows)
    await product_import.finish()
    return product_import.report


class ProductImport:
    """The import of one file, and its report."""

    def __init__(self, session: AsyncSession, member: Member, reader: ProductFileReader) -> None:
        self.session = session
        self.member = member
        self.reader = reader
        self.report = ProductImportReport(
            0,
            0,
            0,
            0,
            0,
            ignored_columns=reader.ignored(),
            source=ImportSource.of(reader.source),
            columns=reader.mapping(),
        )
        self.decisive = False
        self.fragile: frozenset[str] = frozenset()

    async def begin(self) -> None:
        """Load the SKUs of the brand that a spreadsheet would change."""
        self.fragile = frozenset(await self.session.scalars(FRAGILE, {"brand": self.member.brand_id}))

    async def add_block(self, block: Sequence[ParsedRow]) -> None:
        """Write the good rows of a block in one statement."""
        good = [row for row in block if not row.problems]
        existing = await self._find_existing([row.sku for row in good])
        holders = await self._gtin_holders([gtin for row in good if (gtin := row.values.get("gtin"))])
        original = self._damaged_skus(good) | await self._reformatted_skus(good) | await self._masked_skus(good)
        products = []
        self.report.ignored_columns = self.reader.ignored()
        self.report.rows += len(block)
        for parsed in block:
            product = existing.get(parsed.sku)
            row = _without_blank_changes(parsed, product)
            if problems := row.problems or self._row_problems(row, product, holders, original.get(row.sku)):
                self._report_problems(problems)
            elif values := self._merge_row(row, product):
                products.append(values)
        await self._write_products(products)

    async def _find_existing(self, skus: Sequence[str]) -> dict[str, Row[Any]]:
        rows = await self.session.execute(EXISTING, {"brand": self.member.brand_id, "skus": skus})
        return {row.sku: row for row in rows}

    async def _gtin_holders(self, gtins: Sequence[str]) -> dict[str, str]:
        """The SKU of the product that has each GTIN."""
        rows = await self.session.execute(HOLDERS, {"brand": self.member.brand_id, "gtins": gtins})
        return {row.gtin: row.sku for row in rows}

    def _damaged_skus(self, rows: Sequence[ParsedRow]) -> dict[str, str]:
        """SKUs of the brand by the SKUs that a spreadsheet may have made of them."""
        if not self.fragile:
            return {}
        return {row.sku: code for row in rows for code in _possible_originals(row) if code in self.fragile}

    async def _reformatted_skus(self, rows: Sequence[ParsedRow]) -> dict[str, str]:
        """SKUs of the brand by the forms in which a program writes them: 1 234 or 1234.0 for 1234, РҐ-1 for Х-1."""
        codes = {row.sku: [*_ungrouped_skus(row.sku), *changes.before_misreading(row.sku)] for row in rows}
        candidates = [code for originals in codes.values() for code in originals]
        existing = await self._find_existing(candidates) if candidates else {}
        return {sku: code for sku, originals in codes.items() for code in originals if code in existing}

    async def _masked_skus(self, rows: Sequence[ParsedRow]) -> dict[str, str]:
        """SKUs of the brand by the forms of an encoding that lacks some of their letters: X?-1 for XУ-1."""
        masks = {row.sku: changes.mask(row.sku) for row in rows if "?" in row.sku}
        if not masks:
            return {}
        skus = await self.session.scalars(MASKED, {"brand": self.member.brand_id, "masks": list(masks.values())})
        complete = {changes.mask(sku): sku for sku in skus}
        return {sku: complete[mask] for sku, mask in masks.items() if complete.get(mask, sku) != sku}

    def _row_problems(
        self, row: ParsedRow, existing: Row[Any] | None, holders: dict[str, str], original: str | None
    ) -> list[ImportRowProblem]:
        """Problems that depend on the stored products. A good row takes its GTIN in `holders`."""
        if changed := self._sku_damage(row, original, is_new=existing is None):
            return [row_problem(row.line, self.reader.header("sku"), changed, row.sku)]
        if existing is None and "name_ru" not in row.values:
            return [row_problem(row.line, self.reader.header("name_ru"), CellEmpty())]
        is_cut = existing is None and row.last
        if cut := [name for name in row.absent if is_cut or (existing is not None and _has_value(existing, name))]:
            return [row_problem(row.line, self.reader.header(cut[0]), RowTooShort())]
        if existing is not None and (damaged := self._damaged_values(row, existing)):
            return damaged
        gtin = row.values.get("gtin")
        if gtin and holders.setdefault(gtin, row.sku) != row.sku:
            return [row_problem(row.line, self.reader.header("gtin"), GtinConflict(), gtin)]
        return []

    def _damaged_values(self, row: ParsedRow, existing: Row[Any]) -> list[ImportRowProblem]:
        return [
            row_problem(
                row.line, self.reader.header(field), refusal, import_changes.display_text(field, row.values[field])
            )
            for field, refusal in import_changes.suspected_damage(row, _stored_fields(existing))
        ]

    def _sku_damage(self, row: ParsedRow, original: str | None, *, is_new: bool) -> DomainError | None:
        """The damage of a SKU by a spreadsheet, found by the brand's other SKUs and the file's other rows."""
        if original and original.lstrip("0") == row.sku:
            return LeadingZerosInvalid()
        if not is_new:
            return None
        if original:
            return CodeChangedInvalid(code=original)
        if row.has_lost_zeros:
            return LeadingZerosInvalid()
        return ShortenedNumberInvalid() if damage.is_rounded(row.sku) else None

    def _report_problems(self, problems: Sequence[ImportRowProblem]) -> None:
        self.report.refused += 1
        self.report.problems += problems[: max(0, MAX_PROBLEMS - len(self.report.problems))]

    def _merge_row(self, row: ParsedRow, existing: Row[Any] | None) -> dict[str, Any] | None:
        """The new values of the product; None if nothing changes."""
        before = dict(EMPTY) if existing is None else _stored_fields(existing)
        after = before | row.values
        if existing is None:
            self.report.created += 1
        elif after == before:
            self.report.unchanged += 1
            return None
        else:
            self.report.updated += 1
            self.decisive |= any(after[name] != before[name] for name in DECISIVE)
        line = search.search_line(row.sku, *(after[name] for name in NAMES))
        return {"sku": row.sku, "search": line, "seen": existing and existing.updated_at, **after}

    async def _write_products(self, products: Sequence[dict[str, Any]]) -> None:
        if not products:
            return
        try:
            rows = msgspec.json.encode(products).decode()
            written = await self.session.execute(WRITE, {"brand": self.member.brand_id, "rows": rows})
        except IntegrityError as error:
            raise ImportCollided from error
        if len(written.all()) < len(products):
            raise ImportCollided

    async def finish(self) -> None:
        """Write the audit log entry, and raise the rules version if a price, GTIN or archiving changed."""
        created, updated = self.report.created, self.report.updated
        if created or updated:
            audit_log.record(self.session, self.member, "products.imported", created=created, updated=updated)
            await self.session.flush()
        if self.decisive:
            await service.bump_rules_version(self.session, self.member.brand_id)


def _without_blank_changes(row: ParsedRow, existing: Row[Any] | None) -> ParsedRow:
    """The row with the product's own values where only blanks differ."""
    if existing is None:
        return row
    return row._replace(values=import_changes.ignore_blank_changes(row.values, _stored_fields(existing)))


def _stored_fields(existing: Row[Any]) -> dict[str, Any]:
    """The fields of a product that a file can set."""
    before = {name: getattr(existing, name) for name in ("name_ru", *EMPTY) if name != "archived"}
    return before | {"archived": existing.archived_at is not None}


def _has_value(existing: Row[Any], name: str) -> bool:
    """Whether an empty cell would remove a value of the product."""
    return bool(existing.archived_at if name == "archived" else getattr(existing, name))


def _possible_originals(row: ParsedRow) -> Iterator[str]:
    """SKUs of which a spreadsheet may have made this one."""
    yield from lost_zeros.meant(row.sku)
    if row.has_lost_zeros or not row.keeps_zeros:
        yield from lost_zeros.padded(row.sku)


def _ungrouped_skus(sku: str) -> list[str]:
    digits = lost_zeros.ungrouped(sku)
    return [digits] if digits else []
