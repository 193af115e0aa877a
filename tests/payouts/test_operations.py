"""Each operation of the ledger: its effect on the wallet, and when it is refused."""

from datetime import timedelta

import pytest

from payouts import ledger
from payouts.ledger import Cause
from payouts.models import MovementKind
from tests.payouts.conftest import TODAY
from tests.payouts.owner import EARNED, ORDERED, Owner, balances


def day(number: int):
    return TODAY + timedelta(days=number)


async def test_earning_without_hold_days_is_available(agent: Owner):
    wallet = await agent.earn(100)

    assert balances(wallet) == (0, 100, 0)


async def test_pending_earning_matures_on_its_day(agent: Owner):
    before = await agent.earn(100, waits=14)
    agent.pass_days(13)
    day_before = await agent.open()
    agent.pass_days(1)
    after = await agent.open()

    assert [balances(wallet) for wallet in (before, day_before, after)] == [(100, 0, 0), (100, 0, 0), (0, 100, 0)]


async def test_earnings_of_same_days_share_a_lot(agent: Owner):
    await agent.earn(100, lives=10)
    await agent.earn(50, lives=10)

    assert await agent.lots() == [(day(10), 150)]


async def test_earning_repeated_moves_once(agent: Owner):
    await agent.earn(100, Cause(EARNED, 5))

    with pytest.raises(ledger.CauseRepeated):
        await agent.earn(100, Cause(EARNED, 5))

    assert balances(await agent.open()) == (0, 100, 0)


async def test_earning_of_yesterday_joins_its_matured_lot(agent: Owner):
    await agent.earn(100, waits=1, lives=10)
    agent.pass_days(1)
    await agent.open()
    agent.pass_days(-1)
    wallet = await agent.earn(50, waits=1, lives=10)

    assert balances(wallet) == (0, 150, 0)


async def test_earning_joins_lot_that_was_clawed_back(agent: Owner):
    await agent.earn(100, Cause(EARNED, 5), waits=2, lives=10)
    await agent.earn(30, waits=1, lives=10)
    await agent.claw_back(100, Cause(EARNED, 5))
    agent.pass_days(1)
    await agent.open()
    agent.pass_days(1)
    wallet = await agent.earn(50, waits=0, lives=10)

    assert balances(wallet) == (0, 80, 0)


async def test_hold_draws_lots_that_expire_first(agent: Owner):
    await agent.earn(60, lives=30)
    await agent.earn(60, lives=10)
    wallet = await agent.hold(80)

    assert balances(wallet) == (0, 40, 80)
    assert await agent.lots() == [(day(30), 40)]


async def test_hold_above_available_is_refused(agent: Owner):
    await agent.earn(100)
    await agent.earn(100, waits=1)

    with pytest.raises(ledger.InsufficientBalance):
        await agent.hold(101)

    assert balances(await agent.open()) == (100, 100, 0)


async def test_hold_repeated_raises_repeat_not_insufficient_balance(agent: Owner):
    await agent.earn(100)
    await agent.hold(100, Cause(ORDERED, 5))

    with pytest.raises(ledger.CauseRepeated):
        await agent.hold(100, Cause(ORDERED, 5))


async def test_hold_of_expired_lot_is_refused_without_worker(agent: Owner):
    await agent.earn(100, lives=10)
    agent.pass_days(10)

    with pytest.raises(ledger.InsufficientBalance):
        await agent.hold(100)


async def test_hold_is_settled_in_part_and_rest_released(agent: Owner):
    order = Cause(ORDERED, 5)
    await agent.earn(60, lives=10)
    await agent.earn(40, lives=30)
    await agent.hold(100, order)
    settled = await agent.settle(30, order, leg=1)
    released = await agent.release(70, order)

    assert balances(settled) == (0, 0, 70)
    assert balances(released) == (0, 70, 0)
    assert await agent.lots() == [(day(10), 30), (day(30), 40)]


async def test_settle_and_release_above_hold_are_refused(agent: Owner):
    order = Cause(ORDERED, 5)
    await agent.earn(100)
    await agent.hold(100, order)
    await agent.settle(60, order)

    with pytest.raises(ledger.HoldExceeded):
        await agent.release(41, order)
    with pytest.raises(ledger.HoldExceeded):
        await agent.settle(41, order, leg=1)
    with pytest.raises(ledger.CauseRepeated):
        await agent.settle(60, order)


async def test_hold_of_another_wallet_cannot_be_settled(agent: Owner):
    order = Cause(ORDERED, 5)
    other = Owner(agent.db, owner_id=2, today=TODAY)
    for owner in (agent, other):
        await owner.earn(100)
    await agent.hold(100, order)
    await other.hold(100)

    with pytest.raises(ledger.HoldExceeded):
        await other.settle(100, order)
    with pytest.raises(ledger.HoldExceeded):
        await other.release(100, order)


async def test_release_after_expiry_expires_with_next_operation(agent: Owner):
    order = Cause(ORDERED, 5)
    await agent.earn(100, lives=10)
    await agent.hold(100, order)
    agent.pass_days(20)
    released = await agent.release(100, order)
    touched = await agent.open()

    assert balances(released) == (0, 100, 0)
    assert balances(touched) == (0, 0, 0)


async def test_lot_expires_again_after_release(agent: Owner):
    order = Cause(ORDERED, 5)
    await agent.earn(100, lives=10)
    await agent.hold(60, order)
    agent.pass_days(10)
    await agent.open()
    await agent.release(60, order)
    await agent.open()

    expired = [amount for kind, amount in await agent.moved() if kind == MovementKind.EXPIRE]
    assert expired == [40, 60]


async def test_lot_is_available_until_its_expiry_day_begins(agent: Owner):
    await agent.earn(100, lives=10)
    agent.pass_days(9)
    before = await agent.open()
    agent.pass_days(1)
    after = await agent.open()

    assert (before.available, after.available) == (100, 0)


async def test_wallets_of_two_ledgers_are_separate(agent: Owner):
    elsewhere = Owner(agent.db, owner_id=agent.owner_id, today=TODAY, ledger_id=8)
    await agent.earn(100)

    with pytest.raises(ledger.InsufficientBalance):
        await elsewhere.hold(1)
