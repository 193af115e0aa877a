"""`make bench`: what the issues ask to hold; 20 million claims and 10 million promo codes with --full."""

import argparse
import asyncio
import json
import sys
from statistics import fmean, median
from typing import Any

from bench import checkout, codes, fill, http, matching, orders, promo, receipts
from bench.shop import CAMPAIGNS, Shop, open_shop
from bench.stage import Stage, serving, stage

# What we hold ourselves to; the first two are for a server whose API and database share one core.
LEAST_RATIO, LEAST_RATE, MOST_P99_MS, LEAST_BATCH, LEAST_CODES = 0.25, 500, 60, 10, 800_000
MOST_ISSUE_SECONDS = 20
LOTS = 1_000_000
PARTS = ["codes", "receipts", "promo", "till", "spending", "claims"]
LEAST_ORDERS_RATIO, MOST_EXPIRY_SECONDS, MOST_CLAIM_MS, MOST_STATEMENT_MS = 0.25, 60, 100, 200
LEAST_SALES_RATIO, LEAST_OF_PEER, MOST_QUOTE_MS, MOST_SLOWER, FEW, MANY = 0.2, 2, 10, 1.5, 10_000, 10_000_000


def say(name: str, figure: float, bound: str, ok: bool, **more: Any) -> dict[str, Any]:
    """Print a line and keep it for --json."""
    extra = ", ".join(f"{key} {value:,.2f}" for key, value in more.items())
    print(f"{'ok  ' if ok else 'MISS'} {name}: {figure:,.2f} ({bound}){'; ' + extra if extra else ''}", flush=True)
    return {"name": name, "figure": figure, "bound": bound, "ok": ok} | more


async def measure(at: Stage, count: int) -> list[dict[str, Any]]:
    """All figures on one stage."""
    load, rate = await http.on_one_core(at, count)
    p99 = load.percentile(0.99)
    rows = [
        say("(a) claims/s over HTTP, API and database on one core", load.rate, f">= {LEAST_RATE}",
            load.rate >= LEAST_RATE, p50_ms=load.percentile(0.5), p99_ms=p99),
        say("(a) p99 ms at 16 clients", p99, f"<= {MOST_P99_MS}", p99 <= MOST_P99_MS),
        say("(a) ratio to the same transaction by pgbench", load.rate / rate, f">= {LEAST_RATIO}",
            load.rate / rate >= LEAST_RATIO, pgbench=rate),
    ]  # fmt: skip
    async with serving(at, None) as port:
        single = await http.claims(at, port, count)
        batch = await http.queues(at, port, max(20, count // 100))
        home = await http.homes(at, port, count)
    claims = batch.rate * 200
    rows += [
        say("(b) queue of 200, both cores: claims as a multiple of (a)", claims / load.rate, f">= {LEAST_BATCH}",
            claims / load.rate >= LEAST_BATCH, claims_a_second=claims, p99_ms=batch.percentile(0.99),
            multiple_of_both_cores=claims / single.rate),
        say("claims/s over HTTP, both cores", single.rate, "reported", True, p99_ms=single.percentile(0.99)),
        say("(d) GET /v1/me p99 ms", home.percentile(0.99), "reported", True, p50_ms=home.percentile(0.5),
            rate=home.rate),
    ]  # fmt: skip
    return rows


async def generate() -> list[dict[str, Any]]:
    """Code generation needs no stage."""
    made, blocks = codes.generation()
    return [
        say("(c) codes/s on one core", made, f">= {LEAST_CODES}", made >= LEAST_CODES, share_of_aes_pass=made / blocks)
    ]


async def parsing() -> list[dict[str, Any]]:
    """Receipts' codes and lines, both pure."""
    ours, theirs = receipts.parser_speed()
    p95 = matching.p95_ms()
    return [
        say("(receipts) bare parse_qs a second to ours", theirs / ours, f"<= {receipts.MOST_SLOWER}",
            theirs / ours <= receipts.MOST_SLOWER, receipts=ours),
        say("(receipts) a line among 100,000 products, p95 ms", p95, f"<= {matching.MOST_P95_MS}",
            p95 <= matching.MOST_P95_MS),
    ]  # fmt: skip


async def bulk() -> list[dict[str, Any]]:
    """Promo codes in bulk, on a stage of their own: the others measure with one campaign."""
    async with stage() as at:
        found = await promo.issue(at, 1_000_000)
    ok = found.whole <= MOST_ISSUE_SECONDS
    return [say("(promo) 1,000,000 codes made, stored and exported on one core, s", found.whole,
                f"<= {MOST_ISSUE_SECONDS}", ok, stored_s=found.stored, progress_steps=found.steps)]  # fmt: skip


async def till(full: bool, count: int) -> list[dict[str, Any]]:
    """Checkout on a stage of its own, in a programme with a thousand campaigns; ten million codes with `full`."""
    async with stage() as at:
        shop = await open_shop(at)
        return await sales(shop, count) + await quotes(shop, full, count) + [await hot(shop)]


async def sales(shop: Shop, count: int) -> list[dict[str, Any]]:
    """Full sales, beside the transaction alone and beside the peer."""
    sold = await checkout.sales(shop, count)
    load = sold.load
    rows = [
        say(f"(till) full sales/s over HTTP at {checkout.SELLING} tills, API and database on one core", load.rate,
            "reported", True, p50_ms=load.percentile(0.5), p99_ms=load.percentile(0.99)),
        say("(till) ratio to the same transaction by pgbench", load.rate / sold.pgbench, f">= {LEAST_SALES_RATIO}",
            load.rate / sold.pgbench >= LEAST_SALES_RATIO, pgbench=sold.pgbench),
    ]  # fmt: skip
    if sold.peer:
        times = [turn.ours / turn.standing for turn in sold.peer]
        rows.append(say("(till) multiple of hf-nostro's redemptions in-process on the same core, median of turns",
                        median(times), f">= {LEAST_OF_PEER}", median(times) >= LEAST_OF_PEER,
                        least=min(times), most=max(times), peer=fmean(turn.standing for turn in sold.peer),
                        peer_with_new_accounts=fmean(turn.fresh for turn in sold.peer),
                        multiple_of_that=median(turn.ours / turn.fresh for turn in sold.peer)))  # fmt: skip
    return rows


async def quotes(shop: Shop, full: bool, count: int) -> list[dict[str, Any]]:
    """Quotes with ten thousand live codes, and with ten million."""
    rows, p95, standing = [], [], 0
    for live in (FEW, MANY) if full else (FEW,):
        await shop.fill(checkout.LIVE, shop.many, standing, live)
        standing = live
        found = await checkout.quotes(shop, live, count)
        p95.append(found.one.percentile(0.95))
        rows.append(
            say(f"(till) quote p95 ms, {live:,} live codes and {CAMPAIGNS:,} campaigns", p95[-1],
                f"<= {MOST_QUOTE_MS}", p95[-1] <= MOST_QUOTE_MS, p50_ms=found.one.percentile(0.5),
                p95_at_16_ms=found.sixteen.percentile(0.95), rate_at_16=found.sixteen.rate)
        )  # fmt: skip
    if full:
        ratio = p95[1] / p95[0]
        rows.append(say("(till) quote p95 of many codes to that of few", ratio, f"<= {MOST_SLOWER}",
                        ratio <= MOST_SLOWER))  # fmt: skip
    return rows


async def hot(shop: Shop) -> dict[str, Any]:
    """A hot code; an answer but 200 ends the measurement with an error."""
    load = await checkout.hot(shop)
    return say("(till) sales/s with one code over 1,000 connections, all answered 200", load.rate, "reported", True,
               p50_ms=load.percentile(0.5), p99_ms=load.percentile(0.99))  # fmt: skip


async def spending(count: int) -> list[dict[str, Any]]:
    """Orders, a statement, and a night's expiry on a stage of its own."""
    async with stage() as at:
        found = await orders.orders(at, count // orders.TURNS)
        asked = await orders.statements(at)
    async with stage() as at:
        expired = await orders.expiry(at, LOTS)
    one, two = found[http.SERVER_CORE], found[http.CLIENT_CORE]
    ratio, p95 = two.load.rate / two.pgbench, asked.percentile(0.95)
    return [
        say("(spending) orders/s from stock over HTTP, API and database on one core", one.load.rate, "reported", True,
            p99_ms=one.load.percentile(0.99), ratio_to_pgbench=one.load.rate / one.pgbench),
        say("(spending) orders/s, the database on a core as under pgbench", two.load.rate, "reported", True,
            p50_ms=two.load.percentile(0.5), p99_ms=two.load.percentile(0.99)),
        say("(spending) ratio of these to hold, take and settle by pgbench", ratio, f">= {LEAST_ORDERS_RATIO}",
            ratio >= LEAST_ORDERS_RATIO, pgbench=two.pgbench),
        say(f"(spending) statement of {orders.ROWS:,} rows, p95 ms", p95, f"<= {MOST_STATEMENT_MS}",
            p95 <= MOST_STATEMENT_MS, p50_ms=asked.percentile(0.5)),
        say(f"(spending) {expired.lots:,} lots expire, s", expired.seconds, f"<= {MOST_EXPIRY_SECONDS}",
            expired.seconds <= MOST_EXPIRY_SECONDS),
        say("(spending) the longest claim beside it, ms", expired.longest_ms, f"<= {MOST_CLAIM_MS}",
            expired.longest_ms <= MOST_CLAIM_MS, claims=expired.claims),
    ]  # fmt: skip


async def claims(full: bool, count: int) -> list[dict[str, Any]]:
    """Package codes on a stage of their own, and with `full` again at one and twenty million claims."""
    async with stage() as at:
        rows = await measure(at, count)
        for millions in (1, 20) if full else ():
            seconds = await fill.claims(at, millions * 1_000_000)
            print(f"--- {millions} million claims stand ({seconds:.0f} s to write them)", flush=True)
            rows += [row | {"claims": millions * 1_000_000} for row in await measure(at, count)]
    return rows


async def main(parts: list[str], full: bool, count: int) -> list[dict[str, Any]]:
    """Measure one part after the other."""
    known = {
        "codes": generate, "receipts": parsing, "promo": bulk, "till": lambda: till(full, count),
        "spending": lambda: spending(count), "claims": lambda: claims(full, count),
    }  # fmt: skip
    return [row for part in parts for row in await known[part]()]


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
