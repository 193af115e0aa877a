"""All products of a brand as a file, read page by page while it is sent.

A slow client holds no connection: each page is a short transaction of its own, which continues after the last SKU. A
product that changes meanwhile is in the file once, as it was when its page was read.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.db.database import Database
from backend.core.language import Language
from backend.core.tabular.output.table_files import Format, TableFile, table_file
from backend.identity.brands.authentication import Member, brand_transaction
from backend.programmes.models import Product
from backend.programmes.products import columns
from backend.programmes.products.columns import Column

PAGE_ROWS = 500


async def export_products(db: Database, member: Member, kind: Format, language: Language) -> AsyncIterator[bytes]:
    """The file in pieces: headers in a language, then the products in the order of their SKUs, archived ones too."""
    file = table_file(kind, language)
    exported = columns.EXPORTED[language]
    yes = "да" if language == "ru" else "yes"
    yield file.rows([[column.ru if language == "ru" else column.en for column in exported]])
    after = ""
    while True:
        async with brand_transaction(db, member) as session:
            page = await _product_page(session, member, after)
        if not page:
            break
        after = page[-1].sku
        yield await asyncio.to_thread(_encode_page, file, page, exported, yes)
    yield file.end()


def _encode_page(file: TableFile, page: Sequence[Row[Any]], exported: Sequence[Column], yes: str) -> bytes:
    return file.rows([columns.export_cell(column, product, yes=yes) for column in exported] for product in page)


async def _product_page(session: AsyncSession, member: Member, after: str) -> Sequence[Row[Any]]:
    rows = select(*Product.__table__.columns).where(Product.brand_id == member.brand_id, Product.sku > after)
    return (await session.execute(rows.order_by(Product.sku).limit(PAGE_ROWS))).all()
