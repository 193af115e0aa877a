"""All products of a brand as a file, read page by page while it is sent.

No connection is held while a slow reader takes his time: each page is a short transaction of its own, and goes on
after the last SKU. A product that changes meanwhile is in the file once, as it was when its page was read.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any, Literal

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.brands.door import Member, transaction
from backend.database import Database
from backend.language import Language
from backend.programmes import columns
from backend.programmes.columns import Column
from backend.programmes.files_out import CsvFile, TableFile, Workbook
from backend.programmes.models import Product

Format = Literal["csv", "xlsx"]
PAGE = 500


async def products(db: Database, member: Member, kind: Format, language: Language) -> AsyncIterator[bytes]:
    """The file in pieces: headers in a language, then the products in the order of their SKUs, archived ones too."""
    file = _file(kind, language)
    exported = columns.EXPORTED[language]
    yes = "да" if language == "ru" else "yes"
    yield file.rows([[column.ru if language == "ru" else column.en for column in exported]])
    after = ""
    while True:
        async with transaction(db, member) as session:
            page = await _page(session, member, after)
        if not page:
            break
        after = page[-1].sku
        yield await asyncio.to_thread(_written, file, page, exported, yes)
    yield file.end()


def _written(file: TableFile, page: Sequence[Row[Any]], exported: Sequence[Column], yes: str) -> bytes:
    return file.rows([columns.cell(column, product, yes=yes) for column in exported] for product in page)


def _file(kind: Format, language: Language) -> TableFile:
    if kind == "xlsx":
        return Workbook()
    # What a Russian spreadsheet expects, and what all others do.
    return CsvFile(separator=";", point=",") if language == "ru" else CsvFile(separator=",", point=".")


async def _page(session: AsyncSession, member: Member, after: str) -> Sequence[Row[Any]]:
    rows = select(*Product.__table__.columns).where(Product.brand_id == member.brand_id, Product.sku > after)
    return (await session.execute(rows.order_by(Product.sku).limit(PAGE))).all()
