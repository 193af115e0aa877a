"""Promo codes of agents: create, close, reopen, add runs."""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.db import events, rate_limits
from backend.core.db.database import Database
from backend.core.db.locks import lock_account
from backend.core.http.errors import BodyChanged, Conflict, NotFound, Unauthenticated
from backend.core.settings import Settings
from backend.earning.promocodes.models import PromoCode, PromoRun
from backend.earning.promocodes.schemas import PromoCodeIn
from backend.earning.promocodes.words import code_words
from backend.earning.promocodes.words import ownership as word_ownership
from backend.identity.accounts.models import Account
from backend.programmes.models import Campaign, Programme
from backend.programmes.rules.rule import ActiveCampaign, Promo
from backend.programmes.rules.rule_cache import RuleCache

HOUR, DAY = 3600, 86_400  # seconds


class PromoOfferUnknown(NotFound):
    """There is no offer now that you could make such a code for."""

    code = "promo_offer_unknown"


class PromoCodeUnknown(NotFound):
    """There is no such code among yours."""

    code = "promo_code_unknown"


class PromoCodeClosed(Conflict):
    """This promo code is closed. Open it again first."""

    code = "promo_code_closed"


class RequestedWordInUse(Conflict):
    """This code is taken. Choose another one."""

    code = "wish_taken"


class RequestedWordOwned(Conflict):
    """You have a code with this word already. If it is closed, open it again."""

    code = "wish_yours"


class CodesFull(Conflict):
    """You have as many open codes of this offer as it allows. Close one first."""

    code = "codes_full"


class CreationContext(msgspec.Struct, frozen=True):
    """What creating codes needs besides the session."""

    db: Database
    rule_cache: RuleCache
    settings: Settings
    network: str  # of the caller


async def create_code(
    session: AsyncSession, context: CreationContext, account_id: int, key: UUID, new: PromoCodeIn, now: datetime
) -> PromoCode:
    """Create a code under the id that the phone chose. Idempotent: the same request gets the same code.

    Raises:
        BodyChanged: the id was used for another code.
        TooManyRequests: too many codes this hour, or too many words today.
        PromoOfferUnknown: the programme has no such offer now.
        RequestedWordLength, RequestedWordForbidden, RequestedWordInUse, RequestedWordOwned: the word cannot be had.
        CodesFull: the agent has as many open codes of the offer as it allows.
        Unauthenticated: the account is closed.
    """
    digest = hashlib.sha256(msgspec.json.encode(new)).digest()[:16]
    promo_code = await _code_by_key(session, account_id, key, digest)
    if promo_code is not None:
        return promo_code
    limit = context.settings.numbers.at("promo_codes_per_hour", now.date())
    await rate_limits.count_request(context.db, f"promo_codes:{account_id}", seconds=HOUR, limit=limit)
    brand_id, offer, promo = await _best_offer(session, context.rule_cache, new.programme_id, new.campaign, now)
    word = (
        None if new.wish is None else code_words.parse_requested_word(new.wish, promo, context.settings.forbidden_words)
    )
    if word is not None:
        await word_ownership.check_brand_names(session, word[0])
    await lock_account(session, account_id)
    promo_code = await _code_by_key(session, account_id, key, digest)
    if promo_code is not None:
        return promo_code
    await _check_open_codes(session, account_id, offer.campaign_id, promo.codes_per_agent)
    values = {
        "brand_id": brand_id,
        "campaign_id": offer.campaign_id,
        "account_id": account_id,
        "key": key,
        "digest": digest,
        "nickname": new.nickname.strip() or None,
    }
    promo_code = await _insert_code(session, context.settings, word, values, now)
    if word is not None:
        await _count_requested_word(context, account_id, now)
    session.add_all(PromoRun(code_id=promo_code.id, n=n, name=name) for n, name in enumerate(["", *_run_names(new)]))
    events.record(
        session,
        "promo.created",
        brand_id=brand_id,
        account_id=account_id,
        code_id=promo_code.id,
        campaign=offer.campaign_id,
    )
    await session.flush()
    return promo_code


async def close_code(session: AsyncSession, account_id: int, key: UUID) -> None:
    """Close a code: tills no longer accept it. Idempotent.

    Raises:
        PromoCodeUnknown: it is not the caller's.
    """
    promo_code = await _lock_own_code(session, account_id, key)
    if promo_code.closed_at is None:
        promo_code.closed_at = func.now()
        events.record(
            session, "promo.closed", brand_id=promo_code.brand_id, account_id=account_id, code_id=promo_code.id
        )
    await session.flush()


async def reopen_code(
    session: AsyncSession, context: CreationContext, account_id: int, key: UUID, now: datetime
) -> PromoCode:
    """Reopen a closed code with its runs and counters. An open code does not change.

    Raises:
        PromoCodeUnknown: it is not the caller's. PromoOfferUnknown: its offer has ended.
        CodesFull: the agent has too many open codes.
        RequestedWordInUse: another code has its word now. TooManyRequests: too many codes this hour.
    """
    promo_code = await _lock_own_code(session, account_id, key)
    if promo_code.closed_at is None:
        return promo_code
    limit = context.settings.numbers.at("promo_codes_per_hour", now.date())
    await rate_limits.count_request(context.db, f"promo_codes:{account_id}", seconds=HOUR, limit=limit)
    programme_id = await programme_id_of(session, promo_code)
    _, _, promo = await _best_offer(session, context.rule_cache, programme_id, promo_code.campaign_id, now)
    await _check_open_codes(session, account_id, promo_code.campaign_id, promo.codes_per_agent)
    if not await word_ownership.reclaim_word(session, promo_code):
        raise RequestedWordInUse
    promo_code.closed_at = None
    events.record(session, "promo.reopened", brand_id=promo_code.brand_id, account_id=account_id, code_id=promo_code.id)
    await session.flush()
    return promo_code


async def put_run(session: AsyncSession, account_id: int, key: UUID, n: int, name: str) -> PromoCode:
    """Add a run to a code under a number that the phone chooses. Idempotent.

    Raises:
        PromoCodeUnknown: it is not the caller's. PromoCodeClosed: it is closed.
        BodyChanged: the number has another run.
    """
    promo_code = await _lock_own_code(session, account_id, key)
    run: PromoRun | None = await session.get(PromoRun, (promo_code.id, n))
    if run is not None and run.name != name.strip():
        raise BodyChanged
    if run is None:
        if promo_code.closed_at is not None:
            raise PromoCodeClosed
        session.add(PromoRun(code_id=promo_code.id, n=n, name=name.strip()))
        await session.flush()
    return promo_code


async def _lock_own_code(session: AsyncSession, account_id: int, key: UUID) -> PromoCode:
    """The caller's code by its id; locks the account and the code.

    Raises:
        PromoCodeUnknown: there is none.
    """
    await lock_account(session, account_id)
    row = select(PromoCode).where(PromoCode.account_id == account_id, PromoCode.key == key)
    promo_code: PromoCode | None = await session.scalar(row.with_for_update())
    if promo_code is None:
        raise PromoCodeUnknown
    return promo_code


async def _count_requested_word(context: CreationContext, account_id: int, now: datetime) -> None:
    """Count a word that an agent got, per account and per network, since accounts cost nothing.

    Raises:
        TooManyRequests: too many words today.
    """
    numbers, day = context.settings.numbers, now.date()
    limit = numbers.at("promo_wishes_per_day", day)
    await rate_limits.count_request(context.db, f"promo_wishes:{account_id}", seconds=DAY, limit=limit)
    limit = numbers.at("promo_wishes_per_day_per_network", day)
    await rate_limits.count_request(context.db, f"promo_wishes:network:{context.network}", seconds=DAY, limit=limit)


async def programme_id_of(session: AsyncSession, code: PromoCode) -> int:
    """The programme of a code's campaign."""
    row = select(Campaign.programme_id).where(Campaign.id == code.campaign_id)
    return (await session.scalars(row)).one()


async def named_runs(session: AsyncSession, code_id: int) -> Sequence[PromoRun]:
    """The runs of a code without run 0."""
    rows = select(PromoRun).where(PromoRun.code_id == code_id, PromoRun.n > 0)
    return (await session.scalars(rows.order_by(PromoRun.n))).all()


def _run_names(new: PromoCodeIn) -> list[str]:
    return [name.strip() for name in new.runs]


async def _code_by_key(session: AsyncSession, account_id: int, key: UUID, digest: bytes) -> PromoCode | None:
    """The code that was created under an id, if any. Raises BodyChanged if its request was another one."""
    row = select(PromoCode).where(PromoCode.account_id == account_id, PromoCode.key == key)
    promo_code: PromoCode | None = await session.scalar(row)
    if promo_code is not None and promo_code.digest != digest:
        raise BodyChanged
    return promo_code


async def _best_offer(
    session: AsyncSession, rule_cache: RuleCache, programme_id: int, campaign: int | None, now: datetime
) -> tuple[int, ActiveCampaign, Promo]:
    """The brand, and the requested campaign's offer or else the one of the highest priority, the newest among equals.

    Raises:
        PromoOfferUnknown: there is none.
    """
    row = select(Programme.brand_id, Programme.rules_version).where(Programme.id == programme_id)
    programme = (await session.execute(row)).one_or_none()
    if programme is None:
        raise PromoOfferUnknown
    rule_set = await rule_cache.get(programme_id, programme.rules_version)
    fitting = [
        (promo.priority, offer.campaign_id, offer, promo)
        for offer in rule_set.campaigns
        if (promo := offer.rule.promo)
        and promo.codes_per_agent
        and campaign in (None, offer.campaign_id)
        and offer.is_running(now)
    ]
    if not fitting:
        raise PromoOfferUnknown
    *_, offer, promo = max(fitting, key=lambda each: each[:2])
    return programme.brand_id, offer, promo


async def _check_open_codes(session: AsyncSession, account_id: int, campaign_id: int, limit: int) -> None:
    """Check that the account may have one more open code. The caller holds the account's lock, so no code is added
    meanwhile.

    Raises:
        Unauthenticated: the account is closed. CodesFull: it has as many open codes as the offer allows.
    """
    if await session.scalar(select(Account.closed_at).where(Account.id == account_id)):
        raise Unauthenticated
    rows = select(func.count()).where(
        PromoCode.account_id == account_id, PromoCode.campaign_id == campaign_id, PromoCode.closed_at.is_(None)
    )
    if (await session.scalar(rows) or 0) >= limit:
        raise CodesFull


async def _insert_code(
    session: AsyncSession,
    settings: Settings,
    word: tuple[str, str | None] | None,
    values: dict[str, Any],
    now: datetime,
) -> PromoCode:
    """Insert the code. A unique index decides whether its word is free; a closed code releases it if it may."""
    rest = timedelta(days=settings.numbers.at("promo_word_rest_days", now.date()))
    may_release = word is not None
    while True:
        code, shown = word or (code_words.draw_random_code(settings.forbidden_words), None)
        row = insert(PromoCode).values(code=code, shown=shown, **values)
        promo_code: PromoCode | None = await session.scalar(
            row.on_conflict_do_nothing(index_elements=["code"]).returning(PromoCode)
        )
        if promo_code is not None:
            return promo_code
        if may_release and await word_ownership.release_word(
            session, code, values["account_id"], values["campaign_id"], rest
        ):
            may_release = False
            values["word_since"] = func.now()
        elif word is not None:
            raise (
                RequestedWordOwned
                if await word_ownership.is_own_word(session, code, values["account_id"])
                else RequestedWordInUse
            )
