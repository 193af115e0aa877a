"""`make bench`: measurements with bounds; 20 million claims and 10 million promo codes with --full."""

import argparse
import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from statistics import fmean, median
from typing import Any

from bench import checkout, claims, fill, orders, promo_codes
from bench.parsers import package_codes, product_match, receipts
from bench.shop import CAMPAIGNS, Shop, open_shop
from bench.stage import Stage, open_stage, run_server

# Bounds; the first two are for a server whose API and database share one core.
MIN_RATIO, MIN_RATE, MAX_P99_MS, MIN_BATCH, MIN_CODES = 0.25, 500, 60, 10, 800_000
MAX_ISSUE_SECONDS = 20
LOTS = 1_000_000
PARTS = ["codes", "receipts", "promo", "till", "spending", "claims"]
MIN_ORDERS_RATIO, MAX_EXPIRY_SECONDS, MAX_CLAIM_MS, MAX_STATEMENT_MS = 0.25, 60, 100, 200
MIN_SALES_RATIO, MIN_OF_PEER, MAX_QUOTE_MS, MAX_SLOWER, FEW, MANY = 0.2, 2, 10, 1.5, 10_000, 10_000_000


def report(name: str, figure: float, bound: str, ok: bool, **more: Any) -> dict[str, Any]:
    """Print a figure; returns it for --json."""
    extra = ", ".join(f"{key} {value:,.2f}" for key, value in more.items())
    print(f"{'ok  ' if ok else 'MISS'} {name}: {figure:,.2f} ({bound}){'; ' + extra if extra else ''}", flush=True)
    return {"name": name, "figure": figure, "bound": bound, "ok": ok} | more


async def measure_claims(at: Stage, count: int) -> list[dict[str, Any]]:
    """All figures of claims on one stage."""
    load, rate = await claims.measure_on_one_core(at, count)
    p99 = load.percentile(0.99)
    rows = [
        report(
            "(a) claims/s over HTTP, API and database on one core",
            load.rate,
            f">= {MIN_RATE}",
            load.rate >= MIN_RATE,
            p50_ms=load.percentile(0.5),
            p99_ms=p99,
        ),
        report("(a) p99 ms at 16 clients", p99, f"<= {MAX_P99_MS}", p99 <= MAX_P99_MS),
        report(
            "(a) ratio to the same transaction by pgbench",
            load.rate / rate,
            f">= {MIN_RATIO}",
            load.rate / rate >= MIN_RATIO,
            pgbench=rate,
        ),
    ]
    async with run_server(at, None) as port:
        single = await claims.measure_claims(at, port, count)
        batch = await claims.measure_batches(at, port, max(20, count // 100))
        home = await claims.measure_home_screen(at, port, count)
    claims_per_second = batch.rate * 200
    rows += [
        report(
            "(b) queue of 200, both cores: claims as a multiple of (a)",
            claims_per_second / load.rate,
            f">= {MIN_BATCH}",
            claims_per_second / load.rate >= MIN_BATCH,
            claims_a_second=claims_per_second,
            p99_ms=batch.percentile(0.99),
            multiple_of_both_cores=claims_per_second / single.rate,
        ),
        report("claims/s over HTTP, both cores", single.rate, "reported", True, p99_ms=single.percentile(0.99)),
        report(
            "(d) GET /v1/me p99 ms",
            home.percentile(0.99),
            "reported",
            True,
            p50_ms=home.percentile(0.5),
            rate=home.rate,
        ),
    ]
    return rows


async def measure_code_generation() -> list[dict[str, Any]]:
    """Code generation, without a stage."""
    made, blocks = package_codes.code_generation_rates()
    return [
        report("(c) codes/s on one core", made, f">= {MIN_CODES}", made >= MIN_CODES, share_of_aes_pass=made / blocks)
    ]


async def measure_parsing() -> list[dict[str, Any]]:
    """Parsing of receipts' codes and matching of lines, both pure."""
    ours, theirs = receipts.parser_speed()
    p95 = product_match.p95_ms()
    return [
        report(
            "(receipts) bare parse_qs a second to ours",
            theirs / ours,
            f"<= {receipts.MOST_SLOWER}",
            theirs / ours <= receipts.MOST_SLOWER,
            receipts=ours,
        ),
        report(
            "(receipts) a line among 100,000 products, p95 ms",
            p95,
            f"<= {product_match.MOST_P95_MS}",
            p95 <= product_match.MOST_P95_MS,
        ),
    ]


async def measure_issue() -> list[dict[str, Any]]:
    """Promo codes in bulk, on a separate stage: the others measure with one campaign."""
    async with open_stage() as at:
        result = await promo_codes.issue(at, 1_000_000)
    ok = result.whole <= MAX_ISSUE_SECONDS
    return [
        report(
            "(promo) 1,000,000 codes made, stored and exported on one core, s",
            result.whole,
            f"<= {MAX_ISSUE_SECONDS}",
            ok,
            stored_s=result.stored,
            progress_steps=result.steps,
        )
    ]


async def measure_checkout(full: bool, count: int) -> list[dict[str, Any]]:
    """Checkout on a separate stage, in a programme with a thousand campaigns; ten million codes with `full`."""
    async with open_stage() as at:
        shop = await open_shop(at)
        return (
            await measure_sales(shop, count) + await measure_quotes(shop, full, count) + [await measure_hot_code(shop)]
        )


async def measure_sales(shop: Shop, count: int) -> list[dict[str, Any]]:
    """Full sales, compared with the bare transaction and with the peer."""
    sold = await checkout.sales(shop, count)
    load = sold.load
    rows = [
        report(
            f"(till) full sales/s over HTTP at {checkout.SELLING} tills, API and database on one core",
            load.rate,
            "reported",
            True,
            p50_ms=load.percentile(0.5),
            p99_ms=load.percentile(0.99),
        ),
        report(
            "(till) ratio to the same transaction by pgbench",
            load.rate / sold.pgbench,
            f">= {MIN_SALES_RATIO}",
            load.rate / sold.pgbench >= MIN_SALES_RATIO,
            pgbench=sold.pgbench,
        ),
    ]
    if sold.peer:
        times = [turn.ours / turn.standing for turn in sold.peer]
        rows.append(
            report(
                "(till) multiple of hf-nostro's redemptions in-process on the same core, median of turns",
                median(times),
                f">= {MIN_OF_PEER}",
                median(times) >= MIN_OF_PEER,
                least=min(times),
                most=max(times),
                peer=fmean(turn.standing for turn in sold.peer),
                peer_with_new_accounts=fmean(turn.fresh for turn in sold.peer),
                multiple_of_that=median(turn.ours / turn.fresh for turn in sold.peer),
            )
        )
    return rows


async def measure_quotes(shop: Shop, full: bool, count: int) -> list[dict[str, Any]]:
    """Quotes with ten thousand live codes, and with ten million."""
    rows, p95, existing = [], [], 0
    for live in (FEW, MANY) if full else (FEW,):
        await shop.insert_codes(checkout.LIVE, shop.many, existing, live)
        existing = live
        found = await checkout.quotes(shop, live, count)
        p95.append(found.one.percentile(0.95))
        rows.append(
            report(
                f"(till) quote p95 ms, {live:,} live codes and {CAMPAIGNS:,} campaigns",
                p95[-1],
                f"<= {MAX_QUOTE_MS}",
                p95[-1] <= MAX_QUOTE_MS,
                p50_ms=found.one.percentile(0.5),
                p95_at_16_ms=found.sixteen.percentile(0.95),
                rate_at_16=found.sixteen.rate,
            )
        )
    if full:
        ratio = p95[1] / p95[0]
        rows.append(
            report("(till) quote p95 of many codes to that of few", ratio, f"<= {MAX_SLOWER}", ratio <= MAX_SLOWER)
        )
    return rows


async def measure_hot_code(shop: Shop) -> dict[str, Any]:
    """A hot code; a response other than 200 ends the measurement with an error."""
    load = await checkout.hot(shop)
    return report(
        "(till) sales/s with one code over 1,000 connections, all answered 200",
        load.rate,
        "reported",
        True,
        p50_ms=load.percentile(0.5),
        p99_ms=load.percentile(0.99),
    )


async def measure_spending(count: int) -> list[dict[str, Any]]:
    """Orders, a statement, and a night's expiry on a separate stage."""
    async with open_stage() as at:
        found = await orders.orders(at, count // orders.ROUNDS)
        statements = await orders.statements(at)
    async with open_stage() as at:
        expired = await orders.expiry(at, LOTS)
    one, two = found[claims.SERVER_CORE], found[claims.CLIENT_CORE]
    ratio, p95 = two.load.rate / two.pgbench, statements.percentile(0.95)
    return [
        report(
            "(spending) orders/s from stock over HTTP, API and database on one core",
            one.load.rate,
            "reported",
            True,
            p99_ms=one.load.percentile(0.99),
            ratio_to_pgbench=one.load.rate / one.pgbench,
        ),
        report(
            "(spending) orders/s, the database on a core as under pgbench",
            two.load.rate,
            "reported",
            True,
            p50_ms=two.load.percentile(0.5),
            p99_ms=two.load.percentile(0.99),
        ),
        report(
            "(spending) ratio of these to hold, take and settle by pgbench",
            ratio,
            f">= {MIN_ORDERS_RATIO}",
            ratio >= MIN_ORDERS_RATIO,
            pgbench=two.pgbench,
        ),
        report(
            f"(spending) statement of {orders.ROWS:,} rows, p95 ms",
            p95,
            f"<= {MAX_STATEMENT_MS}",
            p95 <= MAX_STATEMENT_MS,
            p50_ms=statements.percentile(0.5),
        ),
        report(
            f"(spending) {expired.lots:,} lots expire, s",
            expired.seconds,
            f"<= {MAX_EXPIRY_SECONDS}",
            expired.seconds <= MAX_EXPIRY_SECONDS,
        ),
        report(
            "(spending) the longest claim beside it, ms",
            expired.longest_ms,
            f"<= {MAX_CLAIM_MS}",
            expired.longest_ms <= MAX_CLAIM_MS,
            claims=expired.claims,
        ),
    ]


async def measure_packages(full: bool, count: int) -> list[dict[str, Any]]:
    """Package codes on a separate stage, and with `full` again at one and twenty million claims."""
    async with open_stage() as at:
        rows = await measure_claims(at, count)
        for millions in (1, 20) if full else ():
            seconds = await fill.claims(at, millions * 1_000_000)
            print(f"--- {millions} million claims exist ({seconds:.0f} s to write them)", flush=True)
            rows += [row | {"claims": millions * 1_000_000} for row in await measure_claims(at, count)]
    return rows


async def main(parts: list[str], full: bool, count: int) -> list[dict[str, Any]]:
    """Measure one part after the other."""
    measurements: dict[str, Callable[[], Awaitable[list[dict[str, Any]]]]] = {
        "codes": measure_code_generation,
        "receipts": measure_parsing,
        "promo": measure_issue,
        "till": lambda: measure_checkout(full, count),
        "spending": lambda: measure_spending(count),
        "claims": lambda: measure_packages(full, count),
    }
    return [row for part in parts for row in await measurements[part]()]


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--full", action="store_true", help="also with 1 and 20 million claims, 10 million promo codes")
    parser.add_argument("--count", type=int, default=6000, help="requests of each kind")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--only", choices=PARTS, action="append", help="this part, and others that are named")
    options = parser.parse_args()
    found = asyncio.run(main(options.only or PARTS, options.full, options.count))
    if options.json:
        print(json.dumps(found))
    sys.exit(0 if all(row["ok"] for row in found) else 1)
