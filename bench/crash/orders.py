"""The second half of `make crash`: kill -9 of workers and of the database during orders.

Suppliers are simulators over HTTP that fail often. Each order must end with one certificate or with the money back, or
be handed to staff within a quarter of an hour; nothing may be sold twice.
"""

import argparse
import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from httpx2 import AsyncClient, Client, HTTPError
from sqlalchemy import text

from backend.cli.server.simulate import run_simulators
from backend.core.security import gift_card_codes
from backend.spending.models import Reward, StockCode
from bench import stage
from bench.crash.order_checks import judge
from bench.stage import Stage

BUYERS, AGENTS, WORKERS = 4, 40, 2
NOMINAL, EARNED = 1000, 10**8
CODES, SCARCE = 300, 25
BETWEEN_SECONDS = 0.1  # between orders of a buyer: recovery needs the machine
# Time is moved in steps while no worker runs, up to a quarter of an hour.
# Workers that start on a busy machine need a while until they have leased what is due; only then the polling begins.
STEP_SECONDS, MAX_SECONDS, START_SECONDS, POLL_SECONDS = 90, 900, 60.0, 10.0
SETUP = {
    "seed": 7,
    "faults": 0.3,
    "timeout_seconds": 1.5,
    "slow_seconds": 0.2,
    "late_seconds": 0.3,
    "supplier_limits": {"tremendous": 0, "tango": 0},
}
GENERIC = {"name": "generic", "product": "BOOKS"}
RARE = {"name": "generic", "product": "SCARCE"}
OFFERS: dict[str, tuple[str, list[dict[str, str]]]] = {
    "stock": ("stock", []),
    "own": ("own", []),
    "sold": ("supplier", [GENERIC]),
    "elsewhere": ("supplier", [RARE, {"name": "tremendous", "product": "BOOKS"}]),
    "nowhere": ("supplier", [RARE]),
}

EARN = text("""
    SELECT ledger_earn(ledger_open(a, :programme, current_date), :amount, 1, a, current_date, current_date,
        '9999-12-31')
    FROM unnest(CAST(:accounts AS bigint[])) AS a
""")
OPEN = text("""
    SELECT count(*) AS n, count(*) FILTER (WHERE due_at <= now()) AS due FROM orders
    WHERE state = 'held' AND NOT for_person
""")
PASS = text("""
    UPDATE orders SET placed_at = placed_at - :seconds * interval '1 second',
        due_at = due_at - :seconds * interval '1 second' WHERE state = 'held' AND NOT for_person
""")


class Run(msgspec.Struct):
    """The first response to each order."""

    at: Stage
    port: int
    offers: dict[str, int]
    responses: dict[str, str] = {}
    again: int = 0
    over: bool = False


async def main(rounds: int, pause: float) -> bool:
    """Start everything, kill, move time, judge; True if all checks pass."""
    with run_simulators() as url:
        async with stage.open_stage() as at:
            environ = _environ(at, url)
            run = Run(at, at.settings.port, await _offers(at))
            with _children(environ) as workers:
                await _play(run, environ, workers, rounds, pause)
                passed = await _settle(at, environ, workers)
            return await _judge(run, url, rounds, passed)


def _environ(at: Stage, url: str) -> dict[str, str]:
    """Configure the simulators; returns the environment of the workers."""
    with Client(base_url=url, trust_env=False) as http:
        http.put("/_simulator/setup", content=json.dumps(SETUP)).raise_for_status()
        http.put("/_simulator/orders", content=json.dumps({"left": {"SCARCE": SCARCE}})).raise_for_status()
    tables = [
        {"name": "generic", "kind": "generic", "url": f"{url}/aggregator"},
        {"name": "tremendous", "kind": "tremendous", "url": url},
    ]
    more = {"token": "bench", "per_second": 100.0, "timeout": 1.0, "account": "ACCOUNT", "customer": "CUSTOMER"}
    path = Path(at.settings.data) / "suppliers.toml"
    path.touch(mode=0o600)
    lines = ("".join(f"{key} = {json.dumps(value)}\n" for key, value in (table | more).items()) for table in tables)
    path.write_text("".join(f"[[supplier]]\n{line}" for line in lines), "utf-8")
    return stage.child_environment(at) | {"SCANBACK_SUPPLIERS": str(path), "SCANBACK_LOG_LEVEL": "CRITICAL"}


async def _offers(at: Stage) -> dict[str, int]:
    """Create a reward of each kind, codes in stock, and funded agents."""
    async with at.db.begin() as session:
        programme = (await session.execute(text("SELECT id, brand_id FROM programmes"))).one()
        made = {
            key: Reward(
                brand_id=programme.brand_id,
                programme_id=programme.id,
                key=key,
                kind="certificate",
                fulfilment=fulfilment,
                suppliers=suppliers,
                name_ru=key,
                least=NOMINAL,
                most=NOMINAL,
                price=NOMINAL,
                tax="discount",
            )
            for key, (fulfilment, suppliers) in OFFERS.items()
        }
        session.add_all(made.values())
        await session.flush()
        stock = made["stock"].id
        session.add_all(
            StockCode(
                brand_id=programme.brand_id,
                offer_id=stock,
                nominal=NOMINAL,
                digest=gift_card_codes.digest(at.settings, f"GIFT-{number}"),
                sealed=gift_card_codes.seal(at.settings, gift_card_codes.stock_owner(stock), f"GIFT-{number}"),
            )
            for number in range(CODES)
        )
        agents = at.accounts[:AGENTS]
        await session.execute(EARN, {"programme": programme.id, "amount": EARNED, "accounts": agents})
    return {key: offer.id for key, offer in made.items()}


@contextmanager
def _children(environ: dict[str, str]) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Run the API and the workers; yields the workers."""
    api, workers = _child("serve", environ), [_child("worker", environ) for _ in range(WORKERS)]
    try:
        yield workers
    finally:
        for child in (api, *workers):
            child.send_signal(signal.SIGTERM)
        for child in (api, *workers):
            child.wait(30)


def _child(word: str, environ: dict[str, str]) -> subprocess.Popen[bytes]:
    """Start a process; its errors about a stopped database go to its log."""
    with Path(environ["SCANBACK_DATA"], f"{word}.log").open("ab") as log:
        return subprocess.Popen([sys.executable, "-m", "backend.cli", word], env=environ, stdout=log, stderr=log)


async def _play(
    run: Run, environ: dict[str, str], workers: list[subprocess.Popen[bytes]], rounds: int, pause: float
) -> None:
    """Kill workers and the database in random order, at random times, while orders are placed and fulfilled."""
    buyers = [asyncio.create_task(_buy(run)) for _ in range(BUYERS)]
    victims = ["worker", "database"] * rounds
    random.shuffle(victims)
    while not run.responses:
        await asyncio.sleep(0.1)
        _raise_of(buyers)
    for victim in victims:
        await asyncio.sleep(random.uniform(0.5, 1.5) * pause)
        if victim == "worker":
            _kill(workers, random.randrange(WORKERS), environ)
        else:
            os.kill(run.at.server.pid or 0, signal.SIGKILL)
            run.at.server.start()
        _raise_of(buyers)
    await asyncio.sleep(pause)
    run.over = True
    await asyncio.gather(*buyers)


def _kill(workers: list[subprocess.Popen[bytes]], which: int, environ: dict[str, str]) -> None:
    workers[which].kill()
    workers[which].wait()
    workers[which] = _child("worker", environ)


def _raise_of(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        if task.done():
            task.result()


async def _buy(run: Run) -> None:
    """Place orders; after any failure retry under the same id until there is a response."""
    async with AsyncClient(base_url=f"http://127.0.0.1:{run.port}", timeout=5, trust_env=False) as client:
        while not run.over:
            headers = {"Authorization": f"Bearer {run.at.bearers[random.randrange(AGENTS)]}"}
            key, body = str(uuid.uuid4()), {"offer_id": random.choice(list(run.offers.values()))}
            while (status := await _answered(client, f"/v1/orders/{key}", body, headers)) is None:
                run.again += 1
                await asyncio.sleep(0.2)
            run.responses[key] = status
            await asyncio.sleep(BETWEEN_SECONDS)


async def _answered(client: AsyncClient, path: str, body: dict[str, int], headers: dict[str, str]) -> str | None:
    try:
        response = await client.put(path, json=body, headers=headers)
    except HTTPError:
        return None
    if response.status_code in (500, 502, 503, 504):
        return None
    if response.status_code != 200:
        raise RuntimeError(f"unexpected answer {response.status_code} {response.text}")
    return str(response.json()["status"])


async def _settle(at: Stage, environ: dict[str, str], workers: list[subprocess.Popen[bytes]]) -> int:
    """Move time until orders wait only for staff, at most a quarter of an hour; returns the seconds."""
    passed = 0
    while await _still_open(at) and passed < MAX_SECONDS:
        # The lease of a running worker is a point in time that must not be moved.
        for worker in workers:
            worker.kill()
            worker.wait()
        await at.db.rows(PASS, seconds=STEP_SECONDS)
        passed += STEP_SECONDS
        workers[:] = [_child("worker", environ) for _ in range(WORKERS)]
    return passed


async def _still_open(at: Stage) -> int:
    """The number of orders that wait for suppliers, after some seconds in which workers may end them."""
    last_start = time.monotonic() + START_SECONDS
    deadline = 0.0
    while (row := await at.db.call(OPEN)).n and (not deadline or time.monotonic() < deadline):
        if not deadline and (not row.due or time.monotonic() > last_start):
            deadline = time.monotonic() + POLL_SECONDS
        await asyncio.sleep(0.2)
    return int(row.n)


async def _judge(run: Run, url: str, rounds: int, passed: int) -> bool:
    found = await judge(run.at, url, run.responses, CODES, AGENTS * EARNED)
    found.checks[f"nothing waits for ever (after {passed} s all have ended or are handed to staff)"] = (
        found.states["held"] == 0
    )
    print(
        f"{rounds} kills of workers and {rounds} of the database; {dict(found.states)}; {run.again:,} requests sent "
        f"again; {found.faults:,} faults of suppliers"
    )
    for check, ok in found.checks.items():
        print(f"{'ok  ' if ok else 'MISS'} {check}", flush=True)
    return all(found.checks.values())


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=30, help="kills of each kind")
    parser.add_argument("--pause", type=float, default=2.0, help="seconds between kills, about")
    given = parser.parse_args()
    sys.exit(0 if asyncio.run(main(given.rounds, given.pause)) else 1)
