"""Taking back what was earned, and the debt that may come of it."""

from datetime import timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from payouts import ledger
from payouts.ledger import Cause
from tests.payouts.conftest import TODAY
from tests.payouts.owner import EARNED, ORDERED, TAKEN, WRITTEN_OFF, Owner, balances


def day(number: int):
    return TODAY + timedelta(days=number)


async def test_a_claw_back_voids_what_is_still_pending(agent: Owner):
    await agent.earn(100, Cause(EARNED, 5), waits=14)
    await agent.earn(40, waits=14)
    wallet = await agent.claw_back(100, Cause(EARNED, 5))

    assert balances(wallet) == (40, 0, 0)


async def test_a_claw_back_takes_the_own_lot_then_the_latest_expiry_then_makes_a_debt(agent: Owner):
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


async def test_no_more_is_taken_back_than_was_earned(agent: Owner):
    await agent.earn(100, Cause(EARNED, 5))
    await agent.claw_back(60, Cause(EARNED, 5))

    with pytest.raises(ledger.EarnedLess):
        await agent.claw_back(41, Cause(EARNED, 5))


async def test_a_claw_back_is_repeated_harmlessly(agent: Owner):
    await agent.earn(100, Cause(EARNED, 5))
    await agent.claw_back(100, Cause(EARNED, 5), Cause(TAKEN, 1))

    with pytest.raises(ledger.Repeated):
        await agent.claw_back(100, Cause(EARNED, 5), Cause(TAKEN, 1))

    assert balances(await agent.open()) == (0, 0, 0)


async def test_what_another_earned_cannot_be_taken_from_this_wallet(agent: Owner):
    other = Owner(agent.db, owner_id=2, today=TODAY)
    await agent.earn(100, Cause(EARNED, 5))
    await other.earn(100)

    with pytest.raises(ledger.EarnedLess):
        await other.claw_back(100, Cause(EARNED, 5))


@pytest.mark.parametrize("amount", [0, -1])
async def test_an_amount_that_is_none_is_refused(agent: Owner, amount: int):
    await agent.earn(100, Cause(EARNED, 5))

    with pytest.raises(ledger.EarnedLess):
        await agent.claw_back(amount, Cause(EARNED, 5))
    with pytest.raises(IntegrityError):
        await agent.hold(amount)


async def test_a_debt_is_repaid_by_the_next_earning(agent: Owner):
    await agent.earn(100, Cause(EARNED, 5))
    await agent.hold(100)
    await agent.claw_back(100, Cause(EARNED, 5))
    wallet = await agent.earn(130, lives=10)

    assert balances(wallet) == (0, 30, 100)
    assert await agent.lots() == [(day(10), 30)]


async def test_a_debt_is_repaid_by_what_matures_and_by_what_comes_back(agent: Owner):
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


async def test_a_wallet_in_debt_cannot_spend(agent: Owner):
    await agent.earn(100, Cause(EARNED, 5))
    await agent.hold(100)
    await agent.claw_back(100, Cause(EARNED, 5))

    with pytest.raises(ledger.NotEnough):
        await agent.hold(1)


async def test_a_debt_is_written_off_but_no_more_than_it_is(agent: Owner):
    await agent.earn(100, Cause(EARNED, 5))
    await agent.hold(100)
    await agent.claw_back(100, Cause(EARNED, 5))
    wallet = await agent.write_off(60, Cause(WRITTEN_OFF, 1))

    assert balances(wallet) == (0, -40, 100)
    with pytest.raises(ledger.Repeated):
        await agent.write_off(60, Cause(WRITTEN_OFF, 1))
    with pytest.raises(ledger.DebtSmaller):
        await agent.write_off(41)
