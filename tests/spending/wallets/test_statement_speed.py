"""The duration of a statement of ten thousand rows; prints it and checks a bound that only a wrong plan exceeds."""

import time
from statistics import median, quantiles

import pytest
from sqlalchemy import text

from payouts import ledger
from payouts.ledger import Cause, WalletKey
from tests.make import World, bearer
from tests.spending.wallets.earnings import account_id, the_day, wallet

ROWS, TIMES, MOST_SECONDS = 10_000, 12, 2.0
# Each award has its own figures, so that no two explanations are equal.
LIVE = """
    DO $$
    DECLARE w wallets; day date := '{day}'; n int;
    BEGIN
        SELECT * INTO w FROM wallets WHERE id = {wallet};
        FOR n IN 1..{earnings} LOOP
            INSERT INTO accruals (cause, cause_id, account_id, programme_id, version_id, base, gross, amount,
                matures_on, expires_on)
            VALUES (1, 2000000000 + n, {owner}, {book}, {version}, n * 1700, n * 100, n * 100, day, day + n % 300 + 1);
            w := ledger_earn(w, n * 100, 1, 2000000000 + n, day, day, day + n % 300 + 1);
            IF n % 3 = 0 THEN
                w := ledger_hold(w, 50, 8, 2000000000 + n);
                w := ledger_settle(w, 50, 8, 2000000000 + n, 0);
            END IF;
        END LOOP;
    END $$
"""


@pytest.mark.parametrize("proof", ["false", "true"])
async def test_statement_of_ten_thousand_rows_is_quick(world: World, owner, proof: str):
    account = await world.account()
    number, made = await account_id(world, account), await world.programme(currency="RUB")
    await world.campaign(made, rule=world.percent(600))
    async with world.db.begin() as session:
        await ledger.earn(session, WalletKey(number, made.id, the_day()), 1, Cause(4, 1), matures_on=the_day())
    mine = (await wallet(world, number, made)).id
    async with owner.begin() as session:
        version = await session.scalar(text("SELECT max(id) FROM campaign_versions"))
        live = LIVE.format(
            day=the_day(), wallet=mine, owner=number, book=made.id, version=version, earnings=ROWS * 3 // 5
        )
        await session.execute(text(live))
        await session.execute(text("SELECT ledger_seal((SELECT max(id) FROM movements), 50000)"))
        await session.execute(text("ANALYZE movements; ANALYZE accruals"))

    took = []
    for _ in range(TIMES):
        begun = time.perf_counter()
        response = await world.client.get(f"/v1/wallets/{mine}/statement?proof={proof}", headers=bearer(account))
        took.append(time.perf_counter() - begun)
        assert len(response.json()["items"]) >= ROWS
    p95 = quantiles(took, n=20)[-1]
    print(
        f"statement of {ROWS:,} rows, proof {proof}: median {median(took) * 1000:.0f} ms, p95 {p95 * 1000:.0f} ms, "
        f"{len(response.content):,} bytes"
    )

    assert median(took) < MOST_SECONDS
