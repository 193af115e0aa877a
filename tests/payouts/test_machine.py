"""A state machine that runs random operations over many days on the ledger and on a small model of it.

`make test` runs twelve thousand steps; `make fuzz`, which sets the profile, a million.
"""

import os
from datetime import timedelta

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import make_url

from payouts.checks import DIRECT_CHECKS, ROW_CHECKS, SUM_CHECK
from tests.payouts.conftest import TODAY
from tests.payouts.ledger_model import Refused, Wallet

GOAL = 1_000_000 if os.environ.get("HYPOTHESIS_PROFILE") == "nightly" else 12_000
OPEN = "ledger_open(1, 7, %s)"  # one owner, one ledger
MANY = f"""(
    SELECT x.* FROM {OPEN} AS w, (SELECT %s::bigint[]) AS y (amounts), LATERAL ledger_earn_many(ARRAY[w],
        array_fill(w.id, ARRAY[cardinality(amounts)]), amounts, %s::smallint[], %s::bigint[], %s, %s, %s) AS x
    ) AS earned"""  # noqa: S608 - our own
NEVER = TODAY.replace(year=9999, month=12, day=31)
LOTS = """
    SELECT matures_on, expires_on, pending, sum(remaining)::bigint FROM lots WHERE remaining > 0
    GROUP BY matures_on, expires_on, pending ORDER BY 1, 2"""

RUN = settings(
    max_examples=100,
    stateful_step_count=50,
    database=None,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)

amounts = st.integers(1, 120)
numbers = st.integers(0, 30)
earnings = st.tuples(
    amounts, st.sampled_from([0, 0, 3]), st.sampled_from([2, 30, None])
)  # amount, days pending, days available
# A share of an amount in quarters; the last one exceeds the amount.
shares = st.sampled_from([1, 2, 3, 4, 4, 4, 5])


def share(amount: int, quarters: int) -> int:
    return amount + 1 if quarters > 4 else max(1, amount * quarters // 4)


class Machine(RuleBasedStateMachine):
    """One wallet in one transaction that is rolled back at the end."""

    connection: psycopg.Connection
    steps = 0

    def __init__(self) -> None:
        super().__init__()
        self.model, self.today, self.last, self.row = Wallet(), TODAY, 0, None

    def do(self, in_model, call: str, *values) -> None:
        """Run one operation on both sides: both do it, or both refuse it."""
        refused = self.model_refuses(in_model)
        self.connection.execute("SAVEPOINT step")
        state = ""
        try:
            self.row = self.query(call.replace("(w,", f"({OPEN},"), *values)
        except psycopg.DatabaseError as error:
            state = error.sqlstate
            self.connection.execute("ROLLBACK TO step")
            self.row = self.query(OPEN)
        assert state.startswith("SB") if refused else state == ""

    def model_refuses(self, in_model) -> bool:
        try:
            in_model()
        except Refused:
            return True
        return False

    def query(self, call: str, *values) -> tuple:
        select = f"SELECT pending, available, held FROM {call}"  # noqa: S608 - our own
        return self.connection.execute(select, [self.today, *values]).fetchone()

    def next_id(self) -> int:
        self.last += 1
        return self.last

    @rule(days=st.sampled_from([1, 1, 2, 5, 20, 400]))
    def pass_days(self, days: int) -> None:
        self.today += timedelta(days=days)

    @rule(most=st.sampled_from([0, 1]))
    def run_worker(self, most: int) -> None:
        if most:
            self.model.open(self.today)
        advanced = self.connection.execute("SELECT ledger_catch_up('{7}', %s, %s, 1000)", [self.today, most]).fetchone()
        assert advanced[0] <= most

    @rule(amount=amounts, waits=st.sampled_from([0, 0, 0, 1, 3, 14]), lives=st.sampled_from([1, 2, 7, 30, None]))
    def earn(self, amount: int, waits: int, lives: int | None) -> None:
        matures_on = self.today + timedelta(days=waits)
        expires_on = NEVER if lives is None else matures_on + timedelta(days=lives)
        key = self.next_id()
        self.do(
            lambda: self.model.earn(key, amount, self.today, matures_on, expires_on),
            "ledger_earn(w, %s, 1, %s, %s, %s, %s)",
            amount,
            key,
            self.today,
            matures_on,
            expires_on,
        )

    @rule(queue=st.lists(earnings, min_size=1, max_size=5))
    def earn_many(self, queue: list[tuple[int, int, int | None]]) -> None:
        keys = [self.next_id() for _ in queue]
        matures = [self.today + timedelta(days=waits) for _, waits, _ in queue]
        expires = [
            NEVER if lives is None else day + timedelta(days=lives)
            for day, (_, _, lives) in zip(matures, queue, strict=True)
        ]

        def in_model() -> None:
            for key, (amount, _, _), matures_on, expires_on in zip(keys, queue, matures, expires, strict=True):
                self.model.earn(key, amount, self.today, matures_on, expires_on)

        self.do(
            in_model,
            MANY,
            [amount for amount, _, _ in queue],
            [1] * len(queue),
            keys,
            [self.today] * len(queue),
            matures,
            expires,
        )

    @precondition(lambda self: self.model.lots)
    @rule(quarters=shares)
    def hold(self, quarters: int) -> None:
        key, amount = self.next_id(), share(max(0, self.model.available), quarters)
        self.do(lambda: self.model.hold(key, amount, self.today), "ledger_hold(w, %s, 2, %s)", amount, key)

    @precondition(lambda self: self.model.held)
    @rule(number=numbers, quarters=shares)
    def settle(self, number: int, quarters: int) -> None:
        key, amount = self.open_hold(number, quarters)
        self.do(
            lambda: self.model.settle(key, amount, self.today),
            "ledger_settle(w, %s, 2, %s, %s)",
            amount,
            key,
            self.next_id(),
        )

    @precondition(lambda self: self.model.held)
    @rule(number=numbers, quarters=shares)
    def release(self, number: int, quarters: int) -> None:
        key, amount = self.open_hold(number, quarters)
        self.do(
            lambda: self.model.release(key, amount, self.today),
            "ledger_release(w, %s, 2, %s, %s)",
            amount,
            key,
            self.next_id(),
        )

    @precondition(lambda self: self.model.earned)
    @rule(number=numbers, quarters=shares)
    def claw_back(self, number: int, quarters: int) -> None:
        key = list(self.model.earned)[-1 - number % len(self.model.earned)]
        amount = share(self.model.earned[key][1], quarters)
        self.do(
            lambda: self.model.claw_back(key, amount, self.today),
            "ledger_claw_back(w, 1, %s, %s, 3, %s)",
            key,
            amount,
            self.next_id(),
        )

    @precondition(lambda self: self.model.debt)
    @rule(quarters=shares)
    def write_off(self, quarters: int) -> None:
        amount = share(self.model.debt, quarters)
        self.do(
            lambda: self.model.write_off(amount, self.today), "ledger_write_off(w, %s, 4, %s)", amount, self.next_id()
        )

    def open_hold(self, number: int, quarters: int) -> tuple[int, int]:
        open_holds = [key for key, hold in self.model.holds.items() if hold.left]
        key = open_holds[-1 - number % len(open_holds)]
        return key, share(self.model.holds[key].left, quarters)

    @invariant()
    def balances_agree(self) -> None:
        Machine.steps += 1
        if self.row:
            assert self.row == (self.model.pending, self.model.available, self.model.held)
            self.row = None

    def teardown(self) -> None:
        try:
            found = self.connection.execute(LOTS).fetchall()
            expected = {}
            for lot in self.model.lots:
                if lot.left:
                    key = (lot.matures_on, lot.expires_on, lot.pending)
                    expected[key] = expected.get(key, 0) + lot.left
            assert {row[:3]: row[3] for row in found} == expected
            assert self.connection.execute(SUM_CHECK).fetchone() == (True, True, True)
            for check in (*ROW_CHECKS.values(), *DIRECT_CHECKS):
                assert self.connection.execute(check).fetchall() == []
        finally:
            self.connection.rollback()


@pytest.fixture
def connection(database_url: str):
    plain = make_url(database_url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, options="-c role=scanback_app -c jit=off", prepare_threshold=1) as connection:
        yield connection
        connection.rollback()


def test_ledger_behaves_like_its_model(connection: psycopg.Connection):
    class Connected(Machine):
        pass

    Connected.connection = connection
    while Machine.steps < GOAL:
        run_state_machine_as_test(Connected, settings=RUN)
