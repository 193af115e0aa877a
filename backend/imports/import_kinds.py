"""Kinds of imports behind one function: a file in, a report out."""

import io
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.http.errors import Invalid
from backend.core.settings import Settings
from backend.earning.packages import batches
from backend.earning.packages.code_lists import imports as lists
from backend.earning.packages.code_lists import reasons as list_reasons
from backend.identity.brands.authentication import Member
from backend.imports import seller_file
from backend.imports.models import ImportKind
from backend.imports.schemas import ImportReport
from backend.programmes.products import imports as products
from backend.programmes.schemas import ImportRowProblem, ImportSource, ProductImportReport
from backend.spending.stock import service as stock


class TargetInvalid(Invalid):
    """Name the offer of a stock or the batch of a list of codes as `target`, and nothing for other kinds."""

    code = "target_invalid"


class ImportRequest(NamedTuple):
    """A file's id, kind and target, and whether to apply it."""

    key: UUID
    kind: ImportKind
    target: str
    apply: bool


async def import_file(
    session: AsyncSession, settings: Settings, member: Member, request: ImportRequest, content: bytes, now: datetime
) -> ImportReport:
    """Import a file as the route of its kind does.

    Raises:
        TargetInvalid, and what the kind's own import raises.
    """
    with io.BytesIO(content) as file:
        if bool(request.target) != (request.kind in ("stock", "codes")):
            raise TargetInvalid
        if request.kind == "products":
            return _product_report(
                await products.import_products(session, member, file, products.import_limits(settings, now))
            )
        if request.kind == "sellers":
            return await seller_file.import_sellers(session, member, file)
        if request.kind == "stock":
            return _stock_report(await stock.run_import(session, settings, member, request.target, file, now))
        return await _import_codes(session, settings, member, request.target, file)


def _product_report(result: ProductImportReport) -> ImportReport:
    return ImportReport(
        result.rows,
        result.created,
        result.updated,
        result.unchanged,
        result.refused,
        result.problems,
        result.source,
        result.columns,
        result.ignored_columns,
    )


def _stock_report(work: stock.StockImport) -> ImportReport:
    result, source = work.report, ImportSource.of(work.reader.source)
    mapping = {work.reader.headers[place]: field for field, place in work.reader.column_indexes.items()}
    counts = (result.rows, result.added, 0, result.known, result.refused)
    return ImportReport(*counts, result.problems, source, mapping, work.reader.ignored())


async def _import_codes(
    session: AsyncSession, settings: Settings, member: Member, target: str, file: io.BytesIO
) -> ImportReport:
    try:
        key = UUID(target)
    except ValueError as error:
        raise TargetInvalid from error
    batch = await batches.lock_batch(session, member.brand_id, key)
    _, product = await batches.get_batch(session, member.brand_id, key)
    before = batch.count
    result = await lists.import_codes(session, settings.peppers, batch, product, file, member.staff_id)
    created = batch.count - before
    problems = [
        ImportRowProblem(row.line, "", row.reason, list_reasons.reason_text(row.reason)) for row in result.named
    ]
    source = ImportSource.of(result.source) if result.source else None
    return ImportReport(
        result.rows,
        created,
        0,
        result.accepted - created,
        sum(result.refused.values()),
        problems,
        source,
        result.columns,
        result.ignored_columns,
    )
