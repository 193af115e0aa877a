"""Quotes, sales and returns over HTTP, to the kopeck."""

import asyncio

import pytest
from sqlalchemy import text

from backend.programmes.rules.rule import FixedAmount, PercentAmount, Promo
from tests import budgets
from tests.checkout.till_client import BASKET, line
from tests.make import bearer

DUES = text("SELECT kind, amount FROM dues ORDER BY id")


async def test_quote_spreads_discount_over_lines_exactly(shopping):
    code = await shopping.code(await shopping.offer())

    quote = await shopping.quote(code)

    # 5 % of 133.34 is 6.667: half up, and the parts by largest remainder.
    assert (quote["amount"], quote["discount"], quote["total"]) == (13334, 667, 12667)
    assert quote["lines"] == [{"line": 1, "discount": 500}, {"line": 2, "discount": 167}, {"line": 3, "discount": 0}]
    assert [row["code"] for row in quote["applied"]] == [code]
    assert quote["refused"] == []


@pytest.mark.parametrize(
    "written",
    ["\u202d{}\u202c", "\u2066{}\u2069", "{}\ufe0f", "{}.", "«{}»", '"{}",', "\u200b{}\ufeff", "(https://ex.ru/p/{})."],
)
async def test_code_with_pasted_invisible_characters_is_accepted(shopping, written):
    await shopping.code(await shopping.offer(), "ёлка5")

    quotes = [await shopping.quote(written.format(word)) for word in ("ЁЛКА5", "ЕЛКА5", "ЕЛКА\uff15")]

    assert [(quote["discount"], quote["refused"]) for quote in quotes] == [(667, [])] * 3


async def test_sale_pays_bonus_and_records_payable(shopping, world):
    agent = await world.account()
    code = await shopping.code(await shopping.offer(), account=agent)

    sale = await shopping.sell(code)

    assert (sale.status_code, sale.json()["discount"]) == (200, 667)
    (wallet,) = (await world.home(agent))["wallets"]
    assert (wallet["pending"], wallet.get("available", 0)) == (1267, 0)
    assert [(row.kind, row.amount) for row in await world.db.rows(DUES)] == [(1, 667)]


async def test_repeated_sale_with_spent_code_gets_first_response(shopping, world):
    agent = await world.account()
    code = await shopping.code(await shopping.offer(Promo(PercentAmount(500), uses=1)), account=agent)

    first = await shopping.sell(code, key="a")
    again = await shopping.sell(code, key="a")
    changed = await shopping.sell(code, key="a", basket=[line(1, 5)])
    other = await shopping.sell(code, key="b")

    assert (first.status_code, again.json()) == (200, first.json())
    assert (changed.status_code, changed.json()["code"]) == (422, "body_changed")
    assert (other.status_code, other.json()["code"]) == (409, "codes_refused")
    text = "This code has reached its limit of uses."
    assert other.json()["errors"] == [{"field": code, "detail": "spent", "text": text}]
    (wallet,) = (await world.home(agent))["wallets"]
    assert wallet["pending"] == 1267


async def test_sale_with_another_total_is_refused(shopping):
    code = await shopping.code(await shopping.offer())

    refused = await shopping.sell(code, key="a", total=13334)
    sold = await shopping.sell(code, key="a", total=12667)

    assert (refused.status_code, refused.json()["code"]) == (409, "total_changed")
    assert sold.status_code == 200


async def test_returned_line_has_its_discount_and_bonus(shopping, world):
    agent = await world.account()
    code = await shopping.code(await shopping.offer(), account=agent)
    await shopping.sell(code, key="a")

    back = await shopping.take_back("a", (1, 1, 10000), key="r")
    again = await shopping.take_back("a", (1, 1, 10000), key="r")

    assert back.json() == {"amount": 10000, "discount": 500, "refund": 9500}
    assert again.json() == back.json()
    (wallet,) = (await world.home(agent))["wallets"]
    # The part of 1267 by what was paid for the line: 9500 of 12667.
    assert wallet["pending"] == 1267 - 950
    assert [(row.kind, row.amount) for row in await world.db.rows(DUES)] == [(1, 667), (2, 500)]


async def test_many_small_returns_equal_one_large_return(shopping, world):
    agent = await world.account()
    code = await shopping.code(await shopping.offer(), account=agent)
    await shopping.sell(code, key="a")

    answers = [await shopping.take_back("a", (2, 1, 1111)) for _ in range(3)]
    answers += [await shopping.take_back("a", (1, 0.5, 5000)), await shopping.take_back("a", (1, 0.5, 5000), (3, 1, 1))]

    assert [answer.status_code for answer in answers] == [200] * 5
    assert sum(answer.json()["refund"] for answer in answers) == 12667
    (wallet,) = (await world.home(agent))["wallets"]
    assert (wallet.get("pending", 0), wallet.get("available", 0)) == (0, 0)
    owed = await world.db.rows(DUES)
    assert sum(row.amount if row.kind == 1 else -row.amount for row in owed) == 0


@pytest.mark.parametrize(("before", "paid"), [(10_000, 667 + 1267), (None, 0)], ids=["with a budget", "without one"])
async def test_return_refunds_what_the_budget_paid(shopping, world, before, paid):
    offer = await shopping.offer(budget=before)
    code = await shopping.code(offer, account=await world.account())
    await shopping.sell(code, key="a")
    await budgets.change(world, offer, 10_000)
    left = await budgets.left(world, offer)

    back = await shopping.take_back("a", *((row["line"], row["quantity"], row["amount"]) for row in BASKET))

    assert (back.status_code, left) == (200, 10_000 - paid)
    assert await budgets.left(world, offer) == 10_000


async def test_return_of_more_than_sold_is_refused(shopping):
    code = await shopping.code(await shopping.offer())
    await shopping.sell(code, key="a")
    await shopping.take_back("a", (2, 2, 2000))

    too_many = await shopping.take_back("a", (2, 2, 1333))
    too_much = await shopping.take_back("a", (2, 1, 1334))
    no_line = await shopping.take_back("a", (1, 1, 10000), (9, 1, 1))
    no_sale = await shopping.take_back("b", (1, 1, 1))

    assert [answer.status_code for answer in (too_many, too_much, no_line, no_sale)] == [409, 409, 409, 404]
    assert (await shopping.take_back("a", (2, 1, 1333))).json()["refund"] == 1333 - 67


async def test_full_return_gives_use_back_by_rule(shopping):
    for gives_back, status in ((True, 200), (False, 409)):
        promo = Promo(PercentAmount(500), uses=1, uses_per_shop_day=1, gives_use_back=gives_back)
        code = await shopping.code(await shopping.offer(promo))
        await shopping.sell(code, key=f"a{gives_back}")
        await shopping.take_back(f"a{gives_back}", *((row["line"], row["quantity"], row["amount"]) for row in BASKET))

        again = await shopping.sell(code)

        assert again.status_code == status


async def test_codes_of_basket_apply_by_group_and_priority(shopping):
    ten = await shopping.code(await shopping.offer(Promo(PercentAmount(1000), group="season", priority=5)))
    five = await shopping.code(await shopping.offer(Promo(PercentAmount(500), group="season", priority=9)))
    fixed = await shopping.code(await shopping.offer(Promo(FixedAmount(1000), priority=1)))
    exclusive = await shopping.code(await shopping.offer(Promo(PercentAmount(1100), exclusive=True)))

    quote = await shopping.quote(fixed, five, ten, exclusive)

    assert [(row["code"], row["discount"]) for row in quote["applied"]] == [(ten, 1333), (fixed, 1000)]
    assert {row["code"]: row["reason"] for row in quote["refused"]} == {
        five: "better_in_group",
        exclusive: "not_beside_others",
    }
    assert quote["discount"] == 2333 == sum(row["discount"] for row in quote["lines"])


async def test_exclusive_code_with_larger_discount_excludes_others(shopping):
    five = await shopping.code(await shopping.offer())
    exclusive = await shopping.code(await shopping.offer(Promo(PercentAmount(2000), exclusive=True)))

    sale = await shopping.sell(five, exclusive)

    assert [row["code"] for row in sale.json()["applied"]] == [exclusive]
    assert sale.json()["refused"][0]["reason"] == "exclusive_is_better"


async def test_code_over_a_limit_has_its_reason(shopping, world):
    agent = await world.account()
    offers = {
        "below_minimum": Promo(PercentAmount(500), minimum=20000),
        "buyer_needed": Promo(PercentAmount(500), uses_per_buyer=1),
        "no_products": Promo(PercentAmount(500), own_goods=True),
    }
    codes = {reason: await shopping.code(await shopping.offer(promo)) for reason, promo in offers.items()}
    codes["agent_limit"] = await shopping.code(
        await shopping.offer(Promo(PercentAmount(500), uses_per_agent=1)), account=agent
    )
    codes["shop_limit"] = await shopping.code(await shopping.offer(Promo(PercentAmount(500), uses_per_shop_day=1)))
    codes["budget_spent"] = await shopping.code(await shopping.offer(budget=700))
    for reason in ("agent_limit", "shop_limit", "budget_spent"):
        assert (await shopping.sell(codes[reason])).status_code == 200

    reasons = {code: (await shopping.quote(code))["refused"][0]["reason"] for code in codes.values()}
    unknown = (await shopping.quote("НЕТТАКОГО"))["refused"]

    assert reasons == {code: reason for reason, code in codes.items()}
    assert (unknown[0]["reason"], unknown[0]["text"]) == ("unknown", "There is no such code.")


async def test_buyer_limit_counts_by_card(shopping, world):
    code = await shopping.code(await shopping.offer(Promo(PercentAmount(500), uses_per_buyer=1)))

    answers = [await shopping.sell(code, buyer=buyer) for buyer in ("card-1", "card-1", "card-2")]

    assert [answer.status_code for answer in answers] == [200, 409, 200]
    stored = await world.db.rows(text("SELECT key FROM use_counts"))
    assert all("card" not in row.key for row in stored)


async def test_only_products_of_the_rule_are_discounted(shopping, world):
    socket = await world.product(shopping.programme.brand_id, gtin="04600000000015")
    pipe = await world.product(shopping.programme.brand_id)
    basket = [line(1, 1000, gtin="4600000000015"), line(2, 1000, sku=pipe.sku), line(3, 1000)]
    only = await shopping.code(await shopping.offer(products=frozenset({socket.id})))
    others = await shopping.code(await shopping.offer(Promo(PercentAmount(500), excluded=frozenset({socket.id}))))
    own = await shopping.code(await shopping.offer(Promo(PercentAmount(500), own_goods=True)))

    found = {code: (await shopping.quote(code, basket=basket))["lines"] for code in (only, others, own)}

    assert [[row["discount"] for row in lines] for lines in found.values()] == [[50, 0, 0], [0, 50, 50], [50, 50, 0]]


async def test_code_at_shop_without_link_is_refused(shopping, world):
    code = await shopping.code(await shopping.offer())
    elsewhere = await world.till((await world.brand()).id)

    answer = await shopping.ask("POST", "quotes", {"codes": [code], "basket": BASKET}, till=elsewhere)

    assert answer.json()["refused"][0]["reason"] == "not_here"


async def test_own_card_of_agent_withholds_bonus(shopping, world):
    agent = await world.account()
    code = await shopping.code(await shopping.offer(), account=agent)

    sale = await shopping.sell(code, buyer=agent.card_number)

    assert sale.json()["discount"] == 667
    assert (await world.home(agent))["wallets"] == []
    (signal,) = await world.db.rows(text("SELECT rule, shadow FROM fraud_signals"))
    assert (signal.rule, signal.shadow) == ("own_code", False)


async def test_receipt_confirms_one_sale(shopping):
    code = await shopping.code(await shopping.offer())
    fiscal = {"fn": "9960440300112233", "fd": "27118", "fp": "3456789012"}
    await shopping.sell(code, key="a")
    await shopping.sell(code, key="b")

    answers = [await shopping.ask("PUT", f"sales/{key}/fiscal", fiscal) for key in ("a", "a", "b", "c")]

    sold = [await shopping.sell(code, key=key, fiscal=fiscal | {"fd": fd}) for key, fd in (("d", "27118"), ("d", "9"))]

    assert [answer.status_code for answer in answers] == [204, 204, 409, 404]
    # A sale with the receipt of another sale is refused.
    assert [answer.status_code for answer in sold] == [409, 200]


async def test_receipt_numbers_of_another_shop_are_accepted(shopping, world):
    fiscal = {"fn": "9960440300112233", "fd": "27118", "fp": "3456789012"}
    hostile = await world.till(shopping.programme.brand_id)
    beside = await world.till(shop=shopping.shop)
    body = {"codes": [], "basket": BASKET, "fiscal": fiscal}

    claimed = await shopping.ask("PUT", "sales/next", body, till=hostile)
    honest = await shopping.sell(fiscal=fiscal)
    again = await shopping.ask("PUT", "sales/again", body, till=beside)

    assert [claimed.status_code, honest.status_code] == [200, 200]
    assert (again.status_code, again.json()["code"]) == (409, "receipt_taken")


async def test_sale_with_largest_sums_is_accepted(shopping):
    code = await shopping.code(await shopping.offer(bonus=FixedAmount(5)))
    basket = [line(number, 10**12) for number in (1, 2)]

    quote = await shopping.quote(code, basket=basket)

    assert (quote["amount"], quote["discount"]) == (2 * 10**12, 10**11)
    assert (await shopping.sell(code, basket=basket)).status_code == 200


async def test_request_with_duplicates_or_nothing_is_refused(shopping):
    code = await shopping.code(await shopping.offer())
    await shopping.sell(code, key="a")

    twice = await shopping.sell(code, basket=[line(1, 5), line(1, 6)])
    back_twice = await shopping.take_back("a", (1, 1, 5), (1, 1, 6))
    nothing = await shopping.take_back("a", (1, 0, 0))

    assert [(answer.status_code, answer.json()["code"]) for answer in (twice, back_twice, nothing)] == [
        (422, "line_twice"),
        (422, "line_twice"),
        (422, "nothing_returned"),
    ]


async def test_page_token_quotes_but_does_not_sell(shopping, world):
    code = await shopping.code(await shopping.offer())
    pages = await world.till(shop=shopping.shop, kind="web", origins=["https://shop.example"])
    await shopping.sell(code, key="a")
    body, back = {"codes": [code], "basket": BASKET}, {"lines": [{"line": 1, "quantity": 1, "amount": 1}]}

    quote = await shopping.ask("POST", "quotes", body, till=pages)
    responses = [
        await shopping.ask("PUT", "sales/b", body, till=pages),
        await shopping.ask("PUT", "sales/a/returns/r", back, till=pages),
    ]

    assert quote.status_code == 200
    assert [(response.status_code, response.json()["code"]) for response in responses] == [(403, "token_in_pages")] * 2


async def test_page_token_cannot_read_or_confirm_sales(shopping, world):
    page = await world.till(shop=shopping.shop, kind="web", origins=["https://shop.example"])
    await shopping.sell(key="one")
    fiscal = {"fn": "9960440300112233", "fd": "27118", "fp": "3456789012"}

    responses = [
        await shopping.ask("PUT", "sales/one/fiscal", fiscal, till=page),
        await shopping.ask("GET", "sales/one", till=page),
        await shopping.ask("GET", "offers", till=page),
    ]

    assert [(response.status_code, response.json()["code"]) for response in responses] == [(403, "token_in_pages")] * 3
    assert (await shopping.ask("PUT", "sales/one/fiscal", fiscal)).status_code == 204


@pytest.mark.parametrize("name", ["fn", "fd", "fp"])
async def test_fiscal_number_with_trailing_newline_is_refused(shopping, name):
    fiscal = {"fn": "9960440300112233", "fd": "27118", "fp": "3456789012"}

    sale = await shopping.sell(key="one", fiscal=fiscal | {name: fiscal[name] + "\n"})

    assert (sale.status_code, sale.json()["code"]) == (400, "validation_failed")


async def test_id_with_trailing_newline_is_refused(shopping):
    sale = await shopping.sell(key="x" * 64 + "%0A")

    assert sale.status_code == 400


async def test_rest_of_budget_after_discount_is_bonus(shopping, world):
    agent, offer = await world.account(), await shopping.offer(Promo(PercentAmount(1000)), budget=12_000)
    code = await shopping.code(offer, account=agent)
    basket = [line(1, 100_000)]

    sold = await shopping.sell(code, basket=basket)
    next_one = await shopping.quote(code, basket=basket)

    assert sold.json()["discount"] == 10_000
    (wallet,) = (await world.home(agent))["wallets"]
    assert wallet["pending"] == 2_000
    assert await budgets.left(world, offer) == 0
    (refused,) = next_one["refused"]
    text = "What is left of the offer's budget is not enough for this basket."
    assert (refused["reason"], refused["text"]) == ("budget_spent", text)


async def test_bonus_cut_by_budget_has_reason(shopping, world):
    agent, offer = await world.account(), await shopping.offer(Promo(PercentAmount(1000)), budget=12_000)
    await shopping.sell(await shopping.code(offer, account=agent), basket=[line(1, 100_000)])
    (wallet,) = (await world.home(agent))["wallets"]

    page = await world.client.get(f"/v1/wallets/{wallet['id']}/movements", headers=bearer(agent))

    (row,) = page.json()["items"]
    assert "the offer's budget left RUB20.00" in row["explanation"]["text"]
    assert row["explanation"]["cap"] == "budget"


async def test_concurrent_sales_share_the_budget_exactly(shopping, world):
    agent, offer = await world.account(), await shopping.offer(Promo(PercentAmount(1000)), budget=45_000)
    code = await shopping.code(offer, account=agent)

    answers = await asyncio.gather(*(shopping.sell(code, basket=[line(1, 100_000)]) for _ in range(8)))

    sold = [answer for answer in answers if answer.status_code == 200]
    (wallet,) = (await world.home(agent))["wallets"]
    assert wallet["pending"] + 10_000 * len(sold) + await budgets.left(world, offer) == 45_000
    assert await budgets.left(world, offer) < 10_000
