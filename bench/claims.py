"""(a), (b), (d): claims over HTTP compared with pgbench for the same transaction, batches of 200, the home screen."""

import asyncio
import os
import subprocess
import tempfile
import uuid
from collections.abc import Iterator

import msgspec
import psutil
from sqlalchemy import text

from bench import client
from bench.client import Load
from bench.stage import SLOT, Stage, pin_to_core, run_server
from local_postgres import programs as postgres_programs

CLIENTS, WARM = 16, 400
SERVER_CORE, CLIENT_CORE = 0, 1
FAR = 10**9  # serials of pgbench, far from those of HTTP


def _scans(at: Stage, count: int) -> Iterator[bytes]:
    for number, code in enumerate(at.codes(count)):
        token = at.bearers[number % len(at.bearers)]
        yield client.request_bytes(f"/v1/scans/{uuid.uuid4()}", token, b'{"text":"%s"}' % code.encode())


def _queues(at: Stage, count: int) -> Iterator[bytes]:
    for number in range(count):
        scans = [{"id": str(uuid.uuid4()), "text": code} for code in at.codes(200)]
        body = msgspec.json.encode({"scans": scans})
        yield client.request_bytes("/v1/scans/batch", at.bearers[number % len(at.bearers)], body, "POST")


def _homes(at: Stage, count: int) -> Iterator[bytes]:
    for number in range(count):
        yield client.get_bytes("/v1/me", at.bearers[number % len(at.bearers)])


async def measure_claims(at: Stage, port: int, count: int) -> Load:
    """Single scans, each with authentication, limits, rules and ledger."""
    await client.run_load(port, _scans(at, WARM), CLIENTS, lambda body: b'"credited"' in body)
    return await client.run_load(port, _scans(at, count), CLIENTS, lambda body: b'"credited"' in body)


async def measure_batches(at: Stage, port: int, count: int) -> Load:
    """Batches of 200 scans each, all credited."""
    return await client.run_load(port, _queues(at, count), 4, lambda body: body.count(b'"credited"') == 200)


async def measure_home_screen(at: Stage, port: int, count: int) -> Load:
    """The home screen of agents with a balance."""
    return await client.run_load(port, _homes(at, count), CLIENTS, lambda body: b'"wallets":[{' in body)


def pin_database(at: Stage, core: int | None) -> None:
    """Pin the database with all its processes to one core; None: to all."""
    cores = {core} if core is not None else set(range(os.cpu_count() or 1))
    for process in psutil.process_iter(["name", "cmdline"]):
        if process.info["name"] == "postgres" and _belongs_to_stage(process, at):
            os.sched_setaffinity(process.pid, cores)


def _belongs_to_stage(process: psutil.Process, at: Stage) -> bool:
    place = str(at.server.place)
    try:
        family = [process, *process.parents()]
        return any(place in " ".join(member.cmdline()) for member in family)
    except psutil.Error:
        return False


RULE = text("""
    SELECT b.brand_id AS brand, b.programme_id AS programme, g.rules_version, c.id AS campaign, v.id AS version,
        b.product_id AS product,
        (SELECT min(d.id - d.account_id) FROM devices d) AS device
    FROM batches b JOIN programmes g ON g.id = b.programme_id
    JOIN campaigns c ON c.programme_id = g.id JOIN campaign_versions v ON v.campaign_id = c.id
""")


# The limits that scans_record_v2 checks; a blank after a colon, because pgbench reads a word after it as a variable.
WINDOWS = (
    '[["wrong: account: %s", 10, 3600], ["wrong: device: %s", 20, 86400], ["wrong: network: bench", 50, 3600], '
    '["missed: account: %s", 60, null]]'
)


async def measure_pgbench(at: Stage, seconds: int) -> float:
    """The transaction of a claim by pgbench: claims a second with the same clients."""
    row = await at.db.call(RULE)
    item = (
        '[{"call":0,"place":0,"id":"%s","n":0,"digest":"00112233445566778899aabbccddeeff","kind":"package","cause":1,'
        '"cause_id":%s,'
        f'"slot":{SLOT},"serial":%s,"brand":{row.brand},"programme":{row.programme},'
        f'"rules_version":{row.rules_version},"campaign":{row.campaign},"version":{row.version},'
        f'"product":{row.product},"base":0,"gross":100,"day_cap":1000000000000,"budgeted":false,'
        '"today":"%s","matures_on":"%s","expires_on":"%s"}]'
    )
    call = f'[{{"call":0,"account":%s,"device":%s,"per_minute":1000000000,"scans":1,"windows":{WINDOWS}}}]'
    item, call = (
        item.replace('":', '" : '),
        call.replace('":', '" : '),
    )  # a colon before a word is a variable to pgbench
    script = (
        "\\set n :n + 1\n"
        f"\\set serial {FAR} + :client_id * 100000000 + :n\n"
        f"\\set account random({at.accounts[0]}, {at.accounts[-1]})\n"
        f"\\set cause_id ({SLOT} << 37) + :serial\n"
        f"\\set device :account + {row.device}\n"
        f"SELECT count(*) FROM scans_record_v2(format('{call}', cast(:account AS bigint), cast(:device AS bigint), "
        "cast(:account AS bigint), cast(:device AS bigint), cast(:account AS bigint))::jsonb, "
        f"format('{item}', gen_random_uuid(), cast(:cause_id AS bigint), "
        "cast(:serial AS bigint), current_date, current_date, current_date + 365)::jsonb, false);\n"
    )
    return await run_pgbench_script(at, script, "-T", str(seconds), "-D", f"n={at.serial}")


async def run_pgbench_script(at: Stage, script: str, *options: str) -> float:
    """Transactions a second of a script, with 16 clients (more are slower) and the database on the server's core."""
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(script)
        file.flush()
        url = at.settings.database_url.replace("postgresql+psycopg://", "postgresql://")
        command = [_program(at), "-n", "-M", "prepared", "-c", str(CLIENTS), "-j", "1", *options, "-f", file.name, url]
        child = await asyncio.create_subprocess_exec(
            *command, stdout=subprocess.PIPE, env=os.environ | {"PGOPTIONS": "-c role=scanback_app"}
        )
        pin_to_core(child.pid, CLIENT_CORE)
        await asyncio.sleep(0.3)
        pin_database(at, SERVER_CORE)
        out, _ = await child.communicate()
    if child.returncode:
        raise RuntimeError("pgbench failed")
    (tps,) = [line.split()[2] for line in out.decode().splitlines() if line.startswith("tps")]
    return float(tps)


def _program(at: Stage) -> str:
    identity = postgres_programs.identity(at.server.place)
    return str(postgres_programs.find(at.server.place, identity, postgres_programs.folders()).folder / "pgbench")


async def measure_on_one_core(at: Stage, count: int) -> tuple[Load, float]:
    """Server and database on one core, the load on the other: HTTP, then pgbench, in one run."""
    async with run_server(at, SERVER_CORE) as port:
        os.sched_setaffinity(0, {CLIENT_CORE})
        await measure_claims(at, port, WARM)
        pin_database(at, SERVER_CORE)
        load = await measure_claims(at, port, count)
    rate = await measure_pgbench(at, seconds=10)
    os.sched_setaffinity(0, range(os.cpu_count() or 1))
    pin_database(at, None)
    return load, rate
