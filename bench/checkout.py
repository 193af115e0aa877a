"""Checkout: full sales over HTTP against the same transaction by pgbench and against the peer; quotes; a hot code."""

import json
import os
import random
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import text

from backend.checkout.sales import quote_request, record_builder
from backend.checkout.sales.quote_request import CheckoutContext
from backend.checkout.sales.sale_record import SaleRecord
from backend.checkout.schemas import SaleIn
from backend.core.security import tokens
from backend.programmes.rules.rule_cache import RuleCache
from backend.shops.authentication import TillIdentity
from bench import claims, client, peer
from bench.claims import CLIENT_CORE, CLIENTS, SERVER_CORE, pin_database
from bench.client import Load
from bench.peer import Peer
from bench.shop import Shop, code_of
from bench.stage import run_server

WARM = 400
ROUNDS, REDEMPTIONS = 6, 400  # of the peer, and redemptions in each
SELLING = 64  # tills that sell at once
HOT_CLIENTS, HOT_SALES = 1000, 3000
FOR_SALE, LIVE, HOT = "S", "Q", "H"  # prefixes of codes

BASKET = [
    {"line": 1, "name": "Розетка двойная", "quantity": 2, "amount": 90000, "sku": "BENCH"},
    {"line": 2, "name": "Кабель", "quantity": 12.5, "amount": 43750},
    {"line": 3, "name": "Дюбель", "quantity": 100, "amount": 6250},
]
TOTAL = 133000  # 5 % less


class Sold(msgspec.Struct):
    """Sales over HTTP, how many a second pgbench made of the same, and the peer's redemptions in alternating rounds."""

    load: Load
    pgbench: float
    peer: list["Round"]


class Round(msgspec.Struct):
    """One round of the peer, in redemptions a second, and our sales a second right before it; ours of the next round
    come right after."""

    ours: float
    standing: float
    fresh: float


class Quoted(msgspec.Struct):
    """Quotes over one connection and over sixteen."""

    one: Load
    sixteen: Load


def _body(code: str, **more: int) -> bytes:
    return msgspec.json.encode({"codes": [code], "basket": BASKET} | more)


def _sales(shop: Shop, codes: Iterator[str]) -> Iterator[bytes]:
    for number, code in enumerate(codes):
        yield client.request_bytes(
            f"/v1/till/sales/{uuid.uuid4()}", shop.bearers[number % len(shop.bearers)], _body(code, total=TOTAL)
        )


def _quotes(shop: Shop, live: int, count: int) -> Iterator[bytes]:
    for number in range(count):
        code = code_of(LIVE, random.randrange(live))
        yield client.request_bytes("/v1/till/quotes", shop.bearers[number % len(shop.bearers)], _body(code), "POST")


def _is_applied(body: bytes) -> bool:
    return f'"total":{TOTAL}'.encode() in body


async def _sell(shop: Shop, port: int, numbers: range, clients: int = SELLING) -> Load:
    codes = (code_of(FOR_SALE, number) for number in numbers)
    return await client.run_load(port, _sales(shop, codes), clients, _is_applied)


async def sales(shop: Shop, count: int) -> Sold:
    """Sell agents' single-use codes at many tills, each code once: over HTTP with API and database on one core,
    alternating with the peer on the same core and the same durable server, so that both have the machine's good and bad
    minutes; then the transaction by itself."""
    await shop.for_sale(FOR_SALE, shop.single, WARM + 2 * count)
    with ExitStack() as stack:
        theirs = _peer(shop, stack)
        async with run_server(shop.at, SERVER_CORE) as port:
            rounds = [round_load async for round_load in _alternate(shop, port, count // ROUNDS, theirs)]
    rate = await _pgbench(shop, WARM + count, count)
    os.sched_setaffinity(0, range(os.cpu_count() or 1))
    pin_database(shop.at, None)
    load = Load(0, 0.0, [], [])
    for round_load, _ in rounds:
        load.add(round_load)
    return Sold(load, rate, [row for _, row in rounds if row])


def _peer(shop: Shop, stack: ExitStack) -> Peer | None:
    os.sched_setaffinity(0, {SERVER_CORE})
    try:
        return stack.enter_context(peer.open_peer(shop.at.settings.database_url, ROUNDS * 2 * (REDEMPTIONS + 16)))
    except peer.PeerUnsupported as refused:
        print(f"---  (till) no comparison with hf-nostro: {refused}", flush=True)
        return None


async def _alternate(
    shop: Shop, port: int, count: int, theirs: Peer | None
) -> AsyncIterator[tuple[Load, Round | None]]:
    await _run_ours(shop, port, range(WARM))
    pin_database(shop.at, SERVER_CORE)
    if theirs:
        os.sched_setaffinity(0, {SERVER_CORE})
        theirs.choose_threads()
        print(f"--- (till) hf-nostro goes by {theirs.threads} threads", flush=True)
    for begin in range(WARM, WARM + ROUNDS * count, count):
        load = await _run_ours(shop, port, range(begin, begin + count))
        os.sched_setaffinity(0, {SERVER_CORE})
        if theirs:
            yield load, Round(load.rate, theirs.standing(REDEMPTIONS), theirs.fresh(REDEMPTIONS))
        else:
            yield load, None


async def _run_ours(shop: Shop, port: int, numbers: range) -> Load:
    os.sched_setaffinity(0, {CLIENT_CORE})
    return await _sell(shop, port, numbers)


async def _pgbench(shop: Shop, first: int, count: int) -> float:
    """The same sales by checkout_sell_v2 alone, with what the service would send for them."""
    sent = await _sale_record(shop, code_of(FOR_SALE, first))
    (row,) = await shop.at.db.rows(
        text("SELECT id, account_id FROM promo_codes WHERE code = :code"), code=code_of(FOR_SALE, 0)
    )
    agents = len(shop.at.accounts)
    if any(ids[-1] - ids[0] + 1 != len(ids) for ids in (shop.at.accounts, shop.tills, shop.shops)):
        raise RuntimeError("ids are not in a row")
    statement = f"SELECT * FROM checkout_sell_v2({_sales_template(sent)}::jsonb, false)"
    script = (
        "\\set n :n + 1\n"
        f"\\set number {first} + :client_id * {count // CLIENTS} + :n\n"
        f"\\set code {row.id} + :number\n"
        f"\\set account {row.account_id} + :number % {agents}\n"
        f"\\set till {shop.tills[0]} + :number % {len(shop.tills)}\n"
        f"\\set shop :till + {shop.shops[0] - shop.tills[0]}\n"
        f"{statement};\n"
    )
    return await claims.run_pgbench_script(shop.at, script, "-t", str(count // CLIENTS), "-D", "n=-1")


async def _sale_record(shop: Shop, code: str) -> SaleRecord:
    """The parameters that the service sends to checkout_sell_v2 for a sale with this code."""
    db = shop.at.db
    checkout = CheckoutContext.of(db, shop.at.settings, RuleCache(db))
    till = TillIdentity(
        tokens.digest(shop.bearers[0]).hex(), shop.tills[0], shop.shops[0], "till", None, False, "Europe/Moscow"
    )
    body = msgspec.json.decode(_body(code, total=TOTAL), type=SaleIn)
    request = quote_request.build_request(checkout, till, body, str(uuid.uuid4()), at=datetime.now(UTC))
    snapshot = await quote_request.load_snapshot(checkout, request)
    quote = await quote_request.compute_quote(checkout, request, snapshot)
    return record_builder.sale_record(request, snapshot, quote, quote_request.body_digest(body))


def _sales_template(record: SaleRecord) -> str:
    """What is sent of a sale, as pgbench makes it with changing tills, codes and agents."""
    sale: dict[str, Any] = msgspec.to_builtins(record)
    (code,) = sale["codes"]
    code |= {"code": "@1", "account": "@2", "uses": code["uses"] | {"code": "@1"}}
    sent = sale | {"sale": 0, "codes": [code], "till": "@3", "shop": "@4", "key": "@5"}
    written = _literal(msgspec.json.encode([sent]).decode()).replace("%", "%%")
    for place in range(1, 5):
        written = written.replace(f'"@{place}"', f"%{place}$s")
    written = written.replace("@5", "%5$s")
    return (
        f"format({written}, cast(:code AS bigint), cast(:account AS bigint), cast(:till AS bigint), "
        "cast(:shop AS bigint), gen_random_uuid())"
    )


def _literal(value: str) -> str:
    """JSON in SQL, in which pgbench takes no colon for the start of a variable."""
    return "'" + json.dumps(json.loads(value), separators=(", ", " : ")).replace("'", "''") + "'"


async def quotes(shop: Shop, live: int, count: int) -> Quoted:
    """Ask what a basket comes to with any of so many live codes; API and database on one core."""
    async with run_server(shop.at, SERVER_CORE) as port:
        os.sched_setaffinity(0, {CLIENT_CORE})
        pin_database(shop.at, SERVER_CORE)
        try:
            await client.run_load(port, _quotes(shop, live, WARM), CLIENTS, _is_applied)
            pin_database(shop.at, SERVER_CORE)
            one = await client.run_load(port, _quotes(shop, live, count), 1, _is_applied)
            return Quoted(one, await client.run_load(port, _quotes(shop, live, count), CLIENTS, _is_applied))
        finally:
            os.sched_setaffinity(0, range(os.cpu_count() or 1))
            pin_database(shop.at, None)


async def hot(shop: Shop) -> Load:
    """A thousand connections that all sell with one agent's code, which has no limit."""
    await shop.for_sale(HOT, shop.many, 1)
    async with run_server(shop.at, None) as port:
        codes = (code_of(HOT, 0) for _ in range(HOT_SALES))
        return await client.run_load(port, _sales(shop, codes), HOT_CLIENTS, _is_applied)
