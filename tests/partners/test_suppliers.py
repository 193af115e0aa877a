"""What every supplier does: sells once for a reference, and says no more than is known."""

import asyncio
from datetime import date

import pytest

from payouts.partners.supplying import Wanted
from tests.partners.conftest import KINDS, TOKEN, opened

pytestmark = pytest.mark.parametrize("kind", KINDS)
# The fault, and the word in which it is told; nothing is sold by any of the first, something by all of the others.
BEFORE = [("timeout", "timeout"), ("http_500", "http_500"), ("http_500_empty", "http_500"), ("garbage", "garbage"),
          ("redirect", "http_307")]  # fmt: skip
AFTER = [("timeout_after", "timeout"), ("http_500_after", "http_500"), ("http_500_empty_after", "http_500"),
         ("garbage_after", "garbage"), ("huge_after", "huge"), ("empty_after", "garbage")]  # fmt: skip


def patience(fault):
    """In seconds: short where the stand-in falls silent."""
    return 1.2 if fault.startswith("timeout") else 5.0


async def test_a_certificate_is_bought(desk, kind):
    wanted = desk.wanted(nominal=150_050)

    async with opened(kind, desk.url) as supplier:
        bought = await supplier.order(wanted)

    assert bought.result == "sold"
    assert "SIM-" in bought.code
    assert bought.reference
    assert bought.valid_until == (None if kind == "tremendous" else date(2027, 12, 31))
    assert desk.sold(kind) == {wanted.reference: 1}


async def test_a_repetition_gives_the_same_certificate(desk, kind):
    wanted = desk.wanted()

    async with opened(kind, desk.url) as supplier:
        first = await supplier.order(wanted)
        again = await supplier.order(wanted)
        seen = await supplier.look(wanted)

    assert {(one.result, one.code, one.reference) for one in (first, again, seen)} == {
        ("sold", first.code, first.reference)
    }
    assert desk.sold(kind) == {wanted.reference: 1}


async def test_twenty_at_once_under_one_reference_buy_one(desk, kind):
    wanted = desk.wanted()

    async with opened(kind, desk.url) as supplier:
        bought = await asyncio.gather(*(supplier.order(wanted) for _ in range(20)))

    assert len({one.code for one in bought}) == 1
    assert {one.result for one in bought} == {"sold"}
    assert desk.sold(kind) == {wanted.reference: 1}


async def test_a_look_buys_nothing(desk, kind):
    wanted = desk.wanted()

    async with opened(kind, desk.url) as supplier:
        seen = await supplier.look(wanted)

    assert (seen.result, seen.why) == ("refused", "not_found")
    assert desk.sold(kind) == {}


@pytest.mark.parametrize(("fault", "why"), BEFORE)
async def test_trouble_before_the_sale_is_unknown_and_the_look_ends_it(desk, kind, fault, why):
    wanted = desk.wanted(fault)

    async with opened(kind, desk.url, timeout=patience(fault)) as supplier:
        bought = await supplier.order(wanted)
        seen = await supplier.look(wanted)
        again = await supplier.order(wanted)

    assert (bought.result, bought.why, bought.code) == ("unknown", why, "")
    assert (seen.result, seen.why) == ("refused", "not_found")
    assert again.result == "sold"
    assert desk.sold(kind) == {wanted.reference: 1}


@pytest.mark.parametrize(("fault", "why"), AFTER)
async def test_what_an_order_lost_is_found_by_a_look(desk, kind, fault, why):
    wanted = desk.wanted(fault)

    async with opened(kind, desk.url, timeout=patience(fault)) as supplier:
        bought = await supplier.order(wanted)
        seen = await supplier.look(wanted)
        again = await supplier.order(wanted)

    assert (bought.result, bought.why, bought.code) == ("unknown", why, "")
    assert seen.result == again.result == "sold"
    assert seen.code == again.code
    assert desk.sold(kind) == {wanted.reference: 1}


@pytest.mark.parametrize(("fault", "why"), [*BEFORE, ("limit", "http_429"), ("huge_after", "huge")])
async def test_a_look_that_meets_trouble_knows_nothing(desk, kind, fault, why):
    wanted = desk.wanted(fault)

    async with opened(kind, desk.url, timeout=patience(fault)) as supplier:
        seen = await supplier.look(wanted)

    assert (seen.result, seen.why) == ("unknown", why)
    assert seen.retry_after == (1 if fault == "limit" else None)


async def test_a_supplier_that_is_not_there_is_busy_and_a_look_knows_nothing(desk, kind):
    wanted = desk.wanted()

    async with opened(kind, "http://127.0.0.1:1") as supplier:
        bought = await supplier.order(wanted)
        seen = await supplier.look(wanted)

    assert (bought.result, bought.why) == ("busy", "unreachable")
    assert (seen.result, seen.why) == ("unknown", "unreachable")


async def test_the_limit_makes_busy_and_sells_nothing(desk, kind):
    wanted = desk.wanted("limit")

    async with opened(kind, desk.url) as supplier:
        bought = await supplier.order(wanted)

    assert (bought.result, bought.why, bought.http, bought.retry_after) == ("busy", "http_429", 429, 1)
    assert desk.sold(kind) == {}


@pytest.mark.parametrize("shift", [10_000, -1])
async def test_another_amount_is_never_sold(desk, kind, shift):
    wanted = desk.wanted("wrong_amount") if shift > 0 else desk.wanted()

    async with opened(kind, desk.url) as supplier:
        if shift < 0:
            await supplier.order(Wanted(wanted.reference, wanted.product, wanted.nominal + shift))
        bought = await supplier.order(wanted)
        seen = await supplier.look(wanted)

    assert bought.result == seen.result == "unknown"
    assert bought.why == ("conflict" if kind == "generic" and shift < 0 else "wrong_amount")
    assert seen.why == "wrong_amount"
    assert bought.code == seen.code == ""
    assert seen.reference
    assert desk.sold(kind) == {wanted.reference: 1}


async def test_sold_out_is_refused(desk, kind):
    desk.prepare(left={"RARE": 1})
    first, second = desk.wanted(product="RARE"), desk.wanted(product="RARE")

    async with opened(kind, desk.url) as supplier:
        bought = [await supplier.order(wanted) for wanted in (first, second, first)]
        seen = await supplier.look(second)

    assert [one.result for one in bought] == ["sold", "refused", "sold"]
    assert bought[1].why == ("http_422" if kind == "tremendous" else "sold_out")
    assert (seen.result, seen.why) == ("refused", "not_found")
    assert desk.sold(kind) == {first.reference: 1}


async def test_an_order_that_failed_there_is_refused(desk, kind):
    wanted = desk.wanted("failed")

    async with opened(kind, desk.url) as supplier:
        bought, again, seen = await supplier.order(wanted), await supplier.order(wanted), await supplier.look(wanted)

    assert {one.result for one in (bought, again, seen)} == {"refused"}
    assert bought.why == again.why == "failed"
    assert desk.sold(kind) == {wanted.reference: 0}


async def test_a_token_that_is_not_known_is_refused(desk, kind):
    wanted = desk.wanted("unauthorized")

    async with opened(kind, desk.url) as supplier:
        bought = await supplier.order(wanted)

    assert (bought.result, bought.http) == ("refused", 401)
    assert desk.sold(kind) == {}


async def test_maintenance_is_busy_only_where_the_contract_says_that_nothing_was_sold(desk, kind):
    wanted = desk.wanted("maintenance")

    async with opened(kind, desk.url) as supplier:
        bought = await supplier.order(wanted)

    assert bought.result == ("busy" if kind == "generic" else "unknown")
    assert bought.http == 503


async def test_what_is_sold_late_is_pending_until_it_is_there(desk, kind):
    desk.set_up(late_seconds=3)
    wanted = desk.wanted("late")

    async with opened(kind, desk.url) as supplier:
        bought, seen = await supplier.order(wanted), await supplier.look(wanted)
        await asyncio.sleep(3.5)
        later = await supplier.look(wanted)

    assert (bought.result, bought.why) == (seen.result, seen.why) == ("unknown", "pending")
    assert later.result == "sold"
    assert desk.sold(kind) == {wanted.reference: 1}


async def test_nothing_secret_shows(desk, kind):
    wanted = desk.wanted()

    async with opened(kind, desk.url) as supplier:
        bought = await supplier.order(wanted)

    assert bought.code not in repr(bought)
    assert TOKEN not in repr(supplier.settings)
