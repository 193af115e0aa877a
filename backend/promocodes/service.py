"""Making and closing promo codes."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from backend import events, limits
from backend.accounts.models import Account
from backend.database import Database
from backend.errors import BodyChanged, Conflict, NotFound, Unauthenticated
from backend.programmes.models import Programme
from backend.programmes.offers import Books
from backend.programmes.rules import Offer, Promo
from backend.promocodes import wishes
from backend.promocodes.models import PromoCode, PromoRun
from backend.promocodes.schemas import PromoCodeIn
from backend.settings import Settings

HOUR = 3600  # seconds
# The lock that scans and sales take: what an account has is counted and added to by one at a time.
LOCK = text("SELECT pg_advisory_xact_lock(20311, (:account % 2147483647)::int)")


class PromoOfferUnknown(NotFound):
    """There is no offer now that you could make such a code for."""


class PromoCodeUnknown(NotFound):
    """There is no such code among yours."""


class WishTaken(Conflict):
    """Somebody has this code already. Think of another one."""


class CodesFull(Conflict):
    """You have as many open codes of this offer as it allows. Close one first."""


class Maker(msgspec.Struct, frozen=True):
    """What making codes needs of the process."""

    db: Database
    books: Books
    settings: Settings


async def make(
    session: AsyncSession, maker: Maker, account_id: int, key: UUID, new: PromoCodeIn, now: datetime
) -> PromoCode:
    """Make a code under the id that the phone gave it; the same again gives the same code.

    Raises:
        BodyChanged: the id was used for another one. TooManyRequests: too many in this hour. PromoOfferUnknown,
        WishLength, WishForbidden, WishTaken, CodesFull: as they say. Unauthenticated: the account has gone.
    """
    digest = hashlib.sha256(msgspec.json.encode(new)).digest()[:16]
    found = await _first(session, account_id, key, digest)
    if found is not None:
        return found
    most = maker.settings.numbers.at("promo_codes_per_hour", now.date())
    await limits.spend(maker.db, f"promo_codes:{account_id}", seconds=HOUR, most=most)
    brand_id, offer, promo = await _offer(session, maker.books, new, now)
    wish = None if new.wish is None else wishes.read(new.wish, promo, maker.settings.forbidden_words)
    await session.execute(LOCK, {"account": account_id})
    found = await _first(session, account_id, key, digest)
    if found is not None:
        return found
    await _check_room(session, account_id, offer.campaign_id, promo.codes_per_agent)
    values = {"brand_id": brand_id, "campaign_id": offer.campaign_id, "account_id": account_id, "key": key,
              "digest": digest, "nickname": new.nickname.strip() or None}  # fmt: skip
    made = await _insert(session, maker.settings, wish, values)
    session.add_all(PromoRun(code_id=made.id, n=n, name=name) for n, name in enumerate(["", *_names(new)]))
    events.record(
        session, "promo.created", brand_id=brand_id, account_id=account_id, code_id=made.id, campaign=offer.campaign_id
    )
    await session.flush()
    return made


async def close(session: AsyncSession, account_id: int, key: UUID) -> None:
    """Close a code: no till takes it any more. Again changes nothing.

    Raises:
        PromoCodeUnknown: it is not the caller's.
    """
    await session.execute(LOCK, {"account": account_id})
    row = select(PromoCode).where(PromoCode.account_id == account_id, PromoCode.key == key)
    found = await session.scalar(row.with_for_update())
    if found is None:
        raise PromoCodeUnknown
    if found.closed_at is None:
        found.closed_at = func.now()
        events.record(session, "promo.closed", brand_id=found.brand_id, account_id=account_id, code_id=found.id)
    await session.flush()


async def runs(session: AsyncSession, code_id: int) -> Sequence[PromoRun]:
    """The ways of sharing a code that its agent named."""
    rows = select(PromoRun).where(PromoRun.code_id == code_id, PromoRun.n > 0)
    return (await session.scalars(rows.order_by(PromoRun.n))).all()


def _names(new: PromoCodeIn) -> list[str]:
    return [name.strip() for name in new.runs]


async def _first(session: AsyncSession, account_id: int, key: UUID, digest: bytes) -> PromoCode | None:
    """The code that an id was used for before."""
    row = select(PromoCode).where(PromoCode.account_id == account_id, PromoCode.key == key)
    found: PromoCode | None = await session.scalar(row)
    if found is not None and found.digest != digest:
        raise BodyChanged
    return found


async def _offer(session: AsyncSession, books: Books, new: PromoCodeIn, now: datetime) -> tuple[int, Offer, Promo]:
    """The brand, and the campaign that was asked for, or else that of the highest priority, the newest among equals."""
    row = select(Programme.brand_id, Programme.rules_version).where(Programme.id == new.programme_id)
    programme = (await session.execute(row)).one_or_none()
    if programme is None:
        raise PromoOfferUnknown
    book = await books.get(new.programme_id, programme.rules_version)
    fitting = [
        (promo.priority, offer.campaign_id, offer, promo)
        for offer in book.offers
        if (promo := offer.rule.promo) and promo.codes_per_agent and new.campaign in (None, offer.campaign_id)
        and offer.starts_at <= now and (offer.ends_at is None or now < offer.ends_at)
    ]  # fmt: skip
    if not fitting:
        raise PromoOfferUnknown
    *_, offer, promo = max(fitting, key=lambda each: each[:2])
    return programme.brand_id, offer, promo


async def _check_room(session: AsyncSession, account_id: int, campaign_id: int, most: int) -> None:
    """Held under the account's lock: nobody else adds a code to it meanwhile."""
    if await session.scalar(select(Account.closed_at).where(Account.id == account_id)):
        raise Unauthenticated
    rows = select(func.count()).where(
        PromoCode.account_id == account_id, PromoCode.campaign_id == campaign_id, PromoCode.closed_at.is_(None)
    )
    if (await session.scalar(rows) or 0) >= most:
        raise CodesFull


async def _insert(
    session: AsyncSession, settings: Settings, wish: tuple[str, str | None] | None, values: dict[str, Any]
) -> PromoCode:
    """Write the code; the table says whether its word is free."""
    while True:
        code, shown = wish or (wishes.draw(settings.forbidden_words), None)
        row = insert(PromoCode).values(code=code, shown=shown, **values)
        made: PromoCode | None = await session.scalar(
            row.on_conflict_do_nothing(index_elements=["code"]).returning(PromoCode)
        )
        if made is not None:
            return made
        if wish is not None:
            raise WishTaken
