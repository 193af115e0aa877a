"""Spending: orders over HTTP against their minimum under pgbench; a million expiring lots; a statement."""

import asyncio
import os
import random
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec
from psycopg import AsyncConnection
from sqlalchemy import make_url, text

from backend.core.security import gift_card_codes
from backend.operations import scheduled_jobs
from backend.spending.models import Reward, StockCode
from bench import claims, client
from bench.claims import CLIENT_CORE, CLIENTS, SERVER_CORE, pin_database
from bench.client import Load
from bench.stage import Stage, run_server

WARM, ROUNDS = 400, 3
NOMINAL, EARNED = 1000, 10**9
FAR = 10**9  # cause numbers for pgbench, far from those of orders
# The expiry of a night: each wallet has some lots that end on different days.
LOTS_EACH, FIRST_OWNER = 4, 10**9
CLAIM_EVERY_SECONDS = 0.005
ROWS, STATEMENTS = 10_000, 40

EARN = text("""
    SELECT count(ledger_earn(ledger_open(a, :programme, :today), :amount, 1, :far + a, :today, :today, '9999-12-31'))
    FROM unnest(CAST(:accounts AS bigint[])) AS a
""")
# The minimum of an order in one round trip: the wallet's lock, the hold, a free code, the settlement.
SPEND = f"""
    CREATE FUNCTION bench_spend(p_account bigint, p_book bigint, p_offer bigint, p_cause bigint) RETURNS bigint
    LANGUAGE plpgsql AS $$
    DECLARE w wallets; taken bigint;
    BEGIN
        w := ledger_open(p_account, p_book, current_date);
        w := ledger_hold(w, {NOMINAL}, 8, p_cause);
        UPDATE stock_codes SET order_id = p_cause WHERE id = (
            SELECT s.id FROM stock_codes s WHERE s.offer_id = p_offer AND s.nominal = {NOMINAL} AND s.order_id IS NULL
            ORDER BY s.id FOR UPDATE SKIP LOCKED LIMIT 1)
        RETURNING id INTO STRICT taken;
        w := ledger_settle(w, {NOMINAL}, 8, p_cause, 0);
        RETURN taken;
    END $$
"""
UNTIE = "ALTER TABLE stock_codes DROP CONSTRAINT fk_stock_codes_order_id"
FILL = """
    INSERT INTO wallets (owner_id, book_id, available, seq, due_on)
        SELECT {first} + k, {book}, {each} * 100, {each}, current_date - {each} + 1
        FROM generate_series(1, {wallets}) AS k;
    INSERT INTO lots (wallet_id, amount, remaining, matures_on, expires_on, pending)
        SELECT w.id, 100, 100, current_date - 90, current_date - n + 1, false
        FROM wallets w, generate_series(1, {each}) AS n WHERE w.owner_id > {first} ORDER BY w.id, n;
    INSERT INTO movements (wallet_id, wallet_seq, amount, pending_after, available_after, held_after, cause_id, lot_id,
            kind, from_place, to_place, cause, leg)
        SELECT l.wallet_id, row_number() OVER o, 100, 0, 100 * row_number() OVER o, 0, {earned} + l.id, l.id,
            1, 1, 3, 1, 0
        FROM lots l JOIN wallets w ON w.id = l.wallet_id WHERE w.owner_id > {first}
        WINDOW o AS (PARTITION BY l.wallet_id ORDER BY l.id)
"""
LEFT = text("SELECT count(*) AS n FROM lots WHERE remaining > 0 AND expires_on <= current_date")
CLAIM = """
    SELECT (ledger_earn(ledger_open(%s, %s, current_date), 100, 1, %s, current_date, current_date,
        current_date + 365)).seq
"""
STATED = text("SELECT id AS book, (SELECT max(id) FROM campaign_versions) AS version FROM programmes")
LIVE = """
    DO $$
    DECLARE w wallets; n int;
    BEGIN
        w := ledger_open({owner}, {book}, current_date);
        FOR n IN 1..{earnings} LOOP
            INSERT INTO accruals (cause, cause_id, account_id, programme_id, version_id, base, gross, amount,
                matures_on, expires_on)
            VALUES (1, {far} + n, {owner}, {book}, {version}, n * 1700, n * 100, n * 100, current_date,
                current_date + n % 300 + 1);
            w := ledger_earn(w, n * 100, 1, {far} + n, current_date, current_date, current_date + n % 300 + 1);
            IF n % 3 = 0 THEN
                w := ledger_hold(w, 50, 8, {far} + n);
                w := ledger_settle(w, 50, 8, {far} + n, 0);
            END IF;
        END LOOP;
    END $$
"""


class Ordered(msgspec.Struct):
    """Orders over HTTP, and the rate of their minimum under pgbench."""

    load: Load
    pgbench: float


class Expired(msgspec.Struct):
    """The duration of a night's expiry, and the concurrent claims: their number and the longest one in ms."""

    lots: int
    seconds: float
    claims: int
    longest_ms: float


async def orders(at: Stage, count: int) -> dict[int, Ordered]:
    """Order codes from stock over HTTP and by pgbench. The API runs on the core of the database, or on the other core,
    with the client. Under pgbench the database has a core of its own.
    """
    offer, programme = await _stock(at, 2 * (WARM + 2 * ROUNDS * count))
    script = await _script(at, offer, programme)
    return {core: await _ordered(at, core, offer, script, count) for core in (SERVER_CORE, CLIENT_CORE)}


async def _ordered(at: Stage, core: int, offer: int, script: str, count: int) -> Ordered:
    """Alternate both, so that a slow machine slows both."""
    found = Ordered(Load(0, 0.0, [], []), 0.0)
    async with run_server(at, core) as port:
        await client.run_load(port, _orders(at, offer, WARM), CLIENTS, _is_done)
        pin_database(at, SERVER_CORE)
        for round_ in range(ROUNDS):
            os.sched_setaffinity(0, {CLIENT_CORE})
            try:
                found.load.add(await client.run_load(port, _orders(at, offer, count), CLIENTS, _is_done))
            finally:
                os.sched_setaffinity(0, range(os.cpu_count() or 1))
            first = (core * ROUNDS + round_) * count
            options = ("-t", str(count // CLIENTS), "-D", f"n={first}")
            found.pgbench += await claims.run_pgbench_script(at, script, *options) / ROUNDS
    pin_database(at, None)
    return found


async def _stock(at: Stage, count: int) -> tuple[int, int]:
    """Create a reward with codes in stock and funded agents; returns the reward and its programme."""
    async with at.db.begin() as session:
        row = (await session.execute(text("SELECT id, brand_id FROM programmes"))).one()
        offer = Reward(
            brand_id=row.brand_id,
            programme_id=row.id,
            key="bench",
            kind="certificate",
            fulfilment="stock",
            name_ru="Сертификат",
            least=NOMINAL,
            most=NOMINAL,
            price=NOMINAL,
            tax="discount",
        )
        session.add(offer)
        await session.flush()
        session.add_all(
            StockCode(
                brand_id=row.brand_id,
                offer_id=offer.id,
                nominal=NOMINAL,
                digest=gift_card_codes.digest(at.settings, f"GIFT-{number}"),
                sealed=gift_card_codes.seal(at.settings, gift_card_codes.stock_owner(offer.id), f"GIFT-{number}"),
            )
            for number in range(count)
        )
        values = {"programme": row.id, "today": datetime.now(UTC).date(), "amount": EARNED, "far": FAR}
        await session.execute(EARN, values | {"accounts": at.accounts})
    return offer.id, row.id


def _orders(at: Stage, offer: int, count: int) -> Iterator[bytes]:
    body = b'{"offer_id":%d}' % offer
    for number in range(count):
        yield client.request_bytes(f"/v1/orders/{uuid.uuid4()}", at.bearers[number % len(at.bearers)], body)


def _is_done(body: bytes) -> bool:
    return b'"status":"done"' in body


async def _script(at: Stage, offer: int, programme: int) -> str:
    """The pgbench script; it assigns codes to orders that do not exist."""
    async with at.db.begin() as session:
        for statement in (SPEND, UNTIE):
            await session.execute(text(statement))
    return (
        "\\set n :n + 1\n"
        f"\\set account random({at.accounts[0]}, {at.accounts[-1]})\n"
        f"\\set cause {FAR} + :client_id * 100000000 + :n\n"
        f"SELECT bench_spend(cast(:account AS bigint), {programme}, {offer}, cast(:cause AS bigint));\n"
    )


async def expiry(at: Stage, lots: int) -> Expired:
    """Expire lots as the worker does, while claims change the same wallets."""
    programme = (await at.db.call(text("SELECT id FROM programmes"))).id
    await _fill(at, programme, lots // LOTS_EACH)
    over, took = asyncio.Event(), list[float]()
    claim_task = asyncio.create_task(_claims(at, programme, lots // LOTS_EACH, over, took))
    await asyncio.sleep(0.2)
    begun = time.perf_counter()
    await scheduled_jobs.bring_wallets(db=at.db)
    seconds = time.perf_counter() - begun
    over.set()
    await claim_task
    if left := (await at.db.call(LEFT)).n:
        raise RuntimeError(f"{left} lots have not expired")
    return Expired(lots, seconds, len(took), max(took) * 1000)


async def _fill(at: Stage, book: int, wallets: int) -> None:
    """Create wallets whose lots are all due, by set-based SQL."""
    async with at.db.begin() as session:
        for statement in FILL.format(
            first=FIRST_OWNER, earned=7 * FAR, book=book, each=LOTS_EACH, wallets=wallets
        ).split(";\n"):
            await session.execute(text(statement))
    for table in ("wallets", "lots", "movements"):
        await at.db.rows(text(f"VACUUM ANALYZE {table}"))  # as autovacuum would have


async def _claims(at: Stage, book: int, wallets: int, over: asyncio.Event, took: list[float]) -> None:
    """Earn into one wallet after another, each in its own transaction; records the durations."""
    plain = make_url(at.settings.database_url).set(drivername="postgresql").render_as_string(hide_password=False)
    options = "-c role=scanback_app -c timezone=UTC"
    async with await AsyncConnection.connect(
        plain, autocommit=True, options=options, prepare_threshold=1
    ) as connection:
        number = 0
        while not over.is_set():
            number += 1
            owner = FIRST_OWNER + random.randint(1, wallets)
            begun = time.perf_counter()
            await connection.execute(CLAIM, (owner, book, 2 * FAR**2 + number))
            took.append(time.perf_counter() - begun)
            await asyncio.sleep(CLAIM_EVERY_SECONDS)


async def statements(at: Stage, rows: int = ROWS) -> Load:
    """Request a statement of `rows` rows, one after another."""
    found = await at.db.call(STATED)
    account, bearer = at.accounts[-1], at.bearers[-1]
    async with at.db.begin() as session:
        # Of three earnings one is followed by a hold and its settling: five rows.
        live = LIVE.format(owner=account, book=found.book, version=found.version, far=5 * FAR, earnings=rows * 3 // 5)
        await session.execute(text(live))
    for table in ("movements", "lots", "lot_uses", "accruals"):
        await at.db.rows(text(f"VACUUM ANALYZE {table}"))
    wallet = (await at.db.call(text("SELECT id FROM wallets WHERE owner_id = :owner"), owner=account)).id
    async with run_server(at, None) as port:
        requests = (client.get_bytes(f"/v1/wallets/{wallet}/statement", bearer) for _ in range(STATEMENTS))
        return await client.run_load(port, requests, 1, lambda body: len(msgspec.json.decode(body)["items"]) >= rows)
