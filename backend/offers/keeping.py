"""Offers as their brand keeps them: making, changing, archiving, and what must fit in one."""

import asyncio
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from backend.brands import audit
from backend.brands.door import Member
from backend.errors import Conflict, Invalid, NotFound
from backend.offers import prices
from backend.offers.keeping_schemas import OfferIn, Tax
from backend.offers.models import Fulfilment, Kind, Offer, StockCode
from backend.programmes import service
from backend.settings import Settings
from payouts.partners.opening import read_settings

# What can make a kind true. Whatever is handed over or accepted takes a person; codes come from elsewhere or from us.
FULFILMENTS: dict[Kind, frozenset[Fulfilment]] = {
    "certificate": frozenset({"stock", "own", "supplier", "person"}),
    "discount": frozenset({"stock", "own"}),
    "goods": frozenset({"person"}),
    "service": frozenset({"person", "instant"}),
    "charity": frozenset({"person", "instant"}),
    "marketing": frozenset({"person", "instant"}),
    "invoice": frozenset({"person"}),
}
TAXES: dict[Kind, Tax] = {
    "certificate": "gift",
    "goods": "gift",
    "discount": "discount",
    "service": "service",
    "charity": "charity",
    "marketing": "marketing",
    "invoice": "settlement",
}
# Sealed codes, sums of a year and wallets hang on these; and who has seen what an offer does asks for it by its number.
FIXED = ("programme_id", "kind", "fulfilment", "tax", "extends_months", "defers_days")


class OfferNotKept(NotFound):
    """Your brand has no such offer."""


class FulfilmentUnfit(Invalid):
    """This kind of offer cannot be fulfilled in this way."""


class NominalsUnfit(Invalid):
    """The largest nominal is not below the least, and a price of its own takes a single nominal."""


class DatesUnfit(Invalid):
    """An offer ends after it starts."""


class SuppliersUnfit(Invalid):
    """An offer that suppliers fulfil names at least one, each once; all others name none."""


class SupplierNotKnown(Invalid):
    """This installation has no supplier of this name."""


class UnitsUnfit(Invalid):
    """The number that is left is for what a person hands over; codes are counted by themselves."""


class PlacesUnfit(Invalid):
    """Only goods are picked up somewhere."""


class ServiceUnfit(Invalid):
    """Only a service makes a warranty longer, and only such a service needs no person."""


class DeferralUnfit(Invalid):
    """Only an invoice is paid later, and such an offer has a single nominal."""


class OfferFixed(Conflict):
    """An offer keeps its programme, kind, fulfilment, tax nature, months and days. Make another offer instead."""


class NominalsInStock(Conflict):
    """There are codes in stock of a nominal that the offer would not have any more."""


async def page(session: AsyncSession, member: Member, after: str | None, most: int, *, archived: bool) -> list[Offer]:
    """The brand's offers in the order of their keys, from a place on."""
    rows = select(Offer).where(Offer.brand_id == member.brand_id, Offer.key > (after or ""))
    rows = rows.where(Offer.archived_at.is_not(None) if archived else Offer.archived_at.is_(None))
    return list(await session.scalars(rows.order_by(Offer.key).limit(most)))


async def find(session: AsyncSession, member: Member, key: str, *, lock: bool = False) -> Offer | None:
    """An offer of the caller's brand by its key, archived or not. Locked, it can still be ordered."""
    row = select(Offer).where(Offer.brand_id == member.brand_id, Offer.key == key)
    return await session.scalar(row.with_for_update(key_share=True) if lock else row)


async def get(session: AsyncSession, member: Member, key: str, *, lock: bool = False) -> Offer:
    """An offer of the caller's brand by its key, archived or not.

    Raises:
        OfferNotKept: there is none.
    """
    found = await find(session, member, key, lock=lock)
    if found is None:
        raise OfferNotKept
    return found


async def put(
    session: AsyncSession, settings: Settings, member: Member, key: str, new: OfferIn, now: datetime
) -> Offer:
    """Make an offer, or make an existing one so. Again changes nothing.

    Raises:
        ProgrammeUnknown, FulfilmentUnfit, NominalsUnfit, DatesUnfit, SuppliersUnfit, SupplierNotKnown, UnitsUnfit,
        PlacesUnfit, ServiceUnfit, DeferralUnfit: of the body. OfferFixed, NominalsInStock: of what is there.
    """
    await service.by_id(session, member, new.programme_id)
    check(new)
    if new.suppliers and not {one.name for one in new.suppliers} <= await asyncio.to_thread(known, settings):
        raise SupplierNotKnown
    values = _values(new)
    row = insert(Offer).values(
        brand_id=member.brand_id, key=key, archived_at=now if new.archived else None, starts_at=new.starts_at or now,
        **values,
    )  # fmt: skip
    made: Offer | None = await session.scalar(
        row.on_conflict_do_nothing(index_elements=["brand_id", "key"]).returning(Offer)
    )
    if made is None:
        return await _change(session, member, await get(session, member, key, lock=True), new, values, now)
    audit.note(session, member, "offer.created", id=made.id, offer=key)
    return made


def check(new: OfferIn) -> None:
    """Whether the parts of an offer fit each other. Pure.

    Raises:
        FulfilmentUnfit, NominalsUnfit, DatesUnfit, SuppliersUnfit, UnitsUnfit, PlacesUnfit, ServiceUnfit,
            DeferralUnfit: as they say.
    """
    most = new.least if new.most is None else new.most
    names = [one.name for one in new.suppliers]
    if new.fulfilment not in FULFILMENTS[new.kind]:
        raise FulfilmentUnfit
    if most < new.least or (new.price is not None and most != new.least):
        raise NominalsUnfit
    if new.ends_at is not None and new.starts_at is not None and new.ends_at <= new.starts_at:
        raise DatesUnfit
    if bool(names) != (new.fulfilment == "supplier") or len(set(names)) < len(names):
        raise SuppliersUnfit
    if new.stock is not None and new.fulfilment != "person":
        raise UnitsUnfit
    if new.places and new.kind != "goods":
        raise PlacesUnfit
    extends, is_instant = new.extends_months is not None, new.fulfilment == "instant"
    if (extends and new.kind != "service") or (is_instant and new.kind == "service" and not extends):
        raise ServiceUnfit
    if new.defers_days is not None and (new.kind != "invoice" or most != new.least):
        raise DeferralUnfit


def known(settings: Settings) -> set[str]:
    """The names of the installation's suppliers. Reads their file."""
    return {one.name for one in read_settings(settings.suppliers)} if settings.suppliers else set()


def _values(new: OfferIn) -> dict[str, Any]:
    values = {name: getattr(new, name) for name in new.__struct_fields__ if name not in ("archived", "starts_at")}
    return values | {
        "name_ru": new.name_ru.strip(),
        "name_en": new.name_en.strip(),
        "most": new.least if new.most is None else new.most,
        "tax": new.tax or TAXES[new.kind],
        "suppliers": msgspec.to_builtins(new.suppliers),
    }


async def _change(
    session: AsyncSession, member: Member, found: Offer, new: OfferIn, values: dict[str, Any], now: datetime
) -> Offer:
    if any(getattr(found, name) != values[name] for name in FIXED):
        raise OfferFixed
    values["starts_at"] = new.starts_at or found.starts_at
    values["archived_at"] = (found.archived_at or now) if new.archived else None
    changed = [name for name, value in values.items() if getattr(found, name) != value]
    if not changed:
        return found
    for name in changed:
        setattr(found, name, values[name])
    await _keep_stock_in_reach(session, found)
    await session.flush()
    audit.note(session, member, "offer.changed", id=found.id, offer=found.key, changed=changed)
    return found


async def _keep_stock_in_reach(session: AsyncSession, offer: Offer) -> None:
    if offer.fulfilment == "stock":
        free = select(StockCode.nominal).where(StockCode.offer_id == offer.id, StockCode.order_id.is_(None)).distinct()
        if not all(prices.is_offered(offer, nominal) for nominal in await session.scalars(free)):
            raise NominalsInStock
