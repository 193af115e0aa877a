"""`make crash`: kill -9 of the API, the worker and the database under writers; nothing acknowledged may be lost."""

import argparse
import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import msgspec
import psutil
from httpx2 import AsyncClient, HTTPError
from sqlalchemy import text

from backend.core.db.database import Database
from backend.core.settings import Settings
from bench import stage
from bench.crash.tills import TILLS, Tills
from local_postgres import server as postgres_server
from payouts import audit

WRITERS, AMOUNT = 16, 100
BACK_SECONDS = 10.0
VICTIMS = ("API", "worker", "database")


class Run(msgspec.Struct):
    """The state of the writers: acknowledged codes with their agents, and the time of the last response."""

    port: int
    bearers: list[str]
    acknowledged: dict[str, int] = {}
    retries: int = 0
    last: float = 0.0
    over: bool = False


async def write(run: Run, codes: Iterator[str]) -> None:
    """Claim code after code, each with retries under the same id until there is a response."""
    async with AsyncClient(base_url=f"http://127.0.0.1:{run.port}", timeout=5) as client:
        for code in codes:
            if run.over:
                return
            agent = random.randrange(len(run.bearers))
            await _claim(run, client, code, agent)
            run.last = time.monotonic()


async def _claim(run: Run, client: AsyncClient, code: str, agent: int) -> None:
    path, headers = f"/v1/scans/{uuid.uuid4()}", {"Authorization": f"Bearer {run.bearers[agent]}"}
    while True:
        try:
            response = await client.put(path, json={"text": code}, headers=headers)
        except HTTPError:
            response = None
        if response is not None and response.status_code == 200:
            if response.json()["status"] != "credited":
                raise RuntimeError(f"a new code was refused: {response.text}")
            run.acknowledged[code] = agent
            return
        if response is not None and response.status_code not in (500, 502, 503, 504):
            raise RuntimeError(f"unexpected response {response.status_code} {response.text}")
        run.retries += 1
        await asyncio.sleep(0.2)  # a phone would wait longer; leaves the CPU for the restart


def victims(supervisor: psutil.Process, which: str) -> list[psutil.Process]:
    """Candidates for a kill: the API's processes, the worker, or the database's first process."""
    found = []
    for process in supervisor.children(recursive=True):
        words = _words(process)
        is_database = Path(words[0]).name == "postgres" and "-D" in words
        if {"database": is_database, "API": words[-1] == "serve", "worker": words[-1] == "worker"}[which]:
            found.append(process)
    return found


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline() or [""]
    except psutil.Error:
        return [""]


async def kill(run: Run, supervisor: psutil.Process, which: str) -> float:
    """Kill one process and wait until a claim is answered again; returns the seconds."""
    chosen = random.choice(victims(supervisor, which))
    at = time.monotonic()
    chosen.send_signal(signal.SIGKILL)
    while run.last <= at + 0.05 or not victims(supervisor, which):
        if time.monotonic() - at > 6 * BACK_SECONDS:
            raise RuntimeError(f"no service a minute after the {which} was killed")
        await asyncio.sleep(0.02)
    return time.monotonic() - at


CLAIMS = text("SELECT cause_id & ((1::bigint << 37) - 1) AS serial, account_id, amount FROM accruals WHERE cause = 1")
MOVED = text("SELECT count(*), coalesce(sum(amount), 0)::bigint FROM movements WHERE kind = 1 AND cause = 1")


async def verify(run: Run, db: Database, accounts: list[int], serials: dict[str, int]) -> None:
    """Check that the database has exactly the acknowledged claims, each for its agent, and that the ledger balances."""
    rows = await db.rows(CLAIMS)
    stored = {row.serial: (row.account_id, row.amount) for row in rows}
    for code, agent in run.acknowledged.items():
        if stored.get(serials[code]) != (accounts[agent], AMOUNT):
            raise RuntimeError(f"acknowledged but lost: serial {serials[code]}")
    count, total = (await db.rows(MOVED))[0]
    if not len(stored) == count == len(run.acknowledged) or total != count * AMOUNT:
        raise RuntimeError(f"{len(run.acknowledged)} acknowledged, {len(stored)} stored, {count} movements of {total}")
    if faults := await audit.find_faults(db.engine):
        raise RuntimeError(f"ledger faults: {faults}")


async def main(rounds: int, pause: float, back_seconds: float = BACK_SECONDS) -> None:
    """Start all processes, kill them under load, verify."""
    with tempfile.TemporaryDirectory(prefix="scanback-crash-") as folder:
        Path(folder).chmod(0o755)
        port = stage.free_port()
        environ = {"SCANBACK_DATA": folder, "SCANBACK_PORT": str(port), "SCANBACK_LOG_LEVEL": "ERROR"}
        home = subprocess.Popen(
            [sys.executable, "-m", "backend.cli", "run"], env=os.environ | environ, stdout=subprocess.DEVNULL
        )
        try:
            await _ready(home, port)
            with postgres_server.running(Path(folder)) as url:
                await _run_rounds(home, Settings.from_env(environ), url, rounds, pause, back_seconds)
        finally:
            home.send_signal(signal.SIGTERM)
            home.wait(30)


async def _ready(home: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + 60
    async with AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=5) as client:
        while home.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(HTTPError):
                if (await client.get("/ready")).status_code == 200:
                    return
            await asyncio.sleep(0.1)
    raise RuntimeError("scanback run does not start")


async def _run_rounds(
    home: subprocess.Popen[bytes], settings: Settings, url: str, rounds: int, pause: float, back_seconds: float
) -> None:
    db = Database(url, pool_size=2, role="")
    try:
        bearers, accounts = await stage.create_accounts(db)
        await stage.create_batch(db)
        codes = stage.generate_codes(settings.master_key, 0, 400_000)
        serials = {code: number for number, code in enumerate(codes)}
        run = Run(settings.port, bearers)
        feed = iter(codes)
        tills = Tills.of(settings.port, settings.data)
        writers = [asyncio.create_task(write(run, feed)) for _ in range(WRITERS)]
        writers += [asyncio.create_task(tills.work()) for _ in range(TILLS)]
        back = await _kill_all(run, psutil.Process(home.pid), writers, rounds, pause)
        run.over = tills.over = True
        await asyncio.gather(*writers)
        await verify(run, db, accounts, serials)
        await tills.verify(db)
    finally:
        await db.close()
    for which in VICTIMS:
        ranked = sorted(back[which])
        print(
            f"{which}: killed {len(ranked)} times, back after {ranked[len(ranked) // 2]:.2f} s (median), "
            f"{ranked[-1]:.2f} s (most)"
        )
    print(
        f"{len(run.acknowledged):,} claims, {tills.sales:,} sales and {tills.returns:,} returns acknowledged, "
        f"0 lost, 0 doubled; {run.retries:,} requests were retried; the ledger balances"
    )
    worst = max(max(rows) for rows in back.values())
    if worst > back_seconds:
        raise SystemExit(f"back after {worst:.1f} s, more than {back_seconds:.0f}")


async def _kill_all(
    run: Run, supervisor: psutil.Process, writers: list[asyncio.Task[None]], rounds: int, pause: float
) -> dict[str, list[float]]:
    back: dict[str, list[float]] = {which: [] for which in VICTIMS}
    order = [which for which in VICTIMS for _ in range(rounds)]
    random.shuffle(order)
    while not run.acknowledged:
        await asyncio.sleep(0.05)
    for which in order:
        back[which].append(await kill(run, supervisor, which))
        await asyncio.sleep(random.uniform(0.2, 1.0) * pause)
        for writer in writers:
            if writer.done():
                writer.result()
    return back


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=30, help="kills of each kind")
    parser.add_argument("--pause", type=float, default=1.0, help="seconds between kills, at most")
    parser.add_argument("--back", type=float, default=BACK_SECONDS, help="seconds within which all is back")
    options = parser.parse_args()
    asyncio.run(main(options.rounds, options.pause, options.back))
