"""Rewards for staff: creating, changing and archiving them, and their validation."""

import asyncio
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.http.errors import Conflict, Invalid, NotFound
from backend.core.settings import Settings
from backend.identity.brands import audit_log
from backend.identity.brands.authentication import Member
from backend.programmes import service
from backend.spending.models import Reward, StockCode
from backend.spending.reward_kinds import REWARD_KINDS
from backend.spending.rewards import prices
from backend.spending.rewards.staff_schemas import RewardIn
from payouts.partners.configuration import read_suppliers_file

# Encrypted codes, yearly sums and wallets depend on these; and agents order by id what they were shown.
FIXED_FIELDS = ("programme_id", "kind", "fulfilment", "tax", "extends_months", "defers_days")


class RewardNotFound(NotFound):
    """Your brand has no such offer."""

    code = "offer_not_kept"


class FulfilmentInvalid(Invalid):
    """This kind of offer cannot be fulfilled in this way."""

    code = "fulfilment_unfit"


class FaceValuesInvalid(Invalid):
    """The largest face value cannot be below the smallest, and a fixed price requires a single face value."""

    code = "nominals_unfit"


class DatesInvalid(Invalid):
    """An offer cannot end before it starts."""

    code = "dates_unfit"


class SuppliersInvalid(Invalid):
    """An offer fulfilled by suppliers names at least one, each once; other offers name none."""

    code = "suppliers_unfit"


class SupplierNotConfigured(Invalid):
    """No supplier with this name is configured."""

    code = "supplier_not_known"


class StockCountInvalid(Invalid):
    """`stock` is only for offers that staff hand over; codes are counted automatically."""

    code = "units_unfit"


class PlacesInvalid(Invalid):
    """Only goods have places of pickup."""

    code = "places_unfit"


class ServiceInvalid(Invalid):
    """Only a service extends a warranty, and only such a service is fulfilled instantly."""

    code = "service_unfit"


class DeferralInvalid(Invalid):
    """Only an invoice can be deferred, and such an offer has a single face value."""

    code = "deferral_unfit"


class RewardFieldsFixed(Conflict):
    """The programme, kind, fulfilment, tax nature, months and days of an offer cannot change. Create another offer."""

    code = "offer_fixed"


class FaceValuesInStock(Conflict):
    """There are codes in stock with a face value that the offer would lose."""

    code = "nominals_in_stock"


async def reward_page(
    session: AsyncSession, member: Member, after: str | None, limit: int, *, archived: bool
) -> list[Reward]:
    """The brand's rewards in the order of their keys, after a key."""
    rows = select(Reward).where(Reward.brand_id == member.brand_id, Reward.key > (after or ""))
    rows = rows.where(Reward.archived_at.is_not(None) if archived else Reward.archived_at.is_(None))
    return list(await session.scalars(rows.order_by(Reward.key).limit(limit)))


async def find_reward(session: AsyncSession, member: Member, key: str, *, lock: bool = False) -> Reward | None:
    """A reward of the caller's brand by its key, archived or not. The lock does not block orders."""
    row = select(Reward).where(Reward.brand_id == member.brand_id, Reward.key == key)
    return await session.scalar(row.with_for_update(key_share=True) if lock else row)


async def get_reward(session: AsyncSession, member: Member, key: str, *, lock: bool = False) -> Reward:
    """A reward of the caller's brand by its key, archived or not.

    Raises:
        RewardNotFound: the brand has none with this key.
    """
    found = await find_reward(session, member, key, lock=lock)
    if found is None:
        raise RewardNotFound
    return found


async def put_reward(
    session: AsyncSession, settings: Settings, member: Member, key: str, new: RewardIn, now: datetime
) -> Reward:
    """Create a reward or change an existing one. Idempotent.

    Raises:
        ProgrammeUnknown, SupplierNotConfigured, and what check_reward raises: the body is invalid.
        RewardFieldsFixed, FaceValuesInStock: the existing reward does not allow the change.
    """
    await service.get_programme_by_id(session, member, new.programme_id)
    check_reward(new)
    if new.suppliers and not {supplier.name for supplier in new.suppliers} <= await asyncio.to_thread(
        supplier_names, settings
    ):
        raise SupplierNotConfigured
    values = _column_values(new)
    row = insert(Reward).values(
        brand_id=member.brand_id,
        key=key,
        archived_at=now if new.archived else None,
        starts_at=new.starts_at or now,
        **values,
    )
    created: Reward | None = await session.scalar(
        row.on_conflict_do_nothing(index_elements=["brand_id", "key"]).returning(Reward)
    )
    if created is None:
        return await _change_reward(
            session, member, await get_reward(session, member, key, lock=True), new, values, now
        )
    audit_log.record(session, member, "offer.created", id=created.id, offer=key)
    return created


def check_reward(new: RewardIn) -> None:
    """Validate the combination of fields. Pure.

    Raises:
        FulfilmentInvalid, FaceValuesInvalid, DatesInvalid, SuppliersInvalid, StockCountInvalid, PlacesInvalid,
        ServiceInvalid, DeferralInvalid.
    """
    kind = REWARD_KINDS[new.kind]
    max_amount = new.least if new.most is None else new.most
    names = [supplier.name for supplier in new.suppliers]
    if new.fulfilment not in kind.fulfilments:
        raise FulfilmentInvalid
    if max_amount < new.least or (new.price is not None and max_amount != new.least):
        raise FaceValuesInvalid
    if new.ends_at is not None and new.starts_at is not None and new.ends_at <= new.starts_at:
        raise DatesInvalid
    if bool(names) != (new.fulfilment == "supplier") or len(set(names)) < len(names):
        raise SuppliersInvalid
    if new.stock is not None and new.fulfilment != "person":
        raise StockCountInvalid
    if new.places and not kind.has_places:
        raise PlacesInvalid
    extends, is_instant = new.extends_months is not None, new.fulfilment == "instant"
    if (extends and not kind.extends_warranty) or (is_instant and kind.extends_warranty and not extends):
        raise ServiceInvalid
    if new.defers_days is not None and (not kind.defers_invoice or max_amount != new.least):
        raise DeferralInvalid


def supplier_names(settings: Settings) -> set[str]:
    """The names of the configured suppliers. Reads their file."""
    return {supplier.name for supplier in read_suppliers_file(settings.suppliers)} if settings.suppliers else set()


def _column_values(new: RewardIn) -> dict[str, Any]:
    values = {name: getattr(new, name) for name in new.__struct_fields__ if name not in ("archived", "starts_at")}
    return values | {
        "name_ru": new.name_ru.strip(),
        "name_en": new.name_en.strip(),
        "most": new.least if new.most is None else new.most,
        "tax": new.tax or REWARD_KINDS[new.kind].tax,
        "suppliers": msgspec.to_builtins(new.suppliers),
    }


async def _change_reward(
    session: AsyncSession, member: Member, found: Reward, new: RewardIn, values: dict[str, Any], now: datetime
) -> Reward:
    if any(getattr(found, name) != values[name] for name in FIXED_FIELDS):
        raise RewardFieldsFixed
    values["starts_at"] = new.starts_at or found.starts_at
    values["archived_at"] = (found.archived_at or now) if new.archived else None
    changed = [name for name, value in values.items() if getattr(found, name) != value]
    if not changed:
        return found
    for name in changed:
        setattr(found, name, values[name])
    await _check_stock(session, found)
    await session.flush()
    audit_log.record(session, member, "offer.changed", id=found.id, offer=found.key, changed=changed)
    return found


async def _check_stock(session: AsyncSession, offer: Reward) -> None:
    if offer.fulfilment == "stock":
        free = select(StockCode.nominal).where(StockCode.offer_id == offer.id, StockCode.order_id.is_(None)).distinct()
        if not all(prices.has_face_value(offer, face_value) for face_value in await session.scalars(free)):
            raise FaceValuesInStock
