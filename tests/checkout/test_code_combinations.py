"""Several codes of one campaign in one basket: their needs are added up."""

import pytest

from backend.programmes.rules.rule import FixedAmount, PercentAmount, Promo
from tests.checkout.till_client import BASKET
from tests.make import bearer

ONE_LEFT = [
    (Promo(PercentAmount(500), uses_per_buyer=1), "buyer_limit"),
    (Promo(PercentAmount(500), uses_per_shop_day=1), "shop_limit"),
]


async def two_codes(shopping, world, *args, **fields):
    offer = await shopping.offer(*args, **fields)
    return [await shopping.code(offer, account=await world.account()) for _ in range(2)]


def reasons(refused):
    """The refused codes with their reasons."""
    return {row["field"]: row["detail"] for row in refused.json()["errors"]}


@pytest.mark.parametrize(("promo", "reason"), ONE_LEFT)
async def test_two_codes_with_one_use_left_second_is_refused(shopping, world, promo, reason):
    first, second = await two_codes(shopping, world, promo)

    quoted = await shopping.quote(first, second, buyer="b")
    refused = await shopping.sell(first, second, buyer="b")
    sold = await shopping.sell(first, buyer="b")

    assert quoted["discount"] == 667
    assert [(row["code"], row["reason"]) for row in quoted["refused"]] == [(second, reason)]
    assert (refused.status_code, refused.json()["code"]) == (409, "codes_refused")
    assert reasons(refused) == {second: reason}
    assert sold.status_code == 200


async def test_agent_limit_with_two_codes_refuses_the_second(shopping, world):
    agent, offer = await world.account(), await shopping.offer(Promo(PercentAmount(500), uses_per_agent=1))
    first, second = [await shopping.code(offer, account=agent) for _ in range(2)]

    refused = await shopping.sell(first, second)

    assert (refused.status_code, reasons(refused)) == (409, {second: "agent_limit"})


async def test_reservation_of_two_codes_uses_the_rest_of_limit(shopping, world):
    first, second = await two_codes(shopping, world, Promo(PercentAmount(500), uses_per_buyer=2))
    body = {"codes": [first, second], "basket": BASKET, "buyer": "b"}

    reserved = await shopping.ask("PUT", "reservations/cart", body)
    others = await shopping.sell(first, buyer="b")
    sold = await shopping.sell(first, second, buyer="b", reservation="cart")

    assert [reserved.status_code, others.status_code, sold.status_code] == [200, 409, 200]


async def test_two_discounts_above_the_budget_second_is_refused(shopping, world):
    first, second = await two_codes(shopping, world, bonus=FixedAmount(1), budget=1000)

    quoted = await shopping.quote(first, second)
    sold = await shopping.sell(first)

    assert quoted["discount"] == 667
    assert [(row["code"], row["reason"]) for row in quoted["refused"]] == [(second, "budget_spent")]
    assert sold.status_code == 200


async def test_bonus_is_cut_to_budget_after_all_discounts(shopping, world):
    agents, offer = [await world.account() for _ in range(2)], await shopping.offer(bonus=FixedAmount(600), budget=1800)
    codes = [await shopping.code(offer, account=agent) for agent in agents]

    sold = await shopping.sell(*codes)
    pages = [(await world.client.get("/v1/redemptions", headers=bearer(agent))).json() for agent in agents]

    assert (sold.status_code, sold.json().get("discount")) == (200, 667 + 633)
    assert [page["items"][0].get("bonus", 0) for page in pages] == [1800 - 667 - 633, 0]
    assert [page["items"][0]["why"] for page in pages] == [
        "The budget of this offer was spent: you got what was left of it.",
        "The budget of this offer was spent.",
    ]
