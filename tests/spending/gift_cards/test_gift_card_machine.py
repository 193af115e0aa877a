"""A state machine that uses and returns parts of gift cards and compares each amount with a small model.

`make test` runs three thousand steps; `make fuzz`, which sets the profile, a hundred thousand.
"""

import asyncio
import os
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import text

from backend.checkout.checks import PAYABLES
from backend.core.http.errors import BodyChanged, DomainError
from backend.core.settings import Settings
from backend.shops.authentication import TillIdentity
from backend.spending.gift_cards import service as gift_cards
from backend.spending.gift_cards.checks import GIFT_CARDS
from backend.spending.gift_cards.schemas import GiftCardRedemptionIn, GiftCardReturnIn
from backend.spending.gift_cards.service import BalanceTooLow, DiscountNotReturnable, GiftCardEnded, ReturnTooLarge
from tests.one_connection import OneConnection
from tests.spending.gift_card_till import make_gift_card_till

GOAL = 100_000 if os.environ.get("HYPOTHESIS_PROFILE") == "nightly" else 3_000
RUN = settings(
    max_examples=50,
    stateful_step_count=50,
    database=None,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)
NOW = datetime.now(UTC)
STATE = text("""
    SELECT (SELECT jsonb_agg(balance ORDER BY id) FROM certificates) AS balances,
        (SELECT coalesce(sum(CASE kind WHEN 1 THEN amount ELSE -amount END), 0)::bigint FROM dues) AS owed
""")
CLOSE = text("UPDATE certificates SET closed_at = now() WHERE id = (SELECT min(id) + :place FROM certificates)")
picks = st.integers(0, 30)
amounts = st.sampled_from([1, 2, 99, 250, 333, 500, 999, 1000, 1001])


class Card:
    """An expected gift card."""

    def __init__(self, code: str, nominal: int, *, single: bool) -> None:
        self.code, self.balance, self.single, self.closed = code, nominal, single, False

    def stop(self, amount: int) -> type[DomainError] | None:
        if self.closed or (self.single and not self.balance):
            return GiftCardEnded
        return BalanceTooLow if amount > self.balance else None


class Part:
    """A use, its response, and its returned amount."""

    def __init__(self, card: Card, till: int, amount: int) -> None:
        self.card, self.till, self.amount, self.back = card, till, amount, 0


class Machine(RuleBasedStateMachine):
    """Two tills of a shop, two gift cards and a discount; each history is rolled back."""

    runner: asyncio.Runner
    db: Any
    settings: Settings
    tills: list[TillIdentity]
    codes: list[str]
    steps = 0

    def __init__(self) -> None:
        super().__init__()
        self.cards = [Card(code, 1000, single=place == 2) for place, code in enumerate(self.codes)]
        self.parts: dict[str, Part] = {}
        # Each operation with its arguments and its response.
        self.done: list[tuple[Any, tuple[Any, ...], Any]] = []
        self.last = 0
        # Later transactions are savepoints of this one.
        self.runner.run(self.db.start())

    def key(self) -> str:
        self.last += 1
        return f"k{self.last}"

    def take(self, till: int, key: str, card: Card, amount: int) -> Any:
        body = GiftCardRedemptionIn(card.code, amount)
        return self.runner.run(gift_cards.use_gift_card(self.db, self.settings, self.tills[till], key, body, NOW))

    def give_back(self, till: int, use: str, key: str, amount: int) -> Any:
        body = GiftCardReturnIn(amount)
        return self.runner.run(gift_cards.return_use(self.db, self.tills[till], use, key, body))

    @rule(till=st.integers(0, 1), pick=picks, amount=amounts)
    def take_a_part(self, till: int, pick: int, amount: int) -> None:
        card, key = self.cards[pick % 3], self.key()
        stop = card.stop(amount)
        if stop:
            with pytest.raises(stop):
                self.take(till, key, card, amount)
            return

        answer = self.take(till, key, card, amount)

        card.balance = 0 if card.single else card.balance - amount
        self.parts[key] = Part(card, till, amount)
        self.done.append((self.take, (till, key, card, amount), answer))
        assert answer == (amount, card.balance)

    @precondition(lambda self: self.parts)
    @rule(till=st.integers(0, 1), pick=picks, amount=amounts)
    def give_a_part_back(self, till: int, pick: int, amount: int) -> None:
        use = list(self.parts)[pick % len(self.parts)]
        part, key = self.parts[use], self.key()
        stop = (
            DiscountNotReturnable if part.card.single else ReturnTooLarge if part.back + amount > part.amount else None
        )
        if stop:
            with pytest.raises(stop):
                self.give_back(till, use, key, amount)
            return

        answer = self.give_back(till, use, key, amount)

        part.back += amount
        part.card.balance += amount
        self.done.append((self.give_back, (till, use, key, amount), answer))
        assert answer == (amount, part.card.balance)

    @precondition(lambda self: self.done)
    @rule(pick=picks)
    def repeat(self, pick: int) -> None:
        operation, arguments, answer = self.done[pick % len(self.done)]

        assert operation(*arguments) == answer
        with pytest.raises(BodyChanged):
            operation(*arguments[:-1], arguments[-1] + 1)

    @rule(pick=st.integers(0, 60))
    def close_one(self, pick: int) -> None:
        if pick < 3:
            self.cards[pick].closed = True
            self.runner.run(self.db.rows(CLOSE, place=pick))

    @invariant()
    def both_have_the_same(self) -> None:
        Machine.steps += 1
        row = self.runner.run(self.db.call(STATE))
        assert row.balances == [card.balance for card in self.cards]
        assert row.owed == sum(part.amount - part.back for part in self.parts.values())

    def teardown(self) -> None:
        faults = [self.runner.run(self.db.rows(text(check))) for check in (GIFT_CARDS, PAYABLES)]
        self.runner.run(self.db.rollback())
        assert faults == [[], []]


@pytest.fixture
async def initial_state(world):
    """Codes of two gift cards and a discount, and two tills of a shop that accepts them."""
    shop = await make_gift_card_till(world)
    await world.till(shop=shop.shop)
    codes = [await shop.certificate(1000, single=place == 2) for place in range(3)]
    rows = await world.db.rows(text("SELECT id, shop_id FROM tills ORDER BY id"))
    return codes, [TillIdentity("", row.id, row.shop_id, "till", None, False, "Europe/Moscow") for row in rows]


def test_gift_cards_behave_like_the_model(initial_state, settings, database_url):
    codes, tills = initial_state

    class Connected(Machine):
        pass

    with asyncio.Runner() as runner:
        db = runner.run(OneConnection.open(database_url))
        Connected.runner, Connected.db, Connected.settings = runner, db, settings
        Connected.tills, Connected.codes = tills, codes
        try:
            while Machine.steps < GOAL:
                run_state_machine_as_test(Connected, settings=RUN)
        finally:
            runner.run(db.close())
