"""Bulk promo codes: ordered over HTTP, made by the worker, downloaded as a file; everything on one core."""

import asyncio
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import httpx2
import msgspec
from sqlalchemy import select

from backend.core.security import tokens
from backend.identity.brands.models import Brand, Staff, StaffSession
from backend.programmes.models import Campaign, CampaignVersion, Programme
from backend.programmes.rules.rule import PercentAmount, Promo, Rule
from bench.claims import pin_database
from bench.stage import Stage, child_environment, pin_to_core, run_server

CORE = 0
POLL_SECONDS = 0.2
MAX_SECONDS = 300


class Issued(msgspec.Struct):
    """Seconds until all codes were stored and until the file was downloaded, and the number of observed steps."""

    stored: float
    whole: float
    steps: int


async def issue(at: Stage, count: int) -> Issued:
    """Order codes, wait for them and download their file. Client, API, worker and database share one core."""
    headers = {"Authorization": f"Bearer {await _create_owner(at)}"}
    async with run_server(at, CORE) as port, _running_worker(at):
        os.sched_setaffinity(0, {CORE})
        pin_database(at, CORE)
        url = f"http://127.0.0.1:{port}/v1/console/promo-issues/{uuid.uuid4()}"
        try:
            async with httpx2.AsyncClient(headers=headers, timeout=MAX_SECONDS) as client:
                begun = time.perf_counter()
                (await client.put(url, json={"campaign": "promo", "count": count})).raise_for_status()
                seen = await _progress(client, url)
                stored = time.perf_counter() - begun
                (await client.get(f"{url}/codes.csv")).raise_for_status()
                whole = time.perf_counter() - begun
                await _check(client, url, count)
        finally:
            os.sched_setaffinity(0, range(os.cpu_count() or 1))
            pin_database(at, None)
    return Issued(stored, whole, len(seen))


async def _progress(client: httpx2.AsyncClient, url: str) -> set[int]:
    """Poll until all codes are made. Returns the observed values of `done`."""
    seen: set[int] = set()
    async with asyncio.timeout(MAX_SECONDS):
        while True:
            found = (await client.get(url)).json()
            seen.add(found["done"])
            if found["state"] == "done":
                return seen
            await asyncio.sleep(POLL_SECONDS)


async def _check(client: httpx2.AsyncClient, url: str, count: int) -> None:
    """Download the file again, unmeasured, and check that every code is in it once."""
    lines = (await client.get(f"{url}/codes.csv")).text.splitlines()[1:]
    if len(lines) != count or len(set(lines)) != count:
        raise RuntimeError(f"{len(set(lines))} codes in {len(lines)} lines, not {count}")


@asynccontextmanager
async def _running_worker(at: Stage) -> AsyncIterator[None]:
    """The real worker as a child process on the core."""
    child = subprocess.Popen([sys.executable, "-m", "backend.cli", "worker"], env=child_environment(at))
    try:
        await asyncio.sleep(2)  # it loads and connects
        pin_to_core(child.pid, CORE)
        yield
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait(15)


async def _create_owner(at: Stage) -> str:
    """The token of a new owner of the measured brand, for which a campaign with promo codes is created."""
    token, now = tokens.token("st"), datetime.now(UTC)
    rule = Rule(ways=frozenset({"promo"}), amount=PercentAmount(300), promo=Promo(discount=PercentAmount(500)))
    async with at.db.begin() as session:
        brand = (await session.scalars(select(Brand))).one()
        programme = (await session.scalars(select(Programme))).one()
        staff = Staff(brand_id=brand.id, email="bench@bench.example", role="owner", password_hash="none")
        campaign = Campaign(brand_id=brand.id, programme_id=programme.id, key="promo", state="active", starts_at=now)
        session.add_all([staff, campaign])
        await session.flush()
        session.add(
            StaffSession(staff_id=staff.id, token_digest=tokens.digest(token), expires_at=now + timedelta(hours=1))
        )
        session.add(
            CampaignVersion(
                brand_id=brand.id, campaign_id=campaign.id, version=1, name_ru="Проба", rule=msgspec.to_builtins(rule)
            )
        )
    return token
