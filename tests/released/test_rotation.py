"""`scanback keys rotate` on the last release's data, while a server answers requests."""

import asyncio
import os
import subprocess
import sys
import uuid
from datetime import UTC, datetime, timedelta

import psycopg
import pyotp
import pytest
from httpx2 import Client

from backend.cli.server.migration import migrate
from backend.core import keyring
from backend.operations.key_rotation import REFRESH_SECONDS
from tests.live import serving
from tests.released.release_data import KNOWN, bearer, prove

AGENT, PIN = bearer(KNOWN["token"]), {"Scanback-Pin": KNOWN["pin"]}


def rotate(settings, *words):
    environ = {name: value for name, value in os.environ.items() if not name.startswith("SCANBACK_")}
    environ |= {"DATABASE_URL": settings.database_url, "SCANBACK_DATA": str(settings.data)}
    command = [sys.executable, "-m", "backend.cli", "keys", *words]
    with (settings.data / "keys.log").open("w") as log:
        return subprocess.Popen(command, env=environ, stdout=log, stderr=log)


async def over(settings, *words):
    """Wait for a command that must succeed."""
    status = await asyncio.to_thread(rotate(settings, *words).wait)
    assert status == 0, (settings.data / "keys.log").read_text()


def stale(url, number):
    """Values that are still under an older key."""
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        return connection.execute(
            """
            SELECT (SELECT count(*) FROM stock_codes WHERE get_byte(sealed, 3) <> %(n)s)
                + (SELECT count(*) FROM orders WHERE secret IS NOT NULL AND get_byte(secret, 3) <> %(n)s)
                + (SELECT count(*) FROM staff WHERE totp_secret IS NOT NULL AND get_byte(totp_secret, 3) <> %(n)s)
                + (SELECT count(*) FROM import_files WHERE content IS NOT NULL AND get_byte(content, 3) <> %(n)s)
                + (SELECT count(*) FROM webhook_endpoints WHERE get_byte(secret, 3) <> %(n)s)
                + (SELECT count(*) FROM slots WHERE sealed_key IS NULL OR get_byte(sealed_key, 3) <> %(n)s)
            """,
            {"n": number},
        ).fetchone()[0]


def use(server):
    """One of each operation that a key is behind; the statuses that came."""
    order = str(uuid.uuid4())
    placed = server.put(f"/v1/orders/{order}", headers=AGENT | PIN, json={"offer_id": 3, "nominal": 1000})
    revealed = server.post(f"/v1/orders/{KNOWN['order']}/reveal", headers=AGENT | PIN)
    balance = server.post(
        "/v1/till/certificates/balance", headers=bearer(KNOWN["till_key"]), json={"code": revealed.json()["code"]}
    )
    staff = server.post("/v1/staff/sessions", json=KNOWN["staff"])
    scanned = server.put(f"/v1/scans/{uuid.uuid4()}", headers=AGENT, json={"text": KNOWN["claimed"][0]})
    return placed.status_code, revealed.status_code, balance.status_code, staff.status_code, scanned.json()["status"]


def use_until_over(server, process):
    """Requests without a pause until the command is over; all different outcomes."""
    seen = {use(server)}
    while process.poll() is None:
        seen.add(use(server))
    return seen


def drop(path, number):
    """Take a key out of its file."""
    lines = [line for line in path.read_text().splitlines() if not line.startswith(f"{number}:")]
    path.write_text("\n".join(lines) + "\n")


def sign_in(server, **proof):
    return server.post("/v1/staff/sessions", json=KNOWN["staff"] | proof)


def set_up_totp(server):
    """An authenticator application for the released brand's owner; its generator and the recovery codes."""
    owner = bearer(sign_in(server).json()["token"])
    totp = pyotp.TOTP(server.post("/v1/staff/me/totp", headers=owner).json()["secret"])
    confirmed = server.put("/v1/staff/me/totp", headers=owner, json={"code": totp.now()})
    assert confirmed.status_code == 200, confirmed.text
    return totp, confirmed.json()["recovery_codes"]


def check_import(server, owner):
    """A file of one product that waits to be applied; its address."""
    address = f"/v1/console/imports/{uuid.uuid4()}"
    file = {"file": ("products.csv", b"sku;name_ru\nROTATED-1;Socket\n")}
    checked = server.put(address, headers=owner, params={"kind": "products"}, files=file)
    assert checked.json()["state"] == "checked", checked.text
    return address


def later(totp):
    """The next code: each counts once."""
    return totp.at(datetime.now(UTC) + timedelta(seconds=totp.interval))


@pytest.fixture
def ready(released, server):
    migrate(released.database_url)
    return server


@pytest.mark.own_db
async def test_master_key_rotated_under_load_loses_nothing(ready, released):
    process = rotate(released, "rotate", "master")

    seen = await asyncio.to_thread(use_until_over, ready, process)

    assert process.returncode == 0, (released.data / "keys.log").read_text()
    assert seen == {(200, 200, 200, 201, "repeated")}
    assert stale(released.database_url, 2) == 0
    assert await prove(released.database_url) == []


@pytest.mark.own_db
async def test_old_master_key_is_not_needed_after_rotation(ready, released, tmp_path):
    await over(released, "rotate", "master")
    drop(released.master_file, 1)

    (tmp_path / "again").mkdir()
    with serving(released, tmp_path / "again") as url, Client(base_url=url, timeout=30) as client:
        fresh = client.put(f"/v1/scans/{uuid.uuid4()}", headers=AGENT, json={"text": KNOWN["spare_code"]})
        outcome = use(client)

    assert fresh.json()["status"] == "credited", fresh.json()
    assert outcome == (200, 200, 200, 201, "repeated")


@pytest.mark.own_db
async def test_pepper_rotated_under_load_loses_nothing(ready, released):
    process = rotate(released, "rotate", "pepper")

    seen = await asyncio.to_thread(use_until_over, ready, process)

    assert process.returncode == 0, (released.data / "keys.log").read_text()
    assert seen == {(200, 200, 200, 201, "repeated")}
    with psycopg.connect(released.database_url.replace("+psycopg", "")) as connection:
        hashes = connection.execute("SELECT pin_hash FROM accounts WHERE pin_hash IS NOT NULL").fetchall()
        numbers = connection.execute("SELECT name, number FROM digest_keys ORDER BY name").fetchall()
    assert all(row[0].startswith("$sealed$2$") for row in hashes)
    assert numbers == [("inn", 2), ("listed_codes", 2), ("staff_recovery", 2)]


@pytest.mark.own_db
async def test_totp_and_waiting_import_outlive_the_master_key(ready, released, tmp_path):
    owner = bearer(sign_in(ready).json()["token"])
    address = check_import(ready, owner)
    totp, _ = set_up_totp(ready)
    await over(released, "rotate", "master")
    drop(released.master_file, 1)

    (tmp_path / "again").mkdir()
    with serving(released, tmp_path / "again") as url, Client(base_url=url, timeout=30) as client:
        signed = sign_in(client, code=later(totp))
        applied = client.post(f"{address}/apply", headers=bearer(signed.json()["token"]))

    assert signed.status_code == 201, signed.text
    assert (applied.status_code, applied.json()["state"]) == (200, "applied"), applied.text
    assert applied.json()["report"]["created"] == 1
    assert stale(released.database_url, 2) == 0


@pytest.mark.own_db
async def test_staff_recovery_codes_outlive_the_pepper(ready, released):
    totp, old = set_up_totp(ready)
    await over(released, "rotate", "pepper")
    await asyncio.sleep(REFRESH_SECONDS + 1)

    by_old = sign_in(ready, recovery_code=old[0])
    owner = bearer(by_old.json()["token"])
    new = ready.post("/v1/staff/me/recovery-codes", headers=owner).json()["recovery_codes"]
    again, replaced = sign_in(ready, recovery_code=new[0]), sign_in(ready, recovery_code=old[1])
    with psycopg.connect(released.database_url.replace("+psycopg", "")) as connection:
        (pepper,) = connection.execute("SELECT number FROM digest_keys WHERE name = 'staff_recovery'").fetchone()

    assert (by_old.status_code, again.status_code, replaced.status_code) == (201, 201, 403)
    assert pepper == 2
    assert sign_in(ready, code=later(totp)).status_code == 201


@pytest.mark.own_db
async def test_rotation_interrupted_goes_on_with_reseal(ready, released):
    keyring.add(released.master_file)
    keyring.add(released.pepper_file)

    for kind in ("master", "pepper", "master"):
        assert await asyncio.to_thread(rotate(released, "reseal", kind).wait) == 0, (
            released.data / "keys.log"
        ).read_text()

    assert stale(released.database_url, 2) == 0
    assert use(ready) == (200, 200, 200, 201, "repeated")
