"""Returns at any till of the shop: money moves only for the sale that is meant."""

import asyncio

import pytest

from tests.checkout.till_client import BASKET, line

SMALL = [line(1, 1000)]


@pytest.fixture
async def second(shopping, world):
    """Another till of the shop."""
    return await world.till(shop=shopping.shop, key="second")


@pytest.fixture
async def first(shopping, world):
    """One more, whose key is known."""
    return await world.till(shop=shopping.shop, key="first")


async def sell(shopping, till, key, basket=SMALL):
    return await shopping.ask("PUT", f"sales/{key}", {"codes": [], "basket": basket}, till=till)


async def take_back(shopping, at, sale, key="r", amount=400, **more):
    body = {"lines": [{"line": 1, "quantity": 0, "amount": amount}]} | more
    return await shopping.ask("PUT", f"sales/{sale}/returns/{key}", body, till=at)


def status_and_code(answer):
    return answer.status_code, answer.json().get("code")


async def test_return_of_ambiguous_sale_id_is_refused(shopping, first, second):
    await sell(shopping, first, "117", BASKET)
    await sell(shopping, second, "117")

    refused = [await take_back(shopping, till, "117") for till in (first, second, shopping.till)]
    whole = [await take_back(shopping, till, "117", "all", 1000, till="second") for till in (first, first)]

    assert [status_and_code(answer) for answer in refused] == [(409, "sale_ambiguous")] * 3
    assert [row["detail"] for row in refused[0].json()["errors"]] == ["first", "second"]
    assert [answer.status_code for answer in whole] == [200, 200]


async def test_return_with_till_is_of_its_sale(shopping, first, second):
    await sell(shopping, first, "117", BASKET)
    await sell(shopping, second, "117")

    too_much = await take_back(shopping, second, "117", amount=9000)
    right = await take_back(shopping, second, "117", amount=9000, till="first")
    unknown = await take_back(shopping, second, "117", "x", till="third")

    assert [status_and_code(too_much), status_and_code(unknown)] == [(409, "sale_ambiguous"), (404, "sale_unknown")]
    assert right.json()["refund"] == 9000


async def test_return_of_unambiguous_sale_needs_no_till(shopping, first, second):
    await sell(shopping, first, "117")

    assert (await take_back(shopping, second, "117")).json()["refund"] == 400


async def test_repeated_return_is_of_the_first_sale(shopping, first, second):
    await sell(shopping, first, "117")
    done = await take_back(shopping, second, "117")
    await sell(shopping, second, "117")

    again = await take_back(shopping, second, "117")
    named = await take_back(shopping, second, "117", till="first")
    other = await take_back(shopping, second, "117", amount=300)

    assert again.json() == named.json() == done.json()
    assert status_and_code(other) == (409, "sale_ambiguous")


async def test_return_with_till_of_another_shop_is_refused(shopping, world, first):
    elsewhere = await world.till(shopping.programme.brand_id, key="first")
    await sell(shopping, elsewhere, "117")

    assert status_and_code(await take_back(shopping, shopping.till, "117", till="first")) == (404, "sale_unknown")


async def test_sale_read_by_a_till_is_its_own(shopping, first, second):
    await sell(shopping, first, "117", BASKET)
    await sell(shopping, second, "117")
    receipt = {"fn": "9960440300112233", "fd": "27118", "fp": "3456789012"}

    own = await shopping.ask("GET", "sales/117", till=second)
    named = await shopping.ask("GET", "sales/117?till=first", till=second)
    third = await shopping.ask("GET", "sales/117")
    confirmed = await shopping.ask("PUT", "sales/117/fiscal", receipt)
    by_name = await shopping.ask("PUT", "sales/117/fiscal?till=first", receipt)

    assert [own.json()["amount"], named.json()["amount"]] == [1000, 13334]
    assert [status_and_code(third), status_and_code(confirmed)] == [(409, "sale_ambiguous")] * 2
    assert by_name.status_code == 204


async def test_concurrent_returns_of_one_id_are_separate(shopping, first, second):
    await sell(shopping, first, "117", BASKET)
    await sell(shopping, second, "117")

    answers = await asyncio.gather(
        *(take_back(shopping, first, "117", f"a{n}", 500, till="second") for n in range(4)),
        *(take_back(shopping, second, "117", f"b{n}", 5000, till="first") for n in range(4)),
    )

    assert sorted(answer.status_code for answer in answers) == [200] * 4 + [409] * 4
