"""A temporary installation to measure: a durable database, the real server, accounts and codes."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from sqlalchemy import text

from backend.cli.server.migration import migrate
from backend.core.db.database import Database
from backend.core.security import tokens
from backend.core.settings import Settings, ensure_keys
from backend.earning.packages.models import Batch, Range, Slot
from backend.earning.packages.slot_keys import slot_key
from backend.identity.brands.models import Brand
from backend.programmes.models import Campaign, CampaignVersion, Product, Programme
from backend.programmes.rules.rule import FixedAmount, Rule
from local_postgres import data_folder
from local_postgres import server as postgres_server
from scanning.codes import package

SLOT, SERIALS = 7, 2**37
ACCOUNTS = 2000
READY_SECONDS = 30


class Stage(msgspec.Struct):
    """The installation of a measurement."""

    settings: Settings
    server: postgres_server.Server
    db: Database
    bearers: list[str]
    accounts: list[int]
    serial: int = 0

    def codes(self, count: int) -> list[str]:
        """The next unclaimed codes."""
        first = self.serial
        self.serial += count
        return generate_codes(self.settings.master_key, first, count)


def generate_codes(master: bytes, first: int, count: int) -> list[str]:
    """Codes of the measured batch."""
    key = slot_key(master, SLOT)
    return [code.decode() for code in package.encode_many(key, SLOT, first, count).tolist()]


@contextlib.asynccontextmanager
async def open_stage(**numbers: int) -> AsyncIterator[Stage]:
    """Create an installation. Limits are lifted, because one machine sends the requests of all phones."""
    with tempfile.TemporaryDirectory(prefix="scanback-bench-") as folder:
        data = Path(folder)
        data.chmod(0o755)
        data_folder.prepare(data)
        ensure_keys(data)
        extra = data / "numbers.toml"
        lifted = {"scans_per_minute": 10**9, "orders_refused_per_hour": 10**9} | numbers
        extra.write_text(
            "".join(
                f'[[{name}]]\nfrom = 2026-01-02\nvalue = {value}\nsource = "bench"\n' for name, value in lifted.items()
            )
        )
        server = postgres_server.start(data)
        db = Database(server.url, pool_size=4, role="")
        try:
            migrate(server.url)
            settings = Settings.from_env(
                {
                    "SCANBACK_DATA": folder,
                    "DATABASE_URL": server.url,
                    "SCANBACK_PORT": str(free_port()),
                    "SCANBACK_NUMBERS": str(extra),
                    "SCANBACK_LOG_LEVEL": "WARNING",
                }
            )
            bearers, accounts = await create_accounts(db)
            await create_batch(db)
            yield Stage(settings, server, db, bearers, accounts)
        finally:
            await db.close()
            server.stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def create_accounts(db: Database) -> tuple[list[str], list[int]]:
    bearers = [tokens.token("ls") for _ in range(ACCOUNTS)]
    async with db.begin() as session:
        rows = await session.scalars(
            text(
                "INSERT INTO accounts (card_number, recovery_digest) "
                "SELECT lpad(n::text, 16, '0'), sha256(n::text::bytea) "
                "FROM generate_series(1, :count) AS n RETURNING id"
            ),
            {"count": ACCOUNTS},
        )
        accounts = sorted(rows)
        await session.execute(
            text(
                "INSERT INTO devices (account_id, token_digest, expires_at) "
                "SELECT a, d, now() + interval '90 days' "
                "FROM unnest(CAST(:a AS bigint[]), CAST(:d AS bytea[])) AS x (a, d)"
            ),
            {"a": accounts, "d": [tokens.digest(token) for token in bearers]},
        )
    return bearers, accounts


async def create_batch(db: Database) -> None:
    """Create one programme, one campaign with a daily cap and a hold, and one batch of all serials of a slot."""
    async with db.begin() as session:
        brand = Brand(name="Bench")
        session.add(brand)
        await session.flush()
        programme = Programme(brand_id=brand.id, key="bench", name="Bench", currency="PTS")
        product = Product(brand_id=brand.id, sku="BENCH", name_ru="Розетка", price=45000)
        session.add_all([programme, product])
        await session.flush()
        campaign = Campaign(
            brand_id=brand.id,
            programme_id=programme.id,
            key="bench",
            state="active",
            starts_at=datetime.now(UTC) - timedelta(days=1),
        )
        session.add(campaign)
        session.add(Slot(slot=SLOT, brand_id=brand.id, next_serial=SERIALS))
        await session.flush()
        rule = Rule(ways=frozenset({"package"}), amount=FixedAmount(100), cap_per_agent_day=10**12, lifetime_days=365)
        session.add(
            CampaignVersion(
                brand_id=brand.id, campaign_id=campaign.id, version=1, name_ru="Проба", rule=msgspec.to_builtins(rule)
            )
        )
        batch = Batch(
            key="00000000-0000-4000-8000-000000000001",
            brand_id=brand.id,
            programme_id=programme.id,
            product_id=product.id,
            slot=SLOT,
            first_serial=0,
            count=SERIALS,
            state="active",
        )
        session.add(batch)
        await session.flush()
        session.add(Range(slot=SLOT, first_serial=0, last_serial=SERIALS - 1, batch_id=batch.id, state="active"))


def child_environment(at: Stage) -> dict[str, str]:
    """The environment of the installation's processes."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"} | {
        "DATABASE_URL": at.settings.database_url,
        "SCANBACK_DATA": str(at.settings.data),
        "SCANBACK_PORT": str(at.settings.port),
        "SCANBACK_NUMBERS": str(at.settings.numbers_file),
        "SCANBACK_LOG_LEVEL": "WARNING",
        "SCANBACK_DECODERS": "1",
    }


@contextlib.asynccontextmanager
async def run_server(at: Stage, core: int | None) -> AsyncIterator[int]:
    """Run the real server as a child, on one core where `core` is given; yields its port."""
    child = subprocess.Popen([sys.executable, "-m", "backend.cli", "serve"], env=child_environment(at))
    try:
        await _until_ready(child, at.settings.port)
        if core is not None:
            pin_to_core(child.pid, core)
        yield at.settings.port
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait(15)


async def _until_ready(child: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and child.poll() is None:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return
        await asyncio.sleep(0.05)
    raise TimeoutError("the server does not come up")


def pin_to_core(pid: int, core: int) -> None:
    """Pin a process, its threads and its children to one core."""
    for process in [pid, *_descendants(pid)]:
        for thread in Path(f"/proc/{process}/task").iterdir():
            with contextlib.suppress(ProcessLookupError):
                os.sched_setaffinity(int(thread.name), {core})


def _descendants(pid: int) -> list[int]:
    found = []
    for thread in Path(f"/proc/{pid}/task").iterdir():
        for child in (thread / "children").read_text().split():
            found += [int(child), *_descendants(int(child))]
    return found
