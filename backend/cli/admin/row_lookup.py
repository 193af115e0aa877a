"""Lookup of rows that command-line arguments name: by number, name or id."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.http.errors import NotFound
from backend.earning.packages.batches import BatchUnknown
from backend.earning.packages.models import Batch
from backend.earning.promocodes.issues.service import IssueUnknown
from backend.earning.promocodes.models import PromoIssue
from backend.identity.brands.models import Brand
from backend.programmes.models import Product, Programme
from backend.programmes.service import ProgrammeUnknown


class BrandUnknown(NotFound):
    """There is no such brand. `scanback brand list` shows all."""

    code = "brand_unknown"


async def find_brand(session: AsyncSession, named: str) -> Brand:
    """A brand by its number or name. Raises BrandUnknown."""
    found = await session.scalar(
        select(Brand).where(Brand.id == _number(named) if _number(named) else Brand.name == named)
    )
    if found is None:
        raise BrandUnknown
    return found


async def find_programme(session: AsyncSession, of_brand: Brand, named: str) -> Programme:
    """A programme of a brand by its number, key or name. Raises ProgrammeUnknown."""
    by = Programme.id == _number(named) if _number(named) else (Programme.key == named) | (Programme.name == named)
    found = await session.scalar(select(Programme).where(Programme.brand_id == of_brand.id, by).order_by(Programme.id))
    if found is None:
        raise ProgrammeUnknown
    return found


async def find_batch(session: AsyncSession, named: str) -> tuple[Batch, Product]:
    """A batch by its id, and its product. Raises BatchUnknown."""
    try:
        key = UUID(named)
    except ValueError as error:
        raise BatchUnknown from error
    query = select(Batch, Product).join(Product, Product.id == Batch.product_id).where(Batch.key == key)
    # Two brands may have chosen one id; then neither is meant by it alone.
    rows = (await session.execute(query.limit(2))).all()
    if len(rows) != 1:
        raise BatchUnknown
    return rows[0][0], rows[0][1]


async def find_issue(session: AsyncSession, named: str) -> tuple[int, UUID]:
    """The brand and the id of an issue of promo codes, by its id. Raises IssueUnknown."""
    try:
        key = UUID(named)
    except ValueError as error:
        raise IssueUnknown from error
    brands = list(await session.scalars(select(PromoIssue.brand_id).where(PromoIssue.key == key).limit(2)))
    # Two brands may have chosen one id; then neither is meant by it alone.
    if len(brands) != 1:
        raise IssueUnknown
    return brands[0], key


def _number(named: str) -> int | None:
    return int(named) if named.isascii() and named.isdigit() and len(named) < 19 else None
