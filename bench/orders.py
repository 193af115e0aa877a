"""Spending: orders over HTTP against hold, take and settle by pgbench; a million lots that expire; a statement."""

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

from backend import upkeep
from backend.offers import certificate_codes
from backend.offers.models import Offer, StockCode
from backend.offers.ordering import stock_owner
from bench import client, http
from bench.client import Load
from bench.http import CLIENT_CORE, CLIENTS, SERVER_CORE, pin_database
from bench.stage import Stage, serving

WARM, TURNS = 400, 3
NOMINAL, EARNED = 1000, 10**9
FAR = 10**9  # numbers of what pgbench does, far from those of orders
# A night's expiry as it comes: each wallet has some lots that end on days of their own.
LOTS_EACH, FIRST_OWNER = 4, 10**9
CLAIM_EVERY_SECONDS = 0.005
ROWS, STATEMENTS = 10_000, 40

EARN = text("""
    SELECT count(ledger_earn(ledger_open(a, :programme, :today), :amount, 1, :far + a, :today, :today, '9999-12-31'))
    FROM unnest(CAST(:accounts AS bigint[])) AS a
""")
# What cannot be less: the wallet's lock, the hold, a free code, the settling; in one round trip.
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
    """Orders over HTTP, and how many a second pgbench made of what they cannot do without."""

    load: Load
    pgbench: float


class Expired(msgspec.Struct):
    """How long a night's expiry took, and the claims beside it: how many, and the longest of them in ms."""

    lots: int
    seconds: float
    claims: int
    longest_ms: float


async def orders(at: Stage, count: int) -> dict[int, Ordered]:
    """Buy certificates of the stock, and do the same by pgbench, by the core of the API: the database's own, or the
    other one, where whoever asks is, too. The database has a core alone under pgbench."""
    offer, programme = await _stock(at, 2 * (WARM + 2 * TURNS * count))
    script = await _script(at, offer, programme)
    return {core: await _ordered(at, core, offer, script, count) for core in (SERVER_CORE, CLIENT_CORE)}


async def _ordered(at: Stage, core: int, offer: int, script: str, count: int) -> Ordered:
    """In turns, so that a machine that slows down slows both."""
    found = Ordered(Load(0, 0.0, [], []), 0.0)
    async with serving(at, core) as port:
        await client.run(port, _orders(at, offer, WARM), CLIENTS, _is_done)
        pin_database(at, SERVER_CORE)
        for turn in range(TURNS):
            os.sched_setaffinity(0, {CLIENT_CORE})
            try:
                found.load.add(await client.run(port, _orders(at, offer, count), CLIENTS, _is_done))
            finally:
                os.sched_setaffinity(0, range(os.cpu_count() or 1))
            first = (core * TURNS + turn) * count
            options = ("-t", str(count // CLIENTS), "-D", f"n={first}")
            found.pgbench += await http.by_pgbench(at, script, *options) / TURNS
    pin_database(at, None)
    return found


async def _stock(at: Stage, count: int) -> tuple[int, int]:
    """An offer with so many codes in stock, and agents who can pay; the offer and its programme."""
    async with at.db.begin() as session:
        row = (await session.execute(text("SELECT id, brand_id FROM programmes"))).one()
        offer = Offer(brand_id=row.brand_id, programme_id=row.id, key="bench", kind="certificate", fulfilment="stock",
                      name_ru="Сертификат", least=NOMINAL, most=NOMINAL, price=NOMINAL, tax="discount")  # fmt: skip
        session.add(offer)
        await session.flush()
        session.add_all(
            StockCode(brand_id=row.brand_id, offer_id=offer.id, nominal=NOMINAL,
                      digest=certificate_codes.digest(at.settings, f"GIFT-{number}"),
                      sealed=certificate_codes.seal(at.settings, stock_owner(offer.id), f"GIFT-{number}"))
            for number in range(count)
        )  # fmt: skip
        values = {"programme": row.id, "today": datetime.now(UTC).date(), "amount": EARNED, "far": FAR}
        await session.execute(EARN, values | {"accounts": at.accounts})
    return offer.id, row.id


def _orders(at: Stage, offer: int, count: int) -> Iterator[bytes]:
    body = b'{"offer_id":%d}' % offer
    for number in range(count):
        yield client.put(f"/v1/orders/{uuid.uuid4()}", at.bearers[number % len(at.bearers)], body)


def _is_done(body: bytes) -> bool:
    return b'"status":"done"' in body


async def _script(at: Stage, offer: int, programme: int) -> str:
    """What pgbench does; codes of the stock then belong to orders that are none."""
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
    """Let lots expire as the worker does, while claims are made on wallets that are being brought to today."""
    programme = (await at.db.call(text("SELECT id FROM programmes"))).id
    await _fill(at, programme, lots // LOTS_EACH)
    over, took = asyncio.Event(), list[float]()
    claims = asyncio.create_task(_claims(at, programme, lots // LOTS_EACH, over, took))
    await asyncio.sleep(0.2)
    begun = time.perf_counter()
    await upkeep.bring_wallets(db=at.db)
    seconds = time.perf_counter() - begun
    over.set()
    await claims
    if left := (await at.db.call(LEFT)).n:
        raise RuntimeError(f"{left} lots have not expired")
    return Expired(lots, seconds, len(took), max(took) * 1000)


async def _fill(at: Stage, book: int, wallets: int) -> None:
    """So many wallets whose lots have all lived their days, by set-based SQL."""
    async with at.db.begin() as session:
        for statement in FILL.format(
            first=FIRST_OWNER, earned=7 * FAR, book=book, each=LOTS_EACH, wallets=wallets
        ).split(";\n"):
            await session.execute(text(statement))
    for table in ("wallets", "lots", "movements"):
        await at.db.rows(text(f"VACUUM ANALYZE {table}"))  # as autovacuum would have


async def _claims(at: Stage, book: int, wallets: int, over: asyncio.Event, took: list[float]) -> None:
    """Earn into one wallet after another, each in a transaction of its own; how long each took."""
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
    """Ask for a statement of so many rows, one after another."""
    found = await at.db.call(STATED)
    account, bearer = at.accounts[-1], at.bearers[-1]
    async with at.db.begin() as session:
        # Of three earnings one is followed by a hold and its settling: five rows.
        live = LIVE.format(owner=account, book=found.book, version=found.version, far=5 * FAR, earnings=rows * 3 // 5)
        await session.execute(text(live))
    for table in ("movements", "lots", "lot_uses", "accruals"):
        await at.db.rows(text(f"VACUUM ANALYZE {table}"))
    wallet = (await at.db.call(text("SELECT id FROM wallets WHERE owner_id = :owner"), owner=account)).id
    async with serving(at, None) as port:
        asked = (client.get(f"/v1/wallets/{wallet}/statement", bearer) for _ in range(STATEMENTS))
        return await client.run(port, asked, 1, lambda body: len(msgspec.json.decode(body)["items"]) >= rows)
