"""A machine that earns, orders, decides and lets days pass, beside a small model: every kopeck and code agrees.

`make test` goes four thousand steps; `make fuzz`, which sets the profile, a hundred thousand. Limits of the law
are off.
"""

import os
import uuid
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from psycopg.rows import namedtuple_row
from sqlalchemy import make_url, text

from payouts.checks import DIRECT_CHECKS, ROW_CHECKS, SUM_CHECK
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
DECIDE = "SELECT orders_decide(%s, %s, %s, %s, '', %s, %s, NULL, NULL, %s) AS outcome"
END = "SELECT orders_end(%s, %s, %s, %s, 'generic', NULL, NULL, %s) AS ended"
FREEZE = "UPDATE accounts SET spending_held_until = CASE WHEN %s THEN now() + interval '1 day' END WHERE id = %s"
STATE = """
    SELECT w.pending, w.available, w.held, (SELECT count(*) FROM stock_codes WHERE order_id IS NULL) AS codes,
        (SELECT stock FROM offers WHERE id = %s) AS units,
        (SELECT coalesce(jsonb_object_agg(id, jsonb_build_array(state, reason)), '{}') FROM orders) AS orders,
        (SELECT count(*) FROM certificates) AS certificates,
        (SELECT coalesce(sum(amount), 0)::bigint FROM yearly_sums) AS counted
    FROM (SELECT) AS one LEFT JOIN wallets w ON w.owner_id = %s
"""
# Each done order settled once and has one secret of its own; each refused one gave back what it took, and has none.
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
    decision: tuple[str, bytes] | None = None


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

    connection: psycopg.Connection[Any]
    ground: Any
    steps = 0

    def __init__(self) -> None:
        super().__init__()
        self.model, self.today, self.last = Model(), TODAY, 0

    def ask(self, call: str, *values: Any) -> Any:
        return self.connection.execute(call, values).fetchone()

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
        self.connection.execute(FREEZE, [freeze, self.ground.account])

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
    @rule(pick=picks, action=st.sampled_from(["done", "turn_down"]), note=st.sampled_from([b"one", b"two"]))
    def decide(self, pick: int, action: str, note: bytes) -> None:
        order = self.model.of("person")[-1 - pick % len(self.model.of("person"))]
        placed = self.model.orders[order]
        digest = action.encode() + note

        row = self.ask(DECIDE, self.ground.brand, self.ground.staff, order, action, digest, None, self.today)

        if placed.decision:
            assert row.outcome == ("same" if placed.decision == (action, digest) else "decided")
            return
        assert row.outcome == "taken"
        placed.decision = (action, digest)
        self.model.end(order, action == "done", None if action == "done" else "turned_down", self.today)

    @precondition(lambda self: self.model.of("supplier"))
    @rule(pick=picks, sold=st.booleans())
    def supplier_answers(self, pick: int, sold: bool) -> None:
        order = self.model.of("supplier")[-1 - pick % len(self.model.of("supplier"))]
        waits = self.model.orders[order].state == "held"
        reason, secret = (None, b"secret") if sold else ("supplier_refused", None)

        row = self.ask(END, order, sold, reason, secret, self.today)

        assert row.ended == waits
        if waits:
            self.model.end(order, sold, reason, self.today)

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
                assert self.connection.execute(check).fetchall() == []
            assert self.connection.execute(SUM_CHECK).fetchone() == (True, True, True)
        finally:
            self.connection.rollback()


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


@pytest.fixture
def connection(database_url: str):
    plain = make_url(database_url).set(drivername="postgresql").render_as_string(hide_password=False)
    options = "-c role=scanback_app -c jit=off"
    with psycopg.connect(plain, options=options, prepare_threshold=1, row_factory=namedtuple_row) as connection:
        yield connection
        connection.rollback()


def test_orders_behave_like_the_model(ground: Ground, connection):
    class Connected(Machine):
        pass

    Connected.connection, Connected.ground = connection, ground
    while Machine.steps < GOAL:
        run_state_machine_as_test(Connected, settings=RUN)
