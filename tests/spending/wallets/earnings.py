"""Wallets with earnings of many days and their explanations, for the home screen and statements."""

import itertools
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select, text

from backend.core.security.tokens import digest
from backend.identity.accounts.schemas import AccountCreated
from backend.programmes.models import Accrual, CampaignVersion, Programme
from payouts import ledger
from payouts.ledger import Cause, WalletKey
from payouts.models import Wallet
from tests.make import World

PACKAGE = 1
SERIALS = itertools.count(10**9)


def the_day() -> date:
    """Today in the time zone of the tests' programmes."""
    return datetime.now(ZoneInfo("Europe/Moscow")).date()


async def account_id(world: World, account: AccountCreated) -> int:
    row = await world.db.call(
        text("SELECT account_id FROM devices WHERE token_digest = :digest"), digest=digest(account.token)
    )
    return row.account_id


async def programme(world: World, **fields: Any) -> Programme:
    """A programme with a campaign in it."""
    made = await world.programme(**fields)
    await world.campaign(made)
    return made


async def earn(
    world: World, owner: int, made: Programme, amount: int = 100, waits_days: int = 0, today: date | None = None
) -> None:
    """One award with the explanation that the rules give."""
    day = today or the_day()
    serial, matures_on = next(SERIALS), day + timedelta(days=waits_days)
    async with world.db.begin() as session:
        version = await session.scalar(
            select(CampaignVersion.id).where(CampaignVersion.brand_id == made.brand_id).order_by(CampaignVersion.id)
        )
        session.add(
            Accrual(
                cause=PACKAGE,
                cause_id=serial,
                account_id=owner,
                programme_id=made.id,
                version_id=version,
                base=0,
                gross=amount,
                amount=amount,
                matures_on=matures_on,
                expires_on=ledger.NEVER,
            )
        )
        await ledger.earn(
            session, WalletKey(owner, made.id, day), amount, Cause(PACKAGE, serial), matures_on=matures_on
        )


async def wallet(world: World, owner: int, made: Programme) -> Wallet:
    async with world.db.begin() as session:
        return (await session.scalars(select(Wallet).where(Wallet.owner_id == owner, Wallet.book_id == made.id))).one()
