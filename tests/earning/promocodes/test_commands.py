"""`scanback promo`."""

import asyncio
import json
import os
import uuid

import pytest
from click.testing import CliRunner

from backend.cli.main import scanback as commands
from backend.earning.promocodes.issues import generation as code_generation
from backend.programmes.rules.rule import PercentAmount, Promo, Rule
from tests.make import World

RULE = Rule(ways=frozenset({"promo"}), amount=PercentAmount(300), promo=Promo(discount=PercentAmount(500)))


@pytest.fixture
async def campaign(world: World):
    return await world.campaign(await world.programme(), RULE)


@pytest.fixture
def scanback(settings, app, monkeypatch):
    """Run a command in a thread of this process. Returns its exit code, output and errors."""
    monkeypatch.setattr(code_generation, "PART", 40)
    environ = {
        "DATABASE_URL": settings.database_url,
        "SCANBACK_DATA": str(settings.data),
        "SCANBACK_URL": settings.base_url,
        "PATH": os.environ["PATH"],
    }

    async def run(*words):
        found = await asyncio.to_thread(CliRunner(env=environ).invoke, commands, ["promo", *map(str, words)])
        return found.exit_code, found.stdout, found.stderr

    return run


async def test_issued_codes_are_written_to_file(scanback, settings, campaign, tmp_path):
    key, file = uuid.uuid4(), tmp_path / "codes.csv"
    words = ["--brand", campaign.brand_id, "--campaign", campaign.key, "--count", 100, "--id", key]

    code, output, errors = await scanback("issue", *words, "--json")
    again = await scanback("issue", *words, "--json")
    written = await scanback("codes", key, "--out", file)

    lines = file.read_text("utf-8").splitlines()
    assert (code, json.loads(output)["done"], json.loads(output)["state"]) == (0, 100, "done")
    assert "100/100" in errors
    assert again[:2] == (0, output)
    assert written[:2] == (0, f"100 codes: {file}\n")
    assert (lines[0], len(set(lines[1:]))) == ("code,url,code_id", 100)
    assert all(line.split(",")[1] == f"{settings.base_url}/p/{line.split(',')[0]}" for line in lines[1:])
    assert file.stat().st_mode & 0o777 == 0o600


async def test_refused_issue_has_one_line_of_error(scanback, campaign, tmp_path):
    words = ["--brand", campaign.brand_id, "--campaign", campaign.key]

    short = await scanback("issue", *words, "--count", 10_000, "--length", 6)
    none = await scanback("issue", *words, "--count", 0)
    unknown = await scanback("codes", uuid.uuid4(), "--out", tmp_path / "codes.csv")
    nowhere = await scanback("issue", "--brand", "unknown", "--campaign", "x", "--count", 1)

    assert [answer[0] for answer in (short, none, unknown, nowhere)] == [1, 1, 1, 1]
    assert "Take at least 7 symbols" in short[2]
    assert "`int` >= 1" in none[2]
    assert "no such issue" in unknown[2]
    assert "no such brand" in nowhere[2]
