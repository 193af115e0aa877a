"""A state machine that earns, orders, decides and advances days, and compares amounts and codes with a small model.

`make test` runs four thousand steps; `make fuzz`, which sets the profile, a hundred thousand. Legal limits
are off.
"""

import asyncio
import os
import uuid
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import text

from backend.core.settings import Settings
from backend.identity.brands.authentication import Member
from backend.spending.orders import decisions, transitions
from backend.spending.orders.decision_schemas import OrderDecisionIn
from backend.spending.orders.decisions import OrderAlreadyDecided
from backend.spending.orders.transitions import OrderEnd
from payouts.checks import DIRECT_CHECKS, ROW_CHECKS, SUM_CHECK
from tests.one_connection import OneConnection
from tests.payouts.conftest import TODAY
from tests.payouts.ledger_model import Wallet
from tests.spending.scenario import spending_scenario

GOAL = 100_000 if os.environ.get("HYPOTHESIS_PROFILE") == "nightly" else 4_000
RUN = settings(
    max_examples=50,
    stateful_step_count=50,
    database=None,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)
KINDS = ("stock", "own", "person", "supplier", "instant")
CODES, UNITS, NOMINAL = 3, 2, 1000
NEVER = date(9999, 12, 31)
PLACE = """
    SELECT (placed).id, changed
    FROM orders_place(%s, %s, %s, %s, %s, %s, %s, %s, 2026, NULL, NULL, '', NULL, %s, %s, NULL)
"""
FREEZE = "UPDATE accounts SET spending_held_until = CASE WHEN %s THEN now() + interval '1 day' END WHERE id = %s"
STATE = """
    SELECT w.pending, w.available, w.held, (SELECT count(*) FROM stock_codes WHERE order_id IS NULL) AS codes,
        (SELECT stock FROM offers WHERE id = %s) AS units,
        (SELECT coalesce(jsonb_object_agg(id, jsonb_build_array(state, reason)), '{}') FROM orders) AS orders,
        (SELECT count(*) FROM certificates) AS certificates,
        (SELECT coalesce(sum(amount), 0)::bigint FROM yearly_sums) AS counted
    FROM (SELECT) AS one LEFT JOIN wallets w ON w.owner_id = %s
"""
# Each done order was settled once and has one secret; each refused one returned its points and has none.
ENDS = """
    SELECT o.id FROM orders o JOIN offers f ON f.id = o.offer_id
    LEFT JOIN LATERAL (SELECT coalesce(string_agg(kind::text, '' ORDER BY kind), '') AS kinds FROM movements
        WHERE cause = 8 AND cause_id = o.id) m ON true
    WHERE m.kinds <> CASE WHEN o.state = 'done' THEN '34' WHEN o.state = 'held' THEN '3'
            WHEN o.reason IN ('poor', 'sold_out', 'spending_held') THEN '' ELSE '35' END
        OR (o.secret IS NOT NULL) <> (o.state = 'done' AND f.fulfilment IN ('stock', 'own', 'supplier'))
        OR f.fulfilment = 'stock' AND (o.state = 'done') <> EXISTS (
            SELECT FROM stock_codes c WHERE c.order_id = o.id AND c.sealed = o.secret)
"""

picks = st.integers(0, 30)
shares = st.sampled_from([1, 1, 2, 4, 4, 5])


@dataclass
class Placed:
    """An expected order, and the response when it was placed."""

    kind: str
    values: tuple[Any, ...]
    price: int
    state: str
    reason: str | None = None
    decision: OrderDecisionIn | None = None


@dataclass
class Model:
    """A wallet, the stock of goods, and the orders by number."""

    wallet: Wallet = field(default_factory=Wallet)
    codes: int = CODES
    units: int = UNITS
    frozen: bool = False
    orders: dict[int, Placed] = field(default_factory=dict)

    def place(self, order: int, placed: Placed, today: date) -> None:
        self.wallet.open(today)
        self.orders[order] = placed
        placed.reason = self.why_not(placed)
        if placed.reason:
            placed.state = "refused"
            return
        self.wallet.hold(order, placed.price, today)
        self.codes -= placed.kind == "stock"
        self.units -= placed.kind == "person"
        if placed.kind in ("stock", "own", "instant"):
            self.end(order, True, None, today)

    def why_not(self, placed: Placed) -> str | None:
        if self.frozen:
            return "spending_held"
        if self.wallet.available < placed.price:
            return "poor"
        left = {"stock": self.codes, "person": self.units}.get(placed.kind, 1)
        return None if left else "sold_out"

    def end(self, order: int, done: bool, reason: str | None, today: date) -> None:
        placed = self.orders[order]
        (self.wallet.settle if done else self.wallet.release)(order, placed.price, today)
        self.units += placed.kind == "person" and not done
        placed.state, placed.reason = "done" if done else "refused", reason

    def of(self, *kinds: str) -> list[int]:
        return [order for order, placed in self.orders.items() if placed.kind in kinds and placed.reason not in EARLY]


EARLY = ("spending_held", "poor", "sold_out")  # such an order never waited


class Machine(RuleBasedStateMachine):
    """An agent and an offer of each kind; each history is rolled back."""

    runner: asyncio.Runner
    db: OneConnection
    settings: Settings
    ground: Any
    steps = 0

    def __init__(self) -> None:
        super().__init__()
        self.model, self.today, self.last = Model(), TODAY, 0
        self.runner.run(self.db.start())

    def ask(self, call: str, *values: Any) -> Any:
        return self.runner.run(self.fetch(call, values))[0]

    async def fetch(self, call: str, values: tuple[Any, ...] = ()) -> list[Any]:
        cursor = await self.db.connection.execute(call, values)
        return await cursor.fetchall() if cursor.description else [None]

    def next_id(self) -> int:
        self.last += 1
        return self.last

    @rule(days=st.sampled_from([1, 1, 3, 20, 400]))
    def sleep(self, days: int) -> None:
        self.today += timedelta(days=days)

    @rule()
    def worker_comes(self) -> None:
        self.model.wallet.open(self.today)
        self.ask("SELECT ledger_catch_up(ARRAY[%s::bigint], %s, 10, 1000)", self.ground.programme, self.today)

    @rule(freeze=st.sampled_from([True, False, False]))
    def spending_is_held(self, freeze: bool) -> None:
        self.model.frozen = freeze
        self.ask(FREEZE, freeze, self.ground.account)

    @rule(amount=st.integers(1, 120), waits=st.sampled_from([0, 0, 0, 1, 14]), lives=st.sampled_from([1, 7, 30, None]))
    def earn(self, amount: int, waits: int, lives: int | None) -> None:
        matures_on = self.today + timedelta(days=waits)
        expires_on = NEVER if lives is None else matures_on + timedelta(days=lives)
        key = self.next_id()
        self.model.wallet.earn(key, amount, self.today, matures_on, expires_on)
        self.ask(
            "SELECT ledger_earn(ledger_open(%s, %s, %s), %s, 1, %s, %s, %s, %s)",
            self.ground.account,
            self.ground.programme,
            self.today,
            amount,
            key,
            self.today,
            matures_on,
            expires_on,
        )

    @precondition(lambda self: self.model.wallet.earned)
    @rule(kind=st.sampled_from(KINDS), quarters=shares)
    def place(self, kind: str, quarters: int) -> None:
        there = max(0, self.model.wallet.available)
        price = there + 1 if quarters > 4 else max(1, there * quarters // 4)
        key, secret = uuid.uuid4(), b"secret" if kind == "own" else None
        code = key.bytes if kind == "own" else None
        values = (
            self.ground.account,
            self.ground.device,
            key,
            b"body",
            self.ground.offers[kind],
            NOMINAL,
            price,
            self.today,
            secret,
            code,
        )

        row = self.ask(PLACE, *values)

        self.model.place(row.id, Placed(kind, values, price, "held"), self.today)
        assert not row.changed

    @precondition(lambda self: self.model.orders)
    @rule(pick=picks, changed=st.booleans())
    def place_again(self, pick: int, changed: bool) -> None:
        order = list(self.model.orders)[pick % len(self.model.orders)]
        account, device, key, _, *rest = self.model.orders[order].values

        row = self.ask(PLACE, account, device, key, b"other" if changed else b"body", *rest)

        assert row == (order, changed)

    @precondition(lambda self: self.model.of("person"))
    @rule(pick=picks, action=st.sampled_from(["done", "turn_down"]), last_day=st.sampled_from([None, NEVER]))
    def decide(self, pick: int, action: str, last_day: date | None) -> None:
        order = self.model.of("person")[-1 - pick % len(self.model.of("person"))]
        placed = self.model.orders[order]
        decision = OrderDecisionIn(action, valid_until=last_day)

        if placed.decision:
            if placed.decision == decision:
                self.runner.run(self.decided(order, decision))
                return
            with pytest.raises(OrderAlreadyDecided):
                self.runner.run(self.decided(order, decision))
            return
        self.runner.run(self.decided(order, decision))
        placed.decision = decision
        self.model.end(order, action == "done", None if action == "done" else "turned_down", self.today)

    async def decided(self, order: int, decision: OrderDecisionIn) -> None:
        member = Member(self.ground.brand, self.ground.staff, "owner", 1)
        now = datetime.combine(self.today, time(12), UTC)
        async with self.db.begin() as session:
            await decisions.decide_order(session, self.settings, member, order, decision, now)

    @precondition(lambda self: self.model.of("supplier"))
    @rule(pick=picks, sold=st.booleans())
    def supplier_answers(self, pick: int, sold: bool) -> None:
        order = self.model.of("supplier")[-1 - pick % len(self.model.of("supplier"))]
        waits = self.model.orders[order].state == "held"
        reason, secret = (None, b"secret") if sold else ("supplier_refused", None)

        ended = self.runner.run(self.ended(order, OrderEnd(sold, reason, secret, "generic")))

        assert ended == waits
        if waits:
            self.model.end(order, sold, reason, self.today)

    async def ended(self, order_id: int, end: OrderEnd) -> bool:
        async with self.db.begin() as session:
            order = await transitions.lock_order(session, order_id)
            return await transitions.end_order(session, order, end, self.today)

    @precondition(lambda self: any(amount for _, amount in self.model.wallet.earned.values()))
    @rule(pick=picks, quarters=st.sampled_from([1, 2, 4]))
    def claw_back(self, pick: int, quarters: int) -> None:
        left = [key for key, (_, amount) in self.model.wallet.earned.items() if amount]
        key = left[-1 - pick % len(left)]
        amount = max(1, self.model.wallet.earned[key][1] * quarters // 4)
        self.model.wallet.claw_back(key, amount, self.today)
        self.ask(
            "SELECT ledger_claw_back(ledger_open(%s, %s, %s), 1, %s, %s, 3, %s)",
            self.ground.account,
            self.ground.programme,
            self.today,
            key,
            amount,
            self.next_id(),
        )

    @invariant()
    def both_have_the_same(self) -> None:
        Machine.steps += 1
        model = self.model
        row = self.ask(STATE, self.ground.offers["person"], self.ground.account)
        if row.pending is not None:
            assert (row.pending, row.available, row.held) == (
                model.wallet.pending,
                model.wallet.available,
                model.wallet.held,
            )
        assert (row.codes, row.units) == (model.codes, model.units)
        assert row.orders == {str(order): [placed.state, placed.reason] for order, placed in model.orders.items()}
        assert row.certificates == sum(p.kind == "own" and p.state == "done" for p in model.orders.values())
        assert row.counted == NOMINAL * sum(p.state != "refused" for p in model.orders.values())

    def teardown(self) -> None:
        try:
            for check in (ENDS, *ROW_CHECKS.values(), *DIRECT_CHECKS):
                assert self.runner.run(self.fetch(check)) == []
            assert self.ask(SUM_CHECK) == (True, True, True)
        finally:
            self.runner.run(self.db.rollback())


@dataclass
class Ground:
    """The state before a history begins."""

    account: int
    device: int
    brand: int
    programme: int
    staff: int
    offers: dict[str, int]


@pytest.fixture
async def ground(world) -> Ground:
    shop = await spending_scenario(world)
    await shop.agent(0)
    kinds = {"person": "goods", "instant": "charity"}
    offers = {
        kind: await shop.offer(
            kind, nominal=NOMINAL, kind=kinds.get(kind, "certificate"), stock=UNITS if kind == "person" else None
        )
        for kind in KINDS
    }
    await shop.stock(offers["stock"], CODES)
    staff = await world.staff(await world.brand_by_id(shop.programme.brand_id))
    device = await world.db.call(text("SELECT id, account_id FROM devices"))
    return Ground(
        device.account_id,
        device.id,
        shop.programme.brand_id,
        shop.programme.id,
        staff.id,
        {kind: offer.id for kind, offer in offers.items()},
    )


def test_orders_behave_like_the_model(ground: Ground, settings, database_url):
    class Connected(Machine):
        pass

    with asyncio.Runner() as runner:
        db = runner.run(OneConnection.open(database_url))
        Connected.runner, Connected.db, Connected.ground, Connected.settings = runner, db, ground, settings
        try:
            while Machine.steps < GOAL:
                run_state_machine_as_test(Connected, settings=RUN)
        finally:
            runner.run(db.close())
