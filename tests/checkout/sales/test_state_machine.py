"""A state machine of a till's operations against a small model, to the kopeck.

`make test` runs ten thousand steps; `make fuzz`, which sets the profile, a million.
"""

import asyncio
import os
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from psycopg import Rollback
from sqlalchemy import text

from backend.checkout.sales import quote_request, reservations, returns, service
from backend.checkout.sales.quote_request import CheckoutContext, CodesRefused
from backend.checkout.sales.returns import MoreThanSold
from backend.checkout.schemas import BasketLine, QuoteIn, ReservationIn, ReturnIn, ReturnLine, SaleIn
from backend.core.http.errors import BodyChanged
from backend.programmes.rules.rule import FixedAmount, PercentAmount, Promo
from backend.programmes.rules.rule_cache import RuleCache
from backend.shops.authentication import TillIdentity
from tests.checkout.sales.model import RULES, Model, Sold
from tests.checkout.till_client import shopping_at
from tests.one_connection import OneConnection

GOAL = 1_000_000 if os.environ.get("HYPOTHESIS_PROFILE") == "nightly" else 10_000
RUN = settings(
    max_examples=50,
    stateful_step_count=50,
    database=None,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)
STATE = text("""
    SELECT (SELECT coalesce(sum(CASE kind WHEN 1 THEN amount ELSE -amount END), 0)::bigint FROM dues) AS owed,
        (SELECT coalesce(sum(pending + available), 0)::bigint FROM wallets WHERE owner_id = :first) AS first,
        (SELECT coalesce(sum(pending + available), 0)::bigint FROM wallets WHERE owner_id = :second) AS second,
        (SELECT jsonb_object_agg(shown, used) FROM promo_codes) AS used,
        (SELECT coalesce(max(used), 0)::bigint FROM use_counts WHERE scope = 'shop') AS day
""")
MATURE = text("SELECT ledger_catch_up(ARRAY[:book], current_date + 20, 100, 1000)")
LAPSE = text("UPDATE reservations SET expires_at = now() - interval '1 s' WHERE state = 'open' AND key = :key")

amounts = st.lists(st.sampled_from([0, 1, 2, 99, 333, 1000, 1999, 12345]), min_size=1, max_size=4)
codes = st.lists(st.sampled_from(["AAA", "BBB", "CCC"]), unique=True, max_size=3)
quarters = st.lists(st.sampled_from([0, 1, 2, 3, 4, 4, 5]), min_size=4, max_size=4)
picks = st.integers(0, 30)


class Machine(RuleBasedStateMachine):
    """A till with three codes; each history is undone at its end."""

    runner: asyncio.Runner
    checkout: CheckoutContext
    till: TillIdentity
    people: dict[str, int]
    book: int
    steps = 0

    def __init__(self) -> None:
        super().__init__()
        self.model, self.last = Model(), 0
        self.bodies: dict[str, SaleIn] = {}
        self.do(self.checkout.db.start())

    def do(self, operation: Any) -> Any:
        return self.runner.run(operation)

    def tried(self, operation: Any) -> tuple[Any, dict[str, str]]:
        """What an operation returned, or the codes that it refused."""
        try:
            return self.do(operation), {}
        except CodesRefused as refusal:
            return None, {code: reason for code, reason, _ in refusal.errors}

    def key(self) -> str:
        self.last += 1
        return f"k{self.last}"

    def basket(self, numbers: list[int]) -> list[BasketLine]:
        return [BasketLine(place + 1, "x", 2, amount) for place, amount in enumerate(numbers)]

    @rule(numbers=amounts, shown=codes)
    def quote(self, numbers: list[int], shown: list[str]) -> None:
        body = QuoteIn(shown, self.basket(numbers))
        refused = self.model.refused(numbers, shown)
        expected = Sold(numbers, [], [code for code in sorted(shown) if code not in refused])

        found = self.do(
            service.create_quote(self.checkout, quote_request.build_request(self.checkout, self.till, body))
        ).response()

        assert found["discount"] == expected.discount
        assert [row["discount"] for row in found["lines"]] == [
            sum(parts) for parts in zip(*expected.off.values(), strict=True)
        ] or not expected.off
        assert refused.items() <= {row["code"]: row["reason"] for row in found["refused"]}.items()

    @rule(numbers=amounts, shown=codes, pick=picks, crash=st.booleans())
    def sell(self, numbers: list[int], shown: list[str], pick: int, crash: bool) -> None:
        mine = self.reservation(pick) if pick % 3 == 0 else None
        key, body = self.key(), SaleIn(shown, self.basket(numbers), reservation=mine)
        refused = self.model.refused(numbers, shown, mine)
        if crash:
            self.do(self.crashed(service.sell(self.checkout, self.till, key, body)))
        answer, bad = self.tried(service.sell(self.checkout, self.till, key, body))
        assert bad == refused
        if bad:
            return
        self.model.sales[key] = sale = Sold(numbers, [2] * len(numbers), sorted(shown))
        if mine:
            self.model.reserved.pop(mine)
        self.bodies[key] = body
        assert answer["discount"] == sale.discount == sum(row["discount"] for row in answer["lines"])

    async def crashed(self, operation: Any) -> None:
        """The process ends before the operation commits."""
        try:
            async with self.checkout.db.connection.transaction():
                await operation
                raise Rollback
        except CodesRefused:
            return

    @precondition(lambda self: self.bodies)
    @rule(pick=picks)
    def sell_again(self, pick: int) -> None:
        key = list(self.bodies)[pick % len(self.bodies)]

        answer = self.do(service.sell(self.checkout, self.till, key, self.bodies[key]))

        assert answer["discount"] == self.model.sales[key].discount
        with pytest.raises(BodyChanged):
            self.do(service.sell(self.checkout, self.till, key, SaleIn([], self.basket([7]))))

    @precondition(lambda self: self.model.sales)
    @rule(
        pick=picks, shares=st.lists(st.sampled_from([0, 1, 2, 3, 4, 4, 5]), min_size=4, max_size=4), again=st.booleans()
    )
    def take_back(self, pick: int, shares: list[int], again: bool) -> None:
        key = list(self.model.sales)[pick % len(self.model.sales)]
        sale = self.model.sales[key]
        lines = []
        for place, amount in enumerate(sale.amounts):
            left = amount - sale.back[place]
            part = left + 1 if shares[place] > 4 else left * shares[place] // 4
            if part:
                lines.append(ReturnLine(place + 1, 0, part))
        if not lines:
            return
        too_much = any(line.amount > sale.amounts[line.line - 1] - sale.back[line.line - 1] for line in lines)
        number = self.key()
        send_return = lambda: self.do(  # noqa: E731
            returns.return_lines(self.checkout.db, self.till, key, number, ReturnIn(lines))
        )
        if too_much:
            with pytest.raises(MoreThanSold):
                send_return()
            return
        before = sale.discount_back()
        answer = send_return()
        for line in lines:
            sale.back[line.line - 1] += line.amount
        sale.given_back = sale.given_back or sale.back == sale.amounts
        assert answer["discount"] == sale.discount_back() - before
        assert answer["refund"] == sum(line.amount for line in lines) - answer["discount"]
        assert not again or send_return() == answer

    @rule(numbers=amounts, shown=codes)
    def reserve(self, numbers: list[int], shown: list[str]) -> None:
        key, body = self.key(), ReservationIn(shown, self.basket(numbers))
        refused = self.model.refused(numbers, shown)
        row, bad = self.tried(reservations.reserve_codes(self.checkout, self.till, key, body))
        assert bad == refused
        if bad:
            return
        assert row.state == "open"
        self.model.reserved[key] = list(Sold(numbers, [], sorted(shown)).off)

    def reservation(self, pick: int) -> str | None:
        return list(self.model.reserved)[pick % len(self.model.reserved)] if self.model.reserved else None

    @precondition(lambda self: self.model.reserved)
    @rule(pick=picks, lapses=st.booleans())
    def end_reservation(self, pick: int, lapses: bool) -> None:
        key = self.reservation(pick)
        if lapses:
            self.do(self.checkout.db.rows(LAPSE, key=key))
            self.do(self.checkout.db.rows(quote_request.LAPSE, most=100))
        else:
            self.do(reservations.release_reservation(self.checkout.db, self.checkout.settings, self.till, key))
        self.model.reserved.pop(key)

    @rule()
    def days_pass(self) -> None:
        self.do(self.checkout.db.rows(MATURE, book=self.book))

    @invariant()
    def both_have_the_same(self) -> None:
        Machine.steps += 1
        row = self.do(self.checkout.db.call(STATE, first=self.people["AAA"], second=self.people["BBB"]))
        assert row.owed == self.model.owed()
        assert (row.first, row.second) == (self.model.earned("AAA"), self.model.earned("BBB"))
        assert row.used == {code: self.model.used(code) for code in RULES}
        assert row.day == self.model.used("BBB")

    def teardown(self) -> None:
        self.do(self.checkout.db.rollback())


@pytest.fixture
async def ground(world, settings):
    """The shop, the three codes, and their owners."""
    shop = await shopping_at(world)
    people = {code: await world.account() for code in ("AAA", "BBB")}
    offers = {
        "AAA": (Promo(PercentAmount(500), uses=4, priority=5), PercentAmount(1000)),
        "BBB": (Promo(FixedAmount(700), minimum=1000, uses_per_shop_day=3, priority=1), FixedAmount(50)),
        "CCC": (Promo(PercentAmount(10_000)), FixedAmount(5)),
    }
    for code, (promo, bonus) in offers.items():
        await shop.code(await shop.offer(promo, bonus), code, account=people.get(code))
    numbers = {code: await shop.account_id(account) for code, account in people.items()}
    (till,) = await world.db.rows(text("SELECT id, shop_id, token_digest FROM tills"))
    at = TillIdentity(till.token_digest.hex(), till.id, till.shop_id, "till", None, False, "Europe/Moscow")
    return shop, numbers, at


def test_checkout_agrees_with_model(ground, settings, database_url):
    shop, numbers, at = ground

    class Connected(Machine):
        pass

    with asyncio.Runner() as runner:
        db = runner.run(OneConnection.open(database_url))
        Connected.runner, Connected.till, Connected.people, Connected.book = runner, at, numbers, shop.programme.id
        Connected.checkout = CheckoutContext.of(db, settings, RuleCache(db))
        try:
            while Machine.steps < GOAL:
                run_state_machine_as_test(Connected, settings=RUN)
        finally:
            runner.run(db.close())
