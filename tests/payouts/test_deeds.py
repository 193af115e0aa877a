"""What each deed of the ledger does, and what it refuses."""

from datetime import timedelta

import pytest

from payouts import ledger
from payouts.ledger import Cause
from payouts.models import Kind
from tests.payouts.conftest import TODAY
from tests.payouts.owner import EARNED, ORDERED, Owner, balances


def day(number: int):
    return TODAY + timedelta(days=number)


async def test_an_earning_is_available_at_once_where_nothing_is_waited_for(agent: Owner):
    wallet = await agent.earn(100)

    assert balances(wallet) == (0, 100, 0)


async def test_an_earning_that_waits_is_pending_and_matures_with_the_next_touch(agent: Owner):
    before = await agent.earn(100, waits=14)
    agent.pass_days(13)
    still = await agent.open()
    agent.pass_days(1)
    after = await agent.open()

    assert [balances(wallet) for wallet in (before, still, after)] == [(100, 0, 0), (100, 0, 0), (0, 100, 0)]


async def test_earnings_of_the_same_days_share_a_lot(agent: Owner):
    await agent.earn(100, lives=10)
    await agent.earn(50, lives=10)

    assert await agent.lots() == [(day(10), 150)]


async def test_the_same_cause_earns_once(agent: Owner):
    await agent.earn(100, Cause(EARNED, 5))

    with pytest.raises(ledger.Repeated):
        await agent.earn(100, Cause(EARNED, 5))

    assert balances(await agent.open()) == (0, 100, 0)


async def test_an_earning_decided_before_midnight_goes_where_its_lot_has_gone_meanwhile(agent: Owner):
    await agent.earn(100, waits=1, lives=10)
    agent.pass_days(1)
    await agent.open()
    agent.pass_days(-1)
    wallet = await agent.earn(50, waits=1, lives=10)

    assert balances(wallet) == (0, 150, 0)


async def test_an_earning_joins_a_lot_that_was_taken_back_while_it_waited(agent: Owner):
    await agent.earn(100, Cause(EARNED, 5), waits=2, lives=10)
    await agent.earn(30, waits=1, lives=10)
    await agent.claw_back(100, Cause(EARNED, 5))
    agent.pass_days(1)
    await agent.open()
    agent.pass_days(1)
    wallet = await agent.earn(50, waits=0, lives=10)

    assert balances(wallet) == (0, 80, 0)


async def test_a_hold_takes_what_expires_soonest(agent: Owner):
    await agent.earn(60, lives=30)
    await agent.earn(60, lives=10)
    wallet = await agent.hold(80)

    assert balances(wallet) == (0, 40, 80)
    assert await agent.lots() == [(day(30), 40)]


async def test_a_hold_of_more_than_is_available_is_refused(agent: Owner):
    await agent.earn(100)
    await agent.earn(100, waits=1)

    with pytest.raises(ledger.NotEnough):
        await agent.hold(101)

    assert balances(await agent.open()) == (100, 100, 0)


async def test_a_repeated_hold_is_told_from_one_that_is_too_much(agent: Owner):
    await agent.earn(100)
    await agent.hold(100, Cause(ORDERED, 5))

    with pytest.raises(ledger.Repeated):
        await agent.hold(100, Cause(ORDERED, 5))


async def test_an_expired_lot_cannot_be_held_even_if_no_worker_came(agent: Owner):
    await agent.earn(100, lives=10)
    agent.pass_days(10)

    with pytest.raises(ledger.NotEnough):
        await agent.hold(100)


async def test_an_order_is_settled_in_parts_and_the_rest_is_released(agent: Owner):
    order = Cause(ORDERED, 5)
    await agent.earn(60, lives=10)
    await agent.earn(40, lives=30)
    await agent.hold(100, order)
    settled = await agent.settle(30, order, leg=1)
    released = await agent.release(70, order)

    assert balances(settled) == (0, 0, 70)
    assert balances(released) == (0, 70, 0)
    assert await agent.lots() == [(day(10), 30), (day(30), 40)]


async def test_no_more_of_a_hold_can_be_settled_or_released_than_is_left(agent: Owner):
    order = Cause(ORDERED, 5)
    await agent.earn(100)
    await agent.hold(100, order)
    await agent.settle(60, order)

    with pytest.raises(ledger.HoldSmaller):
        await agent.release(41, order)
    with pytest.raises(ledger.HoldSmaller):
        await agent.settle(41, order, leg=1)
    with pytest.raises(ledger.Repeated):
        await agent.settle(60, order)


async def test_a_wallet_cannot_settle_or_release_the_hold_of_another(agent: Owner):
    order = Cause(ORDERED, 5)
    other = Owner(agent.db, owner_id=2, today=TODAY)
    for somebody in (agent, other):
        await somebody.earn(100)
    await agent.hold(100, order)
    await other.hold(100)

    with pytest.raises(ledger.HoldSmaller):
        await other.settle(100, order)
    with pytest.raises(ledger.HoldSmaller):
        await other.release(100, order)


async def test_what_comes_back_after_its_day_expires(agent: Owner):
    order = Cause(ORDERED, 5)
    await agent.earn(100, lives=10)
    await agent.hold(100, order)
    agent.pass_days(20)
    released = await agent.release(100, order)
    touched = await agent.open()

    assert balances(released) == (0, 100, 0)
    assert balances(touched) == (0, 0, 0)


async def test_a_lot_can_expire_again_when_it_was_given_something_back(agent: Owner):
    order = Cause(ORDERED, 5)
    await agent.earn(100, lives=10)
    await agent.hold(60, order)
    agent.pass_days(10)
    await agent.open()
    await agent.release(60, order)
    await agent.open()

    expired = [amount for kind, amount in await agent.moved() if kind == Kind.EXPIRE]
    assert expired == [40, 60]


async def test_a_lot_lives_to_the_end_of_the_day_before_it_expires(agent: Owner):
    await agent.earn(100, lives=10)
    agent.pass_days(9)
    before = await agent.open()
    agent.pass_days(1)
    after = await agent.open()

    assert (before.available, after.available) == (100, 0)


async def test_wallets_of_two_books_know_nothing_of_each_other(agent: Owner):
    elsewhere = Owner(agent.db, owner_id=agent.owner_id, today=TODAY, book_id=8)
    await agent.earn(100)

    with pytest.raises(ledger.NotEnough):
        await elsewhere.hold(1)
