"""Clawbacks of earnings, and the debt that they may leave."""

from datetime import timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from payouts import ledger
from payouts.ledger import Cause
from tests.payouts.conftest import TODAY
from tests.payouts.owner import CLAWED_BACK, EARNED, ORDERED, WRITTEN_OFF, Owner, balances


def day(number: int):
    return TODAY + timedelta(days=number)


async def test_clawback_of_pending_earning_voids_it(agent: Owner):
    await agent.earn(100, Cause(EARNED, 5), waits=14)
    await agent.earn(40, waits=14)
    wallet = await agent.claw_back(100, Cause(EARNED, 5))

    assert balances(wallet) == (40, 0, 0)


async def test_clawback_uses_lots_before_debt(agent: Owner):
    await agent.earn(100, Cause(EARNED, 5), lives=20)
    await agent.hold(80)
    await agent.earn(30, lives=10)
    await agent.earn(30, lives=30)
    partly = await agent.claw_back(60, Cause(EARNED, 5))
    lots = await agent.lots()
    whole = await agent.claw_back(40, Cause(EARNED, 5))

    assert balances(partly) == (0, 20, 80)
    assert lots == [(day(10), 20)]
    assert balances(whole) == (0, -20, 80)
    assert await agent.lots() == []


async def test_clawback_above_earning_is_refused(agent: Owner):
    await agent.earn(100, Cause(EARNED, 5))
    await agent.claw_back(60, Cause(EARNED, 5))

    with pytest.raises(ledger.ClawbackExceeded):
        await agent.claw_back(41, Cause(EARNED, 5))


async def test_clawback_repeated_moves_once(agent: Owner):
    await agent.earn(100, Cause(EARNED, 5))
    await agent.claw_back(100, Cause(EARNED, 5), Cause(CLAWED_BACK, 1))

    with pytest.raises(ledger.CauseRepeated):
        await agent.claw_back(100, Cause(EARNED, 5), Cause(CLAWED_BACK, 1))

    assert balances(await agent.open()) == (0, 0, 0)


async def test_clawback_of_earning_of_another_wallet_is_refused(agent: Owner):
    other = Owner(agent.db, owner_id=2, today=TODAY)
    await agent.earn(100, Cause(EARNED, 5))
    await other.earn(100)

    with pytest.raises(ledger.ClawbackExceeded):
        await other.claw_back(100, Cause(EARNED, 5))


@pytest.mark.parametrize("amount", [0, -1])
async def test_amount_below_one_is_refused(agent: Owner, amount: int):
    await agent.earn(100, Cause(EARNED, 5))

    with pytest.raises(ledger.ClawbackExceeded):
        await agent.claw_back(amount, Cause(EARNED, 5))
    with pytest.raises(IntegrityError):
        await agent.hold(amount)


async def test_debt_is_repaid_by_next_earning(agent: Owner):
    await agent.earn(100, Cause(EARNED, 5))
    await agent.hold(100)
    await agent.claw_back(100, Cause(EARNED, 5))
    wallet = await agent.earn(130, lives=10)

    assert balances(wallet) == (0, 30, 100)
    assert await agent.lots() == [(day(10), 30)]


async def test_debt_is_repaid_by_maturing_and_release(agent: Owner):
    order = Cause(ORDERED, 5)
    await agent.earn(100, Cause(EARNED, 5))
    await agent.hold(100, order)
    await agent.claw_back(100, Cause(EARNED, 5))
    await agent.earn(30, waits=1, lives=9)
    agent.pass_days(1)
    matured = await agent.open()
    released = await agent.release(100, order)

    assert balances(matured) == (0, -70, 100)
    assert balances(released) == (0, 30, 0)
    assert await agent.lots() == [(ledger.NEVER, 30)]


async def test_hold_of_wallet_in_debt_is_refused(agent: Owner):
    await agent.earn(100, Cause(EARNED, 5))
    await agent.hold(100)
    await agent.claw_back(100, Cause(EARNED, 5))

    with pytest.raises(ledger.InsufficientBalance):
        await agent.hold(1)


async def test_write_off_above_debt_is_refused(agent: Owner):
    await agent.earn(100, Cause(EARNED, 5))
    await agent.hold(100)
    await agent.claw_back(100, Cause(EARNED, 5))
    wallet = await agent.write_off(60, Cause(WRITTEN_OFF, 1))

    assert balances(wallet) == (0, -40, 100)
    with pytest.raises(ledger.CauseRepeated):
        await agent.write_off(60, Cause(WRITTEN_OFF, 1))
    with pytest.raises(ledger.DebtExceeded):
        await agent.write_off(41)


async def test_clawback_of_expired_amount_moves_nothing(agent: Owner):
    await agent.earn(100, Cause(EARNED, 5), lives=10)
    await agent.earn(30, lives=30)
    agent.pass_days(10)

    wallet = await agent.claw_back(100, Cause(EARNED, 5))

    assert balances(wallet) == (0, 30, 0)
    assert await agent.lots() == [(TODAY + timedelta(days=30), 30)]


async def test_clawback_of_expired_lot_covers_spent_part(agent: Owner):
    await agent.earn(100, Cause(EARNED, 5), lives=10)
    await agent.hold(40)
    agent.pass_days(10)

    half = await agent.claw_back(50, Cause(EARNED, 5))
    whole = await agent.claw_back(50, Cause(EARNED, 5))

    assert (half.available, whole.available) == (-40, -40)


async def test_clawbacks_of_one_lot_share_expired_amount(agent: Owner):
    await agent.earn(100, Cause(EARNED, 5), lives=10)
    await agent.earn(100, Cause(EARNED, 6), lives=10)
    await agent.hold(150)
    agent.pass_days(10)

    first = await agent.claw_back(100, Cause(EARNED, 5))
    second = await agent.claw_back(100, Cause(EARNED, 6))

    assert (first.available, second.available) == (-100, -150)


async def test_clawback_of_released_expired_lot_moves_nothing(agent: Owner):
    order = Cause(ORDERED, 5)
    await agent.earn(100, Cause(EARNED, 5), lives=10)
    await agent.hold(100, order)
    agent.pass_days(10)
    await agent.release(100, order)

    wallet = await agent.claw_back(100, Cause(EARNED, 5))

    assert balances(wallet) == (0, 0, 0)
