"""The behaviour of every supplier: sells once for a reference, and reports only what is certain."""

import asyncio
from datetime import date

import pytest

from payouts.partners.supplier import PurchaseRequest
from tests.payouts.partners.conftest import KINDS, TOKEN, opened

pytestmark = pytest.mark.parametrize("kind", KINDS)
# Faults and their reasons; the first sell nothing, the others sell.
BEFORE = [
    ("timeout", "timeout"),
    ("http_500", "http_500"),
    ("http_500_empty", "http_500"),
    ("garbage", "garbage"),
    ("redirect", "http_307"),
]
AFTER = [
    ("timeout_after", "timeout"),
    ("http_500_after", "http_500"),
    ("http_500_empty_after", "http_500"),
    ("garbage_after", "garbage"),
    ("huge_after", "huge"),
    ("empty_after", "garbage"),
]


def timeout_seconds(fault):
    """In seconds: short if the simulator does not respond."""
    return 1.2 if fault.startswith("timeout") else 5.0


async def test_order_buys_certificate(suppliers, kind):
    wanted = suppliers.wanted(nominal=150_050)

    async with opened(kind, suppliers.url) as supplier:
        bought = await supplier.place_order(wanted)

    assert bought.result == "sold"
    assert "SIM-" in bought.code
    assert bought.reference
    assert bought.valid_until == (None if kind == "tremendous" else date(2027, 12, 31))
    assert suppliers.sold(kind) == {wanted.reference: 1}


async def test_retry_gets_the_same_certificate(suppliers, kind):
    wanted = suppliers.wanted()

    async with opened(kind, suppliers.url) as supplier:
        first = await supplier.place_order(wanted)
        again = await supplier.place_order(wanted)
        seen = await supplier.find_order(wanted)

    assert {(one.result, one.code, one.reference) for one in (first, again, seen)} == {
        ("sold", first.code, first.reference)
    }
    assert suppliers.sold(kind) == {wanted.reference: 1}


async def test_concurrent_orders_under_one_reference_buy_one(suppliers, kind):
    wanted = suppliers.wanted()

    async with opened(kind, suppliers.url) as supplier:
        bought = await asyncio.gather(*(supplier.place_order(wanted) for _ in range(20)))

    assert len({one.code for one in bought}) == 1
    assert {one.result for one in bought} == {"sold"}
    assert suppliers.sold(kind) == {wanted.reference: 1}


async def test_lookup_buys_nothing(suppliers, kind):
    wanted = suppliers.wanted()

    async with opened(kind, suppliers.url) as supplier:
        seen = await supplier.find_order(wanted)

    assert (seen.result, seen.reason) == ("refused", "not_found")
    assert suppliers.sold(kind) == {}


@pytest.mark.parametrize(("fault", "reason"), BEFORE)
async def test_fault_before_sale_is_unknown_until_lookup(suppliers, kind, fault, reason):
    wanted = suppliers.wanted(fault)

    async with opened(kind, suppliers.url, timeout=timeout_seconds(fault)) as supplier:
        bought = await supplier.place_order(wanted)
        seen = await supplier.find_order(wanted)
        again = await supplier.place_order(wanted)

    assert (bought.result, bought.reason, bought.code) == ("unknown", reason, "")
    assert (seen.result, seen.reason) == ("refused", "not_found")
    assert again.result == "sold"
    assert suppliers.sold(kind) == {wanted.reference: 1}


@pytest.mark.parametrize(("fault", "reason"), AFTER)
async def test_lost_order_is_found_by_lookup(suppliers, kind, fault, reason):
    wanted = suppliers.wanted(fault)

    async with opened(kind, suppliers.url, timeout=timeout_seconds(fault)) as supplier:
        bought = await supplier.place_order(wanted)
        seen = await supplier.find_order(wanted)
        again = await supplier.place_order(wanted)

    assert (bought.result, bought.reason, bought.code) == ("unknown", reason, "")
    assert seen.result == again.result == "sold"
    assert seen.code == again.code
    assert suppliers.sold(kind) == {wanted.reference: 1}


@pytest.mark.parametrize(("fault", "reason"), [*BEFORE, ("limit", "http_429"), ("huge_after", "huge")])
async def test_failed_lookup_is_unknown(suppliers, kind, fault, reason):
    wanted = suppliers.wanted(fault)

    async with opened(kind, suppliers.url, timeout=timeout_seconds(fault)) as supplier:
        seen = await supplier.find_order(wanted)

    assert (seen.result, seen.reason) == ("unknown", reason)
    assert seen.retry_after == (1 if fault == "limit" else None)


async def test_unreachable_supplier_is_busy_and_lookup_unknown(suppliers, kind):
    wanted = suppliers.wanted()

    async with opened(kind, "http://127.0.0.1:1") as supplier:
        bought = await supplier.place_order(wanted)
        seen = await supplier.find_order(wanted)

    assert (bought.result, bought.reason) == ("busy", "unreachable")
    assert (seen.result, seen.reason) == ("unknown", "unreachable")


async def test_rate_limited_order_is_busy_and_sells_nothing(suppliers, kind):
    wanted = suppliers.wanted("limit")

    async with opened(kind, suppliers.url) as supplier:
        bought = await supplier.place_order(wanted)

    assert (bought.result, bought.reason, bought.http, bought.retry_after) == ("busy", "http_429", 429, 1)
    assert suppliers.sold(kind) == {}


@pytest.mark.parametrize("shift", [10_000, -1])
async def test_wrong_amount_is_never_sold(suppliers, kind, shift):
    wanted = suppliers.wanted("wrong_amount") if shift > 0 else suppliers.wanted()

    async with opened(kind, suppliers.url) as supplier:
        if shift < 0:
            await supplier.place_order(PurchaseRequest(wanted.reference, wanted.product, wanted.face_value + shift))
        bought = await supplier.place_order(wanted)
        seen = await supplier.find_order(wanted)

    assert bought.result == seen.result == "unknown"
    assert bought.reason == ("conflict" if kind == "generic" and shift < 0 else "wrong_amount")
    assert seen.reason == "wrong_amount"
    assert bought.code == seen.code == ""
    assert seen.reference
    assert suppliers.sold(kind) == {wanted.reference: 1}


async def test_sold_out_order_is_refused(suppliers, kind):
    suppliers.prepare(left={"RARE": 1})
    first, second = suppliers.wanted(product="RARE"), suppliers.wanted(product="RARE")

    async with opened(kind, suppliers.url) as supplier:
        bought = [await supplier.place_order(wanted) for wanted in (first, second, first)]
        seen = await supplier.find_order(second)

    assert [one.result for one in bought] == ["sold", "refused", "sold"]
    assert bought[1].reason == ("http_422" if kind == "tremendous" else "sold_out")
    assert (seen.result, seen.reason) == ("refused", "not_found")
    assert suppliers.sold(kind) == {first.reference: 1}


async def test_failed_order_is_refused(suppliers, kind):
    wanted = suppliers.wanted("failed")

    async with opened(kind, suppliers.url) as supplier:
        bought, again, seen = (
            await supplier.place_order(wanted),
            await supplier.place_order(wanted),
            await supplier.find_order(wanted),
        )

    assert {one.result for one in (bought, again, seen)} == {"refused"}
    assert bought.reason == again.reason == "failed"
    assert suppliers.sold(kind) == {wanted.reference: 0}


async def test_unknown_token_is_refused(suppliers, kind):
    wanted = suppliers.wanted("unauthorized")

    async with opened(kind, suppliers.url) as supplier:
        bought = await supplier.place_order(wanted)

    assert (bought.result, bought.http) == ("refused", 401)
    assert suppliers.sold(kind) == {}


async def test_maintenance_is_busy_only_by_contract(suppliers, kind):
    wanted = suppliers.wanted("maintenance")

    async with opened(kind, suppliers.url) as supplier:
        bought = await supplier.place_order(wanted)

    assert bought.result == ("busy" if kind == "generic" else "unknown")
    assert bought.http == 503


async def test_late_order_is_pending_until_ready(suppliers, kind):
    suppliers.set_up(late_seconds=3)
    wanted = suppliers.wanted("late")

    async with opened(kind, suppliers.url) as supplier:
        bought, seen = await supplier.place_order(wanted), await supplier.find_order(wanted)
        await asyncio.sleep(3.5)
        later = await supplier.find_order(wanted)

    assert (bought.result, bought.reason) == (seen.result, seen.reason) == ("unknown", "pending")
    assert later.result == "sold"
    assert suppliers.sold(kind) == {wanted.reference: 1}


async def test_secrets_are_not_in_representations(suppliers, kind):
    wanted = suppliers.wanted()

    async with opened(kind, suppliers.url) as supplier:
        bought = await supplier.place_order(wanted)

    assert bought.code not in repr(bought)
    assert TOKEN not in repr(supplier.settings)
