"""Products of a brand: search, create, change and archive."""

from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.http.errors import Conflict, Invalid, NotFound
from backend.identity.brands import audit_log
from backend.identity.brands.authentication import Member
from backend.programmes import search, service
from backend.programmes.models import Product
from backend.programmes.schemas import ProductIn
from scanning import normalization
from scanning.codes import gs1
from scanning.problem import GtinInvalid as WrongDigits

NAMES = ("gtin", "name_ru", "name_en", "aliases", "articles", "maker", "trade_marks", "exact_aliases")
# Awards under way were decided with the old values of these fields.
DECISIVE = {"price", "gtin", "archived_at"}


class ProductUnknown(NotFound):
    """Your brand has no product with this SKU."""

    code = "product_unknown"


class GtinInvalid(Invalid):
    """This is not a GTIN: it has 8, 12, 13 or 14 digits, and the last one must fit the others."""

    code = "gtin_invalid"


class GtinConflict(Conflict):
    """Another product of your brand has this GTIN."""

    code = "gtin_taken"


def read_gtin(text: str | None) -> str | None:
    """A GTIN in any of its four lengths as 14 digits; None for an empty text.

    Raises:
        GtinInvalid: the check digit or the length is wrong.
    """
    if text is None or not text.strip():
        return None
    try:
        return gs1.read_gtin(text)
    except WrongDigits as error:
        raise GtinInvalid from error


async def list_products(
    session: AsyncSession, member: Member, *, query: str, archived: bool, after: str | None, most: int
) -> list[Product]:
    """Products in the order of their SKUs, after a SKU. All words of the query must be in names, SKU, GTIN, aliases,
    articles or makers. The key (brand, SKU) bounds and orders the scan: a page reads one brand's products at most."""
    rows = select(Product).where(Product.brand_id == member.brand_id, Product.sku > (after or ""))
    rows = rows.where(Product.archived_at.is_not(None) if archived else Product.archived_at.is_(None))
    rows = rows.where(*(Product.search.like(pattern) for pattern in search.like_patterns(query)))
    return list(await session.scalars(rows.order_by(Product.sku).limit(most)))


async def find_product(session: AsyncSession, member: Member, sku: str, *, lock: bool = False) -> Product | None:
    """A product of the caller's brand by its SKU, archived or not. Invisible characters in it are ignored."""
    spellings = {sku, normalization.remove_invisible(sku)}
    row = select(Product).where(Product.brand_id == member.brand_id, Product.sku.in_(spellings))
    row = row.order_by((Product.sku == sku).desc()).limit(1)
    return await session.scalar(row.with_for_update() if lock else row)


async def get_product(session: AsyncSession, member: Member, sku: str, *, lock: bool = False) -> Product:
    """A product of the caller's brand by its SKU, archived or not.

    Raises:
        ProductUnknown: there is none.
    """
    found = await find_product(session, member, sku, lock=lock)
    if found is None:
        raise ProductUnknown
    return found


async def put_product(session: AsyncSession, member: Member, sku: str, new: ProductIn) -> Product:
    """Create or change a product; an archived one is restored. Idempotent.

    Raises:
        GtinInvalid, GtinConflict.
    """
    values = _column_values(new)
    existing = await find_product(session, member, sku)
    sku = existing.sku if existing else normalization.remove_invisible(sku) or sku
    try:
        row = insert(Product).values(brand_id=member.brand_id, sku=sku, **values, search=_search_line(sku, values))
        created: Product | None = await session.scalar(
            row.on_conflict_do_nothing(index_elements=["brand_id", "sku"]).returning(Product)
        )
        if created is None:
            return await _change_product(session, member, await get_product(session, member, sku, lock=True), values)
    except IntegrityError as error:
        raise GtinConflict from error
    audit_log.record(session, member, "product.created", id=created.id)
    return created


def _column_values(new: ProductIn) -> dict[str, Any]:
    return {
        "name_ru": new.name_ru.strip(),
        "name_en": new.name_en.strip(),
        "gtin": read_gtin(new.gtin),
        "aliases": [alias.strip() for alias in new.aliases],
        "articles": [article.strip() for article in new.articles],
        "maker": new.maker.strip(),
        "trade_marks": [mark.strip() for mark in new.trade_marks],
        "exact_aliases": [alias.strip() for alias in new.exact_aliases],
        "warranty_months": new.warranty_months,
        "price": new.price,
        "archived_at": None,
    }


def _search_line(sku: str, values: dict[str, Any]) -> str:
    return search.search_line(sku, *(values[name] for name in NAMES))


async def archive_product(session: AsyncSession, member: Member, sku: str, now: datetime) -> None:
    """Remove a product from lists and from new batches; printed codes stay valid. Idempotent.

    Raises:
        ProductUnknown: there is none.
    """
    product = await get_product(session, member, sku, lock=True)
    if product.archived_at is None:
        await _change_product(session, member, product, {"archived_at": now})


async def _change_product(session: AsyncSession, member: Member, product: Product, values: dict[str, Any]) -> Product:
    changed = [name for name, value in values.items() if getattr(product, name) != value]
    if not changed:
        return product
    for name in changed:
        setattr(product, name, values[name])
    product.search = _search_line(product.sku, {name: getattr(product, name) for name in NAMES})
    product.updated_at = func.now()
    await session.flush()
    await session.refresh(product)
    audit_log.record(session, member, "product.changed", id=product.id, changed=changed)
    if DECISIVE & set(changed):
        await service.bump_rules_version(session, member.brand_id)
    return product
