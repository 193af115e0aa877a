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

from backend.cli import embedded
from backend.database import Database
from backend.settings import Settings
from bench import stage
from bench.crash_tills import TILLS, Tills
from payouts import books

WRITERS, AMOUNT = 16, 100
BACK_SECONDS = 10.0
VICTIMS = ("API", "worker", "database")


class Run(msgspec.Struct):
    """What the writers know: which codes were acknowledged to whom, and when the last answer came."""

    port: int
    bearers: list[str]
    acknowledged: dict[str, int] = {}
    retries: int = 0
    last: float = 0.0
    over: bool = False


async def write(run: Run, codes: Iterator[str]) -> None:
    """Claim code after code; whatever happens on the way, ask again under the same id until there is an answer."""
    async with AsyncClient(base_url=f"http://127.0.0.1:{run.port}", timeout=5) as client:
        for code in codes:
            if run.over:
                return
            who = random.randrange(len(run.bearers))
            await _claim(run, client, code, who)
            run.last = time.monotonic()


async def _claim(run: Run, client: AsyncClient, code: str, who: int) -> None:
    path, headers = f"/v1/scans/{uuid.uuid4()}", {"Authorization": f"Bearer {run.bearers[who]}"}
    while True:
        try:
            response = await client.put(path, json={"text": code}, headers=headers)
        except HTTPError:
            response = None
        if response is not None and response.status_code == 200:
            if response.json()["status"] != "credited":
                raise RuntimeError(f"a fresh code was answered {response.text}")
            run.acknowledged[code] = who
            return
        if response is not None and response.status_code not in (500, 502, 503, 504):
            raise RuntimeError(f"unexpected answer {response.status_code} {response.text}")
        run.retries += 1
        await asyncio.sleep(0.2)  # a phone would wait longer; the machine is needed for coming back


def victims(supervisor: psutil.Process, which: str) -> list[psutil.Process]:
    """The processes to kill: one of the API's, the worker, or the database's first process."""
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
    """Kill one and wait until a claim is answered again; returns the seconds."""
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
    """Each acknowledged claim stands once, for its agent; there is no claim that nobody made; the books are right."""
    rows = await db.rows(CLAIMS)
    standing = {row.serial: (row.account_id, row.amount) for row in rows}
    for code, who in run.acknowledged.items():
        if standing.get(serials[code]) != (accounts[who], AMOUNT):
            raise RuntimeError(f"acknowledged but not there: serial {serials[code]}")
    count, total = (await db.rows(MOVED))[0]
    if not len(standing) == count == len(run.acknowledged) or total != count * AMOUNT:
        raise RuntimeError(f"{len(run.acknowledged)} acknowledged, {len(standing)} stand, {count} movements of {total}")
    if faults := await books.faults(db.engine):
        raise RuntimeError(f"the books: {faults}")


async def main(rounds: int, pause: float) -> None:
    """Start everything, kill everything, count."""
    with tempfile.TemporaryDirectory(prefix="scanback-crash-") as folder:
        Path(folder).chmod(0o755)
        port = stage.free_port()
        environ = {"SCANBACK_DATA": folder, "SCANBACK_PORT": str(port), "SCANBACK_LOG_LEVEL": "ERROR"}
        home = subprocess.Popen(
            [sys.executable, "-m", "backend.cli", "run"], env=os.environ | environ, stdout=subprocess.DEVNULL
        )
        try:
            await _ready(home, port)
            with embedded.running(Path(folder)) as url:
                await _play(home, Settings.from_env(environ), url, rounds, pause)
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


async def _play(home: subprocess.Popen[bytes], settings: Settings, url: str, rounds: int, pause: float) -> None:
    db = Database(url, pool_size=2, role="")
    try:
        bearers, accounts = await stage.people(db)
        await stage.codes(db)
        codes = stage.codes_from(settings.master_key, 0, 400_000)
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
        print(f"{which}: killed {len(ranked)} times, back after {ranked[len(ranked) // 2]:.2f} s (median), "
              f"{ranked[-1]:.2f} s (most)")  # fmt: skip
    print(f"{len(run.acknowledged):,} claims, {tills.sales:,} sales and {tills.returns:,} returns acknowledged, "
          f"0 lost, 0 doubled; {run.retries:,} requests were sent again; the books balance")  # fmt: skip
    worst = max(max(rows) for rows in back.values())
    if worst > BACK_SECONDS:
        raise SystemExit(f"back after {worst:.1f} s, more than {BACK_SECONDS:.0f}")


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
    options = parser.parse_args()
    asyncio.run(main(options.rounds, options.pause))
