"""Partial returns in any order: the clawed back bonus is the share of the paid amounts that came back."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from backend.programmes.rules.rule import FixedAmount, PercentAmount, Promo
from tests.checkout.sales.return_model import Code, SoldBasket, orders, some_basket, steps, total
from tests.checkout.till_client import line
from tests.make import bearer

OWED = text("SELECT coalesce(sum(CASE kind WHEN 1 THEN amount ELSE -amount END), 0)::bigint AS owed FROM dues")
FIXED = FixedAmount(1000)

amounts = st.integers(1, 10**9)
some_codes = st.builds(
    Code, off=st.integers(1, 10_000), bonus=st.integers(1, 10_000), lines=st.frozensets(st.integers(1, 3), min_size=1)
)


@settings(max_examples=2000, database=None, deadline=None)
@given(
    basket=st.tuples(amounts, amounts, amounts),
    codes=st.lists(some_codes, min_size=1, max_size=4),
    cuts=st.tuples(*[st.integers(0, 100)] * 3),
)
def test_returns_in_any_order_have_same_sum(basket, codes, cuts):
    sold = SoldBasket(dict(enumerate(basket, 1)), codes)
    parts = [(line, amount * cut // 100) for (line, amount), cut in zip(sold.amounts.items(), cuts, strict=True)]
    parts += [(line, sold.amounts[line] - amount) for line, amount in parts]

    for number in sold.off:
        for order in orders(parts)[::90]:
            clawed_back = [sold.clawed_back(number, back) for back in steps(order)]
            assert clawed_back == sorted(clawed_back)
            assert clawed_back[-1] == sold.bonus[number]
            for back, so_far in zip(steps(order), clawed_back, strict=True):
                assert abs(so_far - exact_share(sold, number, back)) <= 4
    refunds = [sold.refund(back) for back in steps(tuple(parts))]
    assert refunds == sorted(refunds)
    assert refunds[-1] == sum(sold.paid.values())


def exact_share(sold: SoldBasket, number: int, back: dict[int, int]) -> Fraction:
    """The bonus of what was paid for what came back, without any rounding."""
    base = sold.base(number)
    paid = sum(Fraction(sold.paid[line] * back.get(line, 0), sold.amounts[line]) for line in sold.off[number])
    return sold.bonus[number] * paid / base if base else Fraction(0)


@pytest.mark.parametrize("seed", range(10))
async def test_returns_over_http_agree_with_model(shopping, world, seed):
    sold, parts = some_basket(seed)
    skus = {number: (await world.product(shopping.programme.brand_id)) for number in sold.amounts}
    agents = [await world.account() for _ in sold.codes]
    codes = []
    for code, agent in zip(sold.codes, agents, strict=True):
        offer = await shopping.offer(
            Promo(PercentAmount(code.off)),
            PercentAmount(code.bonus),
            products=frozenset(skus[one].id for one in code.lines),
        )
        codes.append(await shopping.code(offer, account=agent))
    basket = [line(number, amount, sku=skus[number].sku) for number, amount in sold.amounts.items()]
    await shopping.sell(*codes, key="a", basket=basket)
    order = orders(parts)[seed * 7 % len(orders(parts))]

    answers = [(await shopping.take_back("a", (number, 0, amount))).json() for number, amount in order]

    for answer, before, after in zip(answers, steps(order), steps(order)[1:], strict=False):
        assert answer["refund"] == sold.refund(after) - sold.refund(before)
    left = [await pending(world, agent) for agent in agents]
    back = total(parts)
    assert left == [
        sold.bonus.get(n, 0) - (sold.clawed_back(n, back) if n in sold.bonus else 0) for n in range(len(codes))
    ]
    assert (await world.db.call(OWED)).owed == sold.owed(back)


@pytest.mark.parametrize("dear_first", [True, False])
async def test_return_claws_back_bonus_of_paid_lines(shopping, world, dear_first):
    agent, other = await world.account(), await world.account()
    socket = await world.product(shopping.programme.brand_id)
    everything = await shopping.code(await shopping.offer(), account=agent)
    ninety = await shopping.offer(Promo(PercentAmount(9000), priority=10), products=frozenset({socket.id}))
    codes = [everything, await shopping.code(ninety, account=other)]
    await shopping.sell(*codes, key="a", basket=[line(1, 100_000, sku=socket.sku), line(2, 100_000)])

    await shopping.take_back("a", (2 if dear_first else 1, 1, 100_000))

    # 95 and 950 roubles were paid for the two lines, and a tenth of each is the bonus.
    assert await pending(world, agent) == (950 if dear_first else 9500)


async def test_return_of_free_basket_splits_fixed_bonus(shopping, world):
    agent = await world.account()
    offer = await shopping.offer(Promo(PercentAmount(10_000)), PercentAmount(1000))
    free = await shopping.code(offer)
    fixed = await shopping.code(await shopping.offer(Promo(PercentAmount(100), priority=5), bonus=FIXED), account=agent)
    await shopping.sell(free, fixed, key="a", basket=[line(1, 30_000), line(2, 10_000)])

    await shopping.take_back("a", (1, 1, 30_000))

    assert await pending(world, agent) == 250


@pytest.mark.parametrize(("quantity", "status"), [(0.0001, 422), (0.0009, 422), (0.001, 200), (0, 200)])
async def test_returned_quantity_that_is_nothing_is_refused(shopping, quantity, status):
    code = await shopping.code(await shopping.offer())
    await shopping.sell(code, key="a")

    answer = await shopping.take_back("a", (1, quantity, 100))

    assert answer.status_code == status, answer.text
    assert status == 200 or answer.json()["code"] == "quantity_invalid"


@pytest.mark.parametrize(("quantity", "status"), [(0.0001, 400), (0.0004, 400), (0.001, 200), (0.3333333, 200)])
@pytest.mark.parametrize("method_path", ["POST quotes", "PUT sales/a", "PUT reservations/a"])
async def test_sold_quantity_that_is_nothing_is_refused(shopping, method_path, quantity, status):
    code = await shopping.code(await shopping.offer())
    method, path = method_path.split()

    answer = await shopping.ask(method, path, {"codes": [code], "basket": [line(1, 100, quantity)]})

    assert answer.status_code == status, answer.text


async def test_returned_bonus_that_expired_is_not_clawed_back(shopping, world):
    agent = await world.account()
    short = await shopping.code(await shopping.offer(hold_days=0, lifetime_days=1, budget=10_000), account=agent)
    long = await shopping.code(await shopping.offer(hold_days=0), account=agent)
    await shopping.sell(short, key="a", basket=[line(1, 10_000)])
    await shopping.sell(long, key="b", basket=[line(1, 10_000)])
    await let_expire(world)

    await shopping.take_back("a", (1, 1, 10_000))

    (wallet,) = (await world.home(agent))["wallets"]
    assert wallet["available"] == 950
    (_, redemption) = (await world.client.get("/v1/redemptions", headers=bearer(agent))).json()["items"]
    assert redemption["returned"] == {"base": 9500, "bonus": 950, "expired": 950}
    assert redemption["explanation"].endswith("RUB9.50 of it had expired and was not taken.")


async def test_clawback_after_return_names_the_return(shopping, world):
    agent = await world.account()
    await shopping.sell(await shopping.code(await shopping.offer(), account=agent), key="a", basket=[line(1, 10_000)])

    await shopping.take_back("a", (1, 1, 10_000))

    newest = (await world.home(agent))["last"][0]
    assert newest["text"] == "Taken back: goods that were bought with your code were returned."


async def test_redemption_after_return_explains_remaining_bonus(shopping, world):
    agent = await world.account()
    code = await shopping.code(await shopping.offer(), account=agent)
    await shopping.sell(code, key="a", basket=[line(1, 10_000, 4)])

    await shopping.take_back("a", (1, 1, 2500))

    answer = await world.client.get("/v1/redemptions", headers=bearer(agent) | {"Accept-Language": "ru"})
    (redemption,) = answer.json()["items"]
    assert redemption["left"] == {"base": 7125, "bonus": 712}
    assert redemption["explanation"] == (
        "Из оплаченных клиентом 95,00\xa0₽ вернули 23,75\xa0₽. "
        "Из вашего бонуса 9,50\xa0₽ списано 2,38\xa0₽, осталось 7,12\xa0₽."
    )


async def let_expire(world) -> None:
    """What lives a day has lived it: its lot is as old as two days."""
    await world.db.rows(
        text(
            "UPDATE lots SET expires_on = matures_on - 1, matures_on = matures_on - 2 WHERE expires_on = matures_on + 1"
        )
    )
    await world.db.rows(text("UPDATE wallets SET due_on = current_date - 1"))


async def pending(world, agent) -> int:
    """What waits in the agent's wallet; of one that has none, nothing."""
    return sum(wallet.get("pending", 0) for wallet in (await world.home(agent))["wallets"])
