"""Quotes, sales and returns over HTTP, to the kopeck."""

import pytest
from sqlalchemy import text

from backend.programmes.rules import Fixed, Percent, Promo
from tests import budgets
from tests.checkout.shopping import BASKET, line

DUES = text("SELECT kind, amount FROM dues ORDER BY id")


async def test_a_quote_takes_the_offer_off_every_line_to_the_kopeck(shopping):
    code = await shopping.code(await shopping.offer())

    quote = await shopping.quote(code)

    # 5 % of 133.34 is 6.667: half up, and the parts by largest remainder.
    assert (quote["amount"], quote["discount"], quote["total"]) == (13334, 667, 12667)
    assert quote["lines"] == [{"line": 1, "discount": 500}, {"line": 2, "discount": 167}, {"line": 3, "discount": 0}]
    assert [row["code"] for row in quote["applied"]] == [code]
    assert quote["refused"] == []


async def test_a_sale_brings_the_agent_his_bonus_and_the_shop_its_due(shopping, world):
    agent = await world.account()
    code = await shopping.code(await shopping.offer(), account=agent)

    sale = await shopping.sell(code)

    assert (sale.status_code, sale.json()["discount"]) == (200, 667)
    (wallet,) = (await world.home(agent))["wallets"]
    assert (wallet["pending"], wallet.get("available", 0)) == (1267, 0)
    assert [(row.kind, row.amount) for row in await world.db.rows(DUES)] == [(1, 667)]


async def test_the_same_sale_again_gets_the_first_answer_even_when_the_code_is_spent(shopping, world):
    agent = await world.account()
    code = await shopping.code(await shopping.offer(Promo(Percent(500), uses=1)), account=agent)

    first = await shopping.sell(code, key="a")
    again = await shopping.sell(code, key="a")
    changed = await shopping.sell(code, key="a", basket=[line(1, 5)])
    other = await shopping.sell(code, key="b")

    assert (first.status_code, again.json()) == (200, first.json())
    assert (changed.status_code, changed.json()["code"]) == (422, "body_changed")
    assert (other.status_code, other.json()["code"]) == (409, "codes_refused")
    assert other.json()["errors"] == [{"field": code, "detail": "spent"}]
    (wallet,) = (await world.home(agent))["wallets"]
    assert wallet["pending"] == 1267


async def test_a_sale_for_another_total_than_the_buyer_was_told_is_refused(shopping):
    code = await shopping.code(await shopping.offer())

    refused = await shopping.sell(code, key="a", total=13334)
    sold = await shopping.sell(code, key="a", total=12667)

    assert (refused.status_code, refused.json()["code"]) == (409, "total_changed")
    assert sold.status_code == 200


async def test_one_of_three_lines_comes_back_with_its_part_of_discount_and_bonus(shopping, world):
    agent = await world.account()
    code = await shopping.code(await shopping.offer(), account=agent)
    await shopping.sell(code, key="a")

    back = await shopping.take_back("a", (1, 1, 10000), key="r")
    again = await shopping.take_back("a", (1, 1, 10000), key="r")

    assert back.json() == {"amount": 10000, "discount": 500, "refund": 9500}
    assert again.json() == back.json()
    (wallet,) = (await world.home(agent))["wallets"]
    # Of 1267 the part of 10000 / 13334, rounded down: 950.
    assert wallet["pending"] == 1267 - 950
    assert [(row.kind, row.amount) for row in await world.db.rows(DUES)] == [(1, 667), (2, 500)]


async def test_many_small_returns_come_to_what_one_large_one_does(shopping, world):
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
async def test_a_return_gives_a_budget_back_what_came_out_of_it(shopping, world, before, paid):
    offer = await shopping.offer(budget=before)
    code = await shopping.code(offer, account=await world.account())
    await shopping.sell(code, key="a")
    await budgets.change(world, offer, 10_000)
    left = await budgets.left(world, offer)

    back = await shopping.take_back("a", *((row["line"], row["quantity"], row["amount"]) for row in BASKET))

    assert (back.status_code, left) == (200, 10_000 - paid)
    assert await budgets.left(world, offer) == 10_000


async def test_never_more_comes_back_than_was_sold(shopping):
    code = await shopping.code(await shopping.offer())
    await shopping.sell(code, key="a")
    await shopping.take_back("a", (2, 2, 2000))

    too_many = await shopping.take_back("a", (2, 2, 1333))
    too_much = await shopping.take_back("a", (2, 1, 1334))
    no_line = await shopping.take_back("a", (1, 1, 10000), (9, 1, 1))
    no_sale = await shopping.take_back("b", (1, 1, 1))

    assert [answer.status_code for answer in (too_many, too_much, no_line, no_sale)] == [409, 409, 409, 404]
    assert (await shopping.take_back("a", (2, 1, 1333))).json()["refund"] == 1333 - 67


async def test_a_full_return_gives_the_use_back_where_the_rule_says_so(shopping):
    for gives_back, status in ((True, 200), (False, 409)):
        promo = Promo(Percent(500), uses=1, uses_per_shop_day=1, gives_use_back=gives_back)
        code = await shopping.code(await shopping.offer(promo))
        await shopping.sell(code, key=f"a{gives_back}")
        await shopping.take_back(f"a{gives_back}", *((row["line"], row["quantity"], row["amount"]) for row in BASKET))

        again = await shopping.sell(code)

        assert again.status_code == status


async def test_codes_of_a_basket_are_chosen_and_used_in_order(shopping):
    ten = await shopping.code(await shopping.offer(Promo(Percent(1000), group="season", priority=5)))
    five = await shopping.code(await shopping.offer(Promo(Percent(500), group="season", priority=9)))
    fixed = await shopping.code(await shopping.offer(Promo(Fixed(1000), priority=1)))
    alone = await shopping.code(await shopping.offer(Promo(Percent(1100), exclusive=True)))

    quote = await shopping.quote(fixed, five, ten, alone)

    assert [(row["code"], row["discount"]) for row in quote["applied"]] == [(ten, 1333), (fixed, 1000)]
    assert {row["code"]: row["reason"] for row in quote["refused"]} == {
        five: "better_in_group",
        alone: "not_beside_others",
    }
    assert quote["discount"] == 2333 == sum(row["discount"] for row in quote["lines"])


async def test_an_exclusive_code_that_takes_more_off_goes_alone(shopping):
    five = await shopping.code(await shopping.offer())
    alone = await shopping.code(await shopping.offer(Promo(Percent(2000), exclusive=True)))

    sale = await shopping.sell(five, alone)

    assert [row["code"] for row in sale.json()["applied"]] == [alone]
    assert sale.json()["refused"][0]["reason"] == "exclusive_is_better"


async def test_each_limit_says_which_it_is(shopping, world):
    agent = await world.account()
    offers = {
        "below_minimum": Promo(Percent(500), minimum=20000),
        "buyer_needed": Promo(Percent(500), uses_per_buyer=1),
        "no_products": Promo(Percent(500), own_goods=True),
    }
    codes = {reason: await shopping.code(await shopping.offer(promo)) for reason, promo in offers.items()}
    codes["agent_limit"] = await shopping.code(
        await shopping.offer(Promo(Percent(500), uses_per_agent=1)), account=agent
    )
    codes["shop_limit"] = await shopping.code(await shopping.offer(Promo(Percent(500), uses_per_shop_day=1)))
    codes["budget_spent"] = await shopping.code(await shopping.offer(budget=700))
    for reason in ("agent_limit", "shop_limit", "budget_spent"):
        assert (await shopping.sell(codes[reason])).status_code == 200

    reasons = {code: (await shopping.quote(code))["refused"][0]["reason"] for code in codes.values()}
    unknown = (await shopping.quote("НЕТТАКОГО"))["refused"]

    assert reasons == {code: reason for reason, code in codes.items()}
    assert (unknown[0]["reason"], unknown[0]["text"]) == ("unknown", "There is no such code.")


async def test_a_buyer_is_known_by_his_card_and_counted(shopping, world):
    code = await shopping.code(await shopping.offer(Promo(Percent(500), uses_per_buyer=1)))

    answers = [await shopping.sell(code, buyer=buyer) for buyer in ("card-1", "card-1", "card-2")]

    assert [answer.status_code for answer in answers] == [200, 409, 200]
    stored = await world.db.rows(text("SELECT key FROM use_counts"))
    assert all("card" not in row.key for row in stored)


async def test_only_products_that_count_are_discounted(shopping, world):
    socket = await world.product(shopping.programme.brand_id, gtin="04600000000015")
    pipe = await world.product(shopping.programme.brand_id)
    basket = [line(1, 1000, gtin="4600000000015"), line(2, 1000, sku=pipe.sku), line(3, 1000)]
    only = await shopping.code(await shopping.offer(products=frozenset({socket.id})))
    others = await shopping.code(await shopping.offer(Promo(Percent(500), excluded=frozenset({socket.id}))))
    own = await shopping.code(await shopping.offer(Promo(Percent(500), own_goods=True)))

    found = {code: (await shopping.quote(code, basket=basket))["lines"] for code in (only, others, own)}

    assert [[row["discount"] for row in lines] for lines in found.values()] == [[50, 0, 0], [0, 50, 50], [50, 50, 0]]


async def test_a_shop_that_does_not_serve_the_brand_gives_nothing(shopping, world):
    code = await shopping.code(await shopping.offer())
    elsewhere = await world.till((await world.brand()).id)

    answer = await shopping.ask("POST", "quotes", {"codes": [code], "basket": BASKET}, till=elsewhere)

    assert answer.json()["refused"][0]["reason"] == "not_here"


async def test_an_agent_who_shows_his_own_card_gets_no_bonus(shopping, world):
    agent = await world.account()
    code = await shopping.code(await shopping.offer(), account=agent)

    sale = await shopping.sell(code, buyer=agent.card_number)

    assert sale.json()["discount"] == 667
    assert (await world.home(agent))["wallets"] == []
    (signal,) = await world.db.rows(text("SELECT rule, shadow FROM fraud_signals"))
    assert (signal.rule, signal.shadow) == ("own_code", False)


async def test_a_receipt_confirms_one_sale(shopping):
    code = await shopping.code(await shopping.offer())
    fiscal = {"fn": "9960440300112233", "fd": "27118", "fp": "3456789012"}
    await shopping.sell(code, key="a")
    await shopping.sell(code, key="b")

    answers = [await shopping.ask("PUT", f"sales/{key}/fiscal", fiscal) for key in ("a", "a", "b", "c")]

    sold = [await shopping.sell(code, key=key, fiscal=fiscal | {"fd": fd}) for key, fd in (("d", "27118"), ("d", "9"))]

    assert [answer.status_code for answer in answers] == [204, 204, 409, 404]
    # A sale that names another sale's receipt does not happen.
    assert [answer.status_code for answer in sold] == [409, 200]


async def test_a_shop_that_names_anothers_receipt_does_not_take_it(shopping, world):
    fiscal = {"fn": "9960440300112233", "fd": "27118", "fp": "3456789012"}
    hostile = await world.till(shopping.programme.brand_id)
    beside = await world.till(shop=shopping.shop)
    body = {"codes": [], "basket": BASKET, "fiscal": fiscal}

    claimed = await shopping.ask("PUT", "sales/next", body, till=hostile)
    honest = await shopping.sell(fiscal=fiscal)
    again = await shopping.ask("PUT", "sales/again", body, till=beside)

    assert [claimed.status_code, honest.status_code] == [200, 200]
    assert (again.status_code, again.json()["code"]) == (409, "receipt_taken")


async def test_sums_may_be_as_large_as_their_lines_make_them(shopping):
    code = await shopping.code(await shopping.offer(bonus=Fixed(5)))
    basket = [line(number, 10**12) for number in (1, 2)]

    quote = await shopping.quote(code, basket=basket)

    assert (quote["amount"], quote["discount"]) == (2 * 10**12, 10**11)
    assert (await shopping.sell(code, basket=basket)).status_code == 200


async def test_what_stands_twice_or_says_nothing_is_refused(shopping):
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


async def test_a_token_that_stands_in_pages_quotes_and_sells_nothing(shopping, world):
    code = await shopping.code(await shopping.offer())
    pages = await world.till(shop=shopping.shop, kind="web", origins=["https://shop.example"])
    await shopping.sell(code, key="a")
    body, back = {"codes": [code], "basket": BASKET}, {"lines": [{"line": 1, "quantity": 1, "amount": 1}]}

    quote = await shopping.ask("POST", "quotes", body, till=pages)
    deeds = [
        await shopping.ask("PUT", "sales/b", body, till=pages),
        await shopping.ask("PUT", "sales/a/returns/r", back, till=pages),
    ]

    assert quote.status_code == 200
    assert [(deed.status_code, deed.json()["code"]) for deed in deeds] == [(403, "token_in_pages")] * 2


async def test_what_only_the_shop_may_see_or_confirm_is_not_for_who_reads_a_pages_token(shopping, world):
    page = await world.till(shop=shopping.shop, kind="web", origins=["https://shop.example"])
    await shopping.sell(key="one")
    fiscal = {"fn": "9960440300112233", "fd": "27118", "fp": "3456789012"}

    deeds = [
        await shopping.ask("PUT", "sales/one/fiscal", fiscal, till=page),
        await shopping.ask("GET", "sales/one", till=page),
        await shopping.ask("GET", "offers", till=page),
    ]

    assert [(deed.status_code, deed.json()["code"]) for deed in deeds] == [(403, "token_in_pages")] * 3
    assert (await shopping.ask("PUT", "sales/one/fiscal", fiscal)).status_code == 204


@pytest.mark.parametrize("name", ["fn", "fd", "fp"])
async def test_a_number_with_an_end_of_line_behind_it_is_refused(shopping, name):
    fiscal = {"fn": "9960440300112233", "fd": "27118", "fp": "3456789012"}

    sale = await shopping.sell(key="one", fiscal=fiscal | {name: fiscal[name] + "\n"})

    assert (sale.status_code, sale.json()["code"]) == (400, "validation_failed")


async def test_an_id_with_an_end_of_line_behind_it_is_refused(shopping):
    sale = await shopping.sell(key="x" * 64 + "%0A")

    assert sale.status_code == 400
