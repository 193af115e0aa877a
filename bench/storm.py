"""`make storm`: thousands of receipts, one provider with a low quota and many faults, workers killed at random.

Each receipt must be decided once, the provider's quota never exceeded, nothing lost, nothing paid twice.
"""

import argparse
import asyncio
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from httpx2 import Client
from sqlalchemy import text

from backend.cli.server import simulator_process
from backend.cli.server.simulate import run_simulators
from backend.earning.receipts import submission
from backend.identity.accounts.authentication import Agent
from backend.programmes.models import Campaign, CampaignVersion, Product
from backend.programmes.rules.rule import FixedAmount, Rule
from bench.stage import Stage, open_stage
from payouts import audit
from simulators.receipts import receipt_factory
from simulators.receipts.receipt_factory import ReceiptItem

AMOUNT, WORKERS, PIECE = 100, 2, 500
GOODS = ReceiptItem("РОЗЕТКА ДВОЙНАЯ С ЗАЗЕМЛ. RA16-374", 45_000)
OTHER = ReceiptItem("Кабель ВВГнг(А)-LS 3х2,5 бухта 20м", 214_000)
# Nothing here is about fraud, and no run waits five minutes for a retry.
NUMBERS = {
    "receipts_agent_day": 10**6,
    "receipts_agent_hour": 10**6,
    "receipts_agent_shop": 10**6,
    "till_share_least": 10**6,
    "receipts_quick_week": 10**6,
    "receipts_per_day": 10**6,
    "receipts_waiting_new": 300,
    "receipts_new_per_day_per_network": 10**6,
    "receipt_quota_new_percent": 100,
} | {f"receipt_retry_{step}": 1 for step in range(1, 9)}
STATES = text("SELECT state, count(*) AS n FROM receipts GROUP BY 1")
PAID = text("SELECT count(*) AS n, coalesce(sum(amount), 0) AS amount FROM accruals WHERE cause = 6")
TRIES = text("SELECT result, count(*) AS n FROM receipt_tries GROUP BY 1 ORDER BY 1")


async def storm(count: int, per_second: int, faults: float, pause: float) -> bool:
    """Run the scenario; True if all checks pass."""
    options = ["--faults", str(faults), "--per-second", str(per_second), "--seed", "7"]
    with run_simulators(*options) as url, tempfile.TemporaryDirectory(prefix="scanback-storm-") as folder:
        async with open_stage() as at:
            await _goods(at)
            environ = _environ(at, Path(folder), url, per_second)
            await _send(at, Path(folder) / "providers.toml", url, count)
            begun = time.monotonic()
            kills = await _work(at, environ, count, pause)
            return await _judge(at, url, count, per_second, kills, time.monotonic() - begun)


async def _goods(at: Stage) -> None:
    """A product that receipts name, and a campaign that pays for it."""
    async with at.db.begin() as session:
        row = (await session.execute(text("SELECT id AS programme, brand_id AS brand FROM programmes"))).one()
        session.add(
            Product(brand_id=row.brand, sku="RA16-374", name_ru="Розетка двойная с заземлением", articles=["РА16-374"])
        )
        campaign = Campaign(
            brand_id=row.brand,
            programme_id=row.programme,
            key="receipts",
            state="active",
            starts_at=datetime(2026, 1, 1, tzinfo=UTC),
        )
        session.add(campaign)
        await session.flush()
        rule = msgspec.to_builtins(Rule(ways=frozenset({"receipt"}), amount=FixedAmount(AMOUNT)))
        session.add(CampaignVersion(brand_id=row.brand, campaign_id=campaign.id, version=1, name_ru="Чек", rule=rule))
        await session.execute(text("UPDATE programmes SET rules_version = rules_version + 1"))


def _environ(at: Stage, folder: Path, url: str, per_second: int) -> dict[str, str]:
    """The environment of the workers."""
    providers, numbers = folder / "providers.toml", folder / "numbers.toml"
    providers.touch(mode=0o600)
    more = {"per_second": float(per_second), "per_day": 10**6, "timeout": 2.0}
    providers.write_text(simulator_process.provider_settings(url, **more), "utf-8")
    lines = (f'[[{name}]]\nfrom = 2026-01-01\nvalue = {value}\nsource = "bench"\n' for name, value in NUMBERS.items())
    numbers.write_text("".join(lines), "utf-8")
    return os.environ | {
        "DATABASE_URL": at.settings.database_url,
        "SCANBACK_DATA": str(at.settings.data),
        "SCANBACK_RECEIPT_PROVIDERS": str(providers),
        "SCANBACK_NUMBERS": str(numbers),
        "SCANBACK_LOG_LEVEL": "ERROR",
    }


async def _send(at: Stage, providers: Path, url: str, count: int) -> None:
    """Add receipts to the simulator, some of which appear late, and send them as agents do."""
    settings = msgspec.structs.replace(at.settings, receipt_providers=providers)
    for table, value in NUMBERS.items():
        settings.numbers.table[table] = [msgspec.structs.replace(settings.numbers.table[table][0], value=value)]
    device = (await at.db.call(text("SELECT min(id - account_id) AS apart FROM devices"))).apart
    now = datetime.now(UTC)
    for first in range(0, count, PIECE):
        made = [_receipt(number, now) for number in range(first, min(count, first + PIECE))]
        late = random.choice((0, 0, 1, 2))
        for place, said in enumerate(simulator_process.put_receipts(url, made, appears_after=late)):
            account = at.accounts[(first + place) % len(at.accounts)]
            agent = Agent(account, account + device, "bench")
            await submission.submit_receipt(at.db, settings, agent, uuid.uuid4(), submission.parse_receipt(said), now)


def _receipt(number: int, now: datetime) -> dict[str, Any]:
    at = (now + timedelta(hours=3, minutes=-60 - number % 1440)).replace(tzinfo=None, second=0, microsecond=0)
    return receipt_factory.make_receipt(number + 1, at=at, lines=[GOODS, OTHER])


async def _work(at: Stage, environ: dict[str, str], count: int, pause: float) -> int:
    """Two workers, killed and started again, until nothing is pending; how many were killed."""
    kills, printed_at = 0, 0.0
    with _workers(environ) as workers:
        while (states := {row.state: row.n for row in await at.db.rows(STATES)}).get("pending", 0):
            await asyncio.sleep(random.uniform(0.5, 1.5) * pause)
            victim = random.randrange(WORKERS)
            workers[victim].kill()
            workers[victim].wait()
            workers[victim], kills = _worker(environ), kills + 1
            if time.monotonic() - printed_at > 30:
                printed_at = time.monotonic()
                print(f"    {count - states['pending']:,} of {count:,} decided, {kills} workers killed", flush=True)
    return kills


@contextmanager
def _workers(environ: dict[str, str]) -> Iterator[list[subprocess.Popen[bytes]]]:
    workers = [_worker(environ) for _ in range(WORKERS)]
    try:
        yield workers
    finally:
        for worker in workers:
            worker.send_signal(signal.SIGTERM)
        for worker in workers:
            worker.wait(30)


def _worker(environ: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "backend.cli", "worker"], env=environ, stdout=subprocess.DEVNULL)


async def _judge(at: Stage, url: str, count: int, per_second: int, kills: int, seconds: float) -> bool:
    with Client(base_url=url, trust_env=False) as http:
        log = http.get("/_simulator/log").json()["proverkacheka"]
    states = {row.state: row.n for row in await at.db.rows(STATES)}
    paid, faults = await at.db.call(PAID), (await audit.audit_ledger(at.db.engine)).faults
    tries = ", ".join(f"{row.result} {row.n:,}" for row in await at.db.rows(TRIES))
    checks = {
        f"{states.get('credited', 0):,} of {count:,} receipts credited": states == {"credited": count},
        f"{paid.n:,} paid once, {paid.amount / 100:,.2f} in all": (paid.n, paid.amount) == (count, count * AMOUNT),
        f"{log['most_in_a_second']} questions in any second, {per_second} allowed": log["most_in_a_second"]
        <= per_second,
        "the books balance": faults == [],
    }
    print(f"{seconds:,.0f} s, {kills} workers killed; answers: {tries}")
    for said, ok in checks.items():
        print(f"{'ok  ' if ok else 'MISS'} {said}", flush=True)
    return all(checks.values())


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--receipts", type=int, default=10_000)
    parser.add_argument("--per-second", type=int, default=5)
    parser.add_argument("--faults", type=float, default=0.2, help="part of the questions that fail")
    parser.add_argument("--pause", type=float, default=20.0, help="seconds between kills, about")
    given = parser.parse_args()
    sys.exit(0 if asyncio.run(storm(given.receipts, given.per_second, given.faults, given.pause)) else 1)
