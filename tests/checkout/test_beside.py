"""Codes of one campaign in one basket: what they need together is looked at together."""

import pytest

from backend.programmes.rules import Fixed, Percent, Promo
from tests.checkout.shopping import BASKET
from tests.make import bearer

ONE_LEFT = [
    (Promo(Percent(500), uses_per_buyer=1), "buyer_limit"),
    (Promo(Percent(500), uses_per_shop_day=1), "shop_limit"),
]


async def two_codes(shopping, world, *args, **fields):
    offer = await shopping.offer(*args, **fields)
    return [await shopping.code(offer, account=await world.account()) for _ in range(2)]


@pytest.mark.parametrize(("promo", "reason"), ONE_LEFT)
async def test_two_codes_do_not_share_the_last_use_of_a_limit(shopping, world, promo, reason):
    first, second = await two_codes(shopping, world, promo)

    quoted = await shopping.quote(first, second, buyer="b")
    refused = await shopping.sell(first, second, buyer="b")
    sold = await shopping.sell(first, buyer="b")

    assert quoted["discount"] == 667
    assert [(row["code"], row["reason"]) for row in quoted["refused"]] == [(second, reason)]
    assert (refused.status_code, refused.json()["code"]) == (409, "codes_refused")
    assert refused.json()["errors"] == [{"field": second, "detail": reason}]
    assert sold.status_code == 200


async def test_two_codes_of_one_agent_do_not_share_his_last_use(shopping, world):
    agent, offer = await world.account(), await shopping.offer(Promo(Percent(500), uses_per_agent=1))
    first, second = [await shopping.code(offer, account=agent) for _ in range(2)]

    refused = await shopping.sell(first, second)

    assert (refused.status_code, refused.json()["errors"]) == (409, [{"field": second, "detail": "agent_limit"}])


async def test_two_codes_use_what_a_limit_leaves_and_so_does_their_reservation(shopping, world):
    first, second = await two_codes(shopping, world, Promo(Percent(500), uses_per_buyer=2))
    body = {"codes": [first, second], "basket": BASKET, "buyer": "b"}

    reserved = await shopping.ask("PUT", "reservations/cart", body)
    others = await shopping.sell(first, buyer="b")
    sold = await shopping.sell(first, second, buyer="b", reservation="cart")

    assert [reserved.status_code, others.status_code, sold.status_code] == [200, 409, 200]


async def test_two_discounts_that_a_budget_cannot_bear_together_are_not_promised(shopping, world):
    first, second = await two_codes(shopping, world, bonus=Fixed(1), budget=1000)

    quoted = await shopping.quote(first, second)
    sold = await shopping.sell(first)

    assert quoted["discount"] == 667
    assert [(row["code"], row["reason"]) for row in quoted["refused"]] == [(second, "budget_spent")]
    assert sold.status_code == 200


async def test_a_bonus_gets_what_all_discounts_leave_of_a_budget(shopping, world):
    agents, offer = [await world.account() for _ in range(2)], await shopping.offer(bonus=Fixed(600), budget=1800)
    codes = [await shopping.code(offer, account=agent) for agent in agents]

    sold = await shopping.sell(*codes)
    pages = [(await world.client.get("/v1/redemptions", headers=bearer(agent))).json() for agent in agents]

    assert (sold.status_code, sold.json().get("discount")) == (200, 667 + 633)
    assert [page["items"][0].get("bonus", 0) for page in pages] == [0, 0]
    assert [page["items"][0]["why"] for page in pages] == ["The budget of this offer was spent."] * 2
