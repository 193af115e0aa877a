"""`scanback batch` and `scanback slot`."""

import asyncio
import csv
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from backend.cli.main import scanback as commands
from tests.make import World

ROOT = Path(__file__).parents[3]
GTIN = "04600439931256"


@pytest.fixture
async def brand(world: World):
    """A brand whose products pay 100 points a code."""
    programme = await world.programme()
    await world.product(programme.brand_id, sku="RA16", gtin=GTIN)
    await world.campaign(programme)
    return programme


@pytest.fixture
def environ(settings, app):
    """The environment of a command on the database of the tests."""
    return {
        "DATABASE_URL": settings.database_url,
        "SCANBACK_MASTER_KEY": settings.master_key.hex(),
        "SCANBACK_PEPPER": settings.pepper.hex(),
        "SCANBACK_DATA": str(settings.data),
        "SCANBACK_URL": settings.base_url,
        "PATH": os.environ["PATH"],
    }


@pytest.fixture
def scanback(environ):
    """Runs a command in a thread of this process; gives its exit code, output and errors."""

    async def run(*words):
        found = await asyncio.to_thread(CliRunner(env=environ).invoke, commands, [str(word) for word in words])
        return found.exit_code, found.stdout, found.stderr

    return run


@pytest.fixture
def create(scanback, brand):
    async def create(*words):
        code, output, errors = await scanback(
            "batch", "create", "--brand", brand.brand_id, "--programme", brand.name, "--sku", "RA16", "--json", *words
        )
        assert code == 0, errors
        return json.loads(output)

    return create


def codes_in(folder):
    return [
        row["code"] for path in sorted(folder.glob("*.csv")) for row in csv.DictReader(path.read_text().splitlines())
    ]


async def test_batch_is_created_exported_and_claimed(scanback, create, world, tmp_path):
    batch = await create("--count", "100", "--note", "Roll 12")

    exported = await scanback("batch", "export", batch["id"], "--format", "csv", "--out", tmp_path / "out", "--json")
    printed = await scanback("batch", "state", batch["id"], "printed")
    active = await scanback("batch", "state", batch["id"], "active", "--first", "11", "--last", "20", "--json")

    codes = codes_in(tmp_path / "out")
    replies = [(await world.scan(await world.account(), codes[position - 1])).json() for position in (11, 21)]
    record = json.loads(exported[1])
    assert (batch["state"], batch["count"], batch["note"]) == ("generated", 100, "Roll 12")
    assert (len(codes), record["codes"], record["files"][0]["codes"]) == (100, 100, 100)
    assert printed[0] == 0
    assert json.loads(active[1])["states"] == {"active": 10, "printed": 90}
    assert [answer.get("reason", answer["status"]) for answer in replies] == ["credited", "not_active"]
    shown = (await scanback("batch", "show", batch["id"]))[1]
    assert "Roll 12" in shown
    assert "1 claimed" in shown


async def test_repeated_id_creates_one_batch(create, scanback, brand):
    key = "0193f3a1-8c5e-7b42-9d16-4f7a2c8e5b03"

    first, again = await create("--count", "100", "--id", key), await create("--count", "100", "--id", key)
    listed = json.loads((await scanback("batch", "list", "--brand", brand.brand_id, "--json"))[1])

    assert first == again
    assert [row["id"] for row in listed] == [key]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["create", "--brand", "Unknown", "--programme", "x", "--sku", "x", "--count", "1"], "no such brand"),
        (["show", "0193f3a1-8c5e-7b42-9d16-4f7a2c8e5b03"], "no such batch"),
        (["show", "twelve"], "no such batch"),
        (["state", "0193f3a1-8c5e-7b42-9d16-4f7a2c8e5b03", "active"], "no such batch"),
    ],
)
async def test_missing_object_is_reported_in_one_line(scanback, words, message):
    code, output, errors = await scanback("batch", *words)

    assert (code, output) == (1, "")
    assert message in errors
    assert "Traceback" not in errors


async def test_forbidden_step_is_reported_in_one_line(scanback, create):
    batch = await create("--count", "10")

    code, _, errors = await scanback("batch", "state", batch["id"], "active")

    assert code == 1
    assert errors == "Error: A code that is generated cannot become active.\n"


async def test_interrupted_export_resumes_to_same_bytes(scanback, create, environ, tmp_path):
    batch = await create("--count", "990000")
    words = ["batch", "export", batch["id"], "--format", "csv", "--json", "--out"]

    stopped = [
        await asyncio.to_thread(interrupted, environ, words, tmp_path / "broken", sign)
        for sign in (signal.SIGINT, signal.SIGKILL)
    ]
    sizes = [size for size, _, _ in stopped]
    again = await scanback(*words, tmp_path / "broken")
    whole = await scanback(*words, tmp_path / "whole")

    assert stopped[0][1] == 1
    assert "The same command goes on where it was." in stopped[0][2]
    assert 0 < sizes[0] < sizes[1] < size_of(tmp_path / "whole")
    assert json.loads(again[1]) == json.loads(whole[1])
    (file,) = (tmp_path / "broken").glob("*.csv")
    assert hashlib.sha256(file.read_bytes()).hexdigest() == json.loads(whole[1])["files"][0]["sha256"]


def interrupted(environ, words, folder, sign):
    """Run a command in a process, and stop it when it has written a megabyte more."""
    command, grown = [sys.executable, "-m", "backend.cli", *words, str(folder)], size_of(folder) + 1_000_000
    with subprocess.Popen(command, cwd=ROOT, env=environ, stderr=subprocess.PIPE, text=True) as process:
        while size_of(folder) < grown and process.poll() is None:
            time.sleep(0.005)
        process.send_signal(sign)
        _, errors = process.communicate(timeout=30)
    return size_of(folder), process.returncode, errors


async def test_folder_with_another_export_is_unchanged(scanback, create, tmp_path):
    first, second = await create("--count", "10"), await create("--count", "10")
    await scanback("batch", "export", first["id"], "--out", tmp_path)

    code, _, errors = await scanback("batch", "export", second["id"], "--out", tmp_path)

    assert code == 1
    assert "another batch, format or design" in errors


async def test_unprintable_labels_are_refused_before_writing(scanback, create, tmp_path):
    batch = await create("--count", "10")

    code, _, errors = await scanback(
        "batch", "export", batch["id"], "--format", "pdf", "--width", "20", "--height", "12", "--out", tmp_path / "out"
    )

    assert code == 1
    assert errors.startswith("Error: These labels cannot be made: ")
    assert not (tmp_path / "out").exists()


async def test_list_is_imported_with_report(scanback, create, tmp_path):
    batch = await create("--codes", "imported")
    (tmp_path / "codes.csv").write_text("code\nQ7-TTK2-9ZPA-41\nshort\nQ7-9F4M-22LD-0X\n")

    code, output, _ = await scanback("batch", "import", batch["id"], tmp_path / "codes.csv")

    assert code == 0
    assert output == "line 3: guessable\n2 of 3 codes taken, 1 refused.\n"


async def test_next_batch_uses_rotated_slot(scanback, create, brand):
    await create("--count", "10")

    turned = json.loads((await scanback("slot", "rotate", "--brand", brand.brand_id, "--json"))[1])
    batch = await create("--count", "10")
    listed = json.loads((await scanback("slot", "list", "--brand", brand.brand_id, "--json"))[1])

    assert batch["slot"] == turned["slot"] == 1
    assert [(row["slot"], row["serials"], row["closed_at"] is None) for row in listed] == [
        (0, 10, False),
        (1, 10, True),
    ]


def size_of(folder):
    return sum(path.stat().st_size for path in folder.glob("*.csv*")) if folder.exists() else 0
