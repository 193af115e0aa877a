"""Products of a brand: finding, writing, archiving."""

from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from backend.brands import audit
from backend.brands.door import Member
from backend.errors import Conflict, Invalid, NotFound
from backend.programmes import searching, service
from backend.programmes.models import Product
from backend.programmes.schemas import ProductIn
from scanning import gs1
from scanning.problem import GtinInvalid as WrongDigits

NAMES = ("gtin", "name_ru", "name_en", "aliases", "articles")
# A decision under way was made with the old ones of these.
DECISIVE = {"price", "gtin", "archived_at"}


class ProductUnknown(NotFound):
    """Your brand has no product with this SKU."""


class GtinInvalid(Invalid):
    """This is not a GTIN: it has 8, 12, 13 or 14 digits, and the last one must fit the others."""


class GtinTaken(Conflict):
    """Another product of your brand has this GTIN."""


def read_gtin(text: str | None) -> str | None:
    """A GTIN in any of its four lengths as 14 digits; nothing where nothing stands.

    Raises:
        GtinInvalid: the check digit or the length is wrong.
    """
    if text is None or not text.strip():
        return None
    try:
        return gs1.read_gtin(text)
    except WrongDigits as error:
        raise GtinInvalid from error


async def page(
    session: AsyncSession, member: Member, *, asked: str, archived: bool, after: str | None, most: int
) -> list[Product]:
    """Products in the order of their SKUs, from a place on. All typed words must be found in names, SKU, GTIN, aliases
    or articles; the key (brand, SKU) bounds and orders the walk, so a page costs one brand's products at the most."""
    rows = select(Product).where(Product.brand_id == member.brand_id, Product.sku > (after or ""))
    rows = rows.where(Product.archived_at.is_not(None) if archived else Product.archived_at.is_(None))
    rows = rows.where(*(Product.search.like(pattern) for pattern in searching.patterns(asked)))
    return list(await session.scalars(rows.order_by(Product.sku).limit(most)))


async def find(session: AsyncSession, member: Member, sku: str, *, lock: bool = False) -> Product | None:
    """A product of the caller's brand by its SKU, archived or not."""
    row = select(Product).where(Product.brand_id == member.brand_id, Product.sku == sku)
    return await session.scalar(row.with_for_update() if lock else row)


async def get(session: AsyncSession, member: Member, sku: str, *, lock: bool = False) -> Product:
    """A product of the caller's brand by its SKU, archived or not.

    Raises:
        ProductUnknown: there is none.
    """
    found = await find(session, member, sku, lock=lock)
    if found is None:
        raise ProductUnknown
    return found


async def put(session: AsyncSession, member: Member, sku: str, new: ProductIn) -> Product:
    """Make a product, or make an existing one so; an archived one comes back. Again changes nothing.

    Raises:
        GtinInvalid, GtinTaken: as they say.
    """
    values = _values(new)
    try:
        row = insert(Product).values(brand_id=member.brand_id, sku=sku, **values, search=_line(sku, values))
        made: Product | None = await session.scalar(
            row.on_conflict_do_nothing(index_elements=["brand_id", "sku"]).returning(Product)
        )
        if made is None:
            return await _change(session, member, await get(session, member, sku, lock=True), values)
    except IntegrityError as error:
        raise GtinTaken from error
    audit.note(session, member, "product.created", id=made.id)
    return made


def _values(new: ProductIn) -> dict[str, Any]:
    return {
        "name_ru": new.name_ru.strip(),
        "name_en": new.name_en.strip(),
        "gtin": read_gtin(new.gtin),
        "aliases": [alias.strip() for alias in new.aliases],
        "articles": [article.strip() for article in new.articles],
        "warranty_months": new.warranty_months,
        "price": new.price,
        "archived_at": None,
    }


def _line(sku: str, values: dict[str, Any]) -> str:
    return searching.line(sku, *(values[name] for name in NAMES))


async def archive(session: AsyncSession, member: Member, sku: str, now: datetime) -> None:
    """Take a product out of lists and out of new batches; what was printed for it goes on. Again is harmless.

    Raises:
        ProductUnknown: there is none.
    """
    found = await get(session, member, sku, lock=True)
    if found.archived_at is None:
        await _change(session, member, found, {"archived_at": now})


async def _change(session: AsyncSession, member: Member, found: Product, values: dict[str, Any]) -> Product:
    changed = [name for name, value in values.items() if getattr(found, name) != value]
    if not changed:
        return found
    for name in changed:
        setattr(found, name, values[name])
    found.search = _line(found.sku, {name: getattr(found, name) for name in NAMES})
    found.updated_at = func.now()
    await session.flush()
    await session.refresh(found)
    audit.note(session, member, "product.changed", id=found.id, changed=changed)
    if DECISIVE & set(changed):
        await service.bump(session, member.brand_id)
    return found
