"""Time zones of programmes and shops: only those by which Python and PostgreSQL tell the same day."""

import asyncio
from datetime import datetime, timedelta
from pathlib import Path
from runpy import run_path
from zoneinfo import ZoneInfo, available_timezones

import pytest
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from backend.identity.brands import timezones
from tests.make import World

CLUB = {"name": "Masters' club", "currency": "RUB"}
UNFIT = ["localtime", "posixrules", "Factory", "posix/Europe/Moscow", "right/Europe/Moscow", "MSK", "europe/moscow"]
FIT = ["UTC", "Europe/Moscow", "Asia/Kamchatka", "America/St_Johns", "Pacific/Chatham", "Australia/Lord_Howe"]
AHEAD = text("""
    SELECT extract(epoch FROM (at AT TIME ZONE :zone) - (at AT TIME ZONE 'UTC'))::int AS ahead
    FROM unnest(CAST(:at AS timestamptz[])) AS at
""")


@pytest.fixture
async def owner_of_brand(world: World):
    return await world.staff()


@pytest.mark.parametrize("timezone", UNFIT)
@pytest.mark.parametrize("thing", ["programmes", "shops"])
async def test_timezone_of_one_machine_only_is_refused(owner_of_brand, thing, timezone):
    body = CLUB if thing == "programmes" else {"name": "Shop"}

    response = await owner_of_brand.put(f"/v1/console/{thing}/club", body | {"timezone": timezone})

    assert (response.status_code, response.json()["code"]) == (422, "timezone_unknown")


@pytest.mark.parametrize("timezone", FIT)
@pytest.mark.parametrize("thing", ["programmes", "shops"])
async def test_timezone_known_everywhere_is_set(owner_of_brand, thing, timezone):
    body = CLUB if thing == "programmes" else {"name": "Shop"}

    response = await owner_of_brand.put(f"/v1/console/{thing}/club", body | {"timezone": timezone})

    assert (response.status_code, response.json()["timezone"]) == (200, timezone)


async def test_timezone_is_set_only_if_both_agree(world, owner_of_brand):
    """Each zone that this machine has is either refused, or the same for both in every half year."""
    names = sorted(available_timezones() - {"localtime", "posixrules", "Factory"})[::45]
    noons = [datetime(year, month, 15, 12, tzinfo=ZoneInfo("UTC")) for year in range(2026, 2036) for month in (1, 7)]
    for number, name in enumerate(names):
        answer = await owner_of_brand.put(f"/v1/console/programmes/z{number}", CLUB | {"name": name, "timezone": name})

        assert (answer.status_code, answer.json().get("code")) in [(200, None), (422, "timezone_invalid")]
        if answer.status_code == 200:
            rows = await world.db.rows(AHEAD, zone=name, at=noons)
            assert [timedelta(seconds=row.ahead) for row in rows] == [
                noon.astimezone(ZoneInfo(name)).utcoffset() for noon in noons
            ]


async def test_timezone_with_different_rules_is_refused(owner_of_brand):
    # To PostgreSQL CET is an offset of one hour all year long, to Python a zone with summer time.
    response = await owner_of_brand.put("/v1/console/programmes/club", CLUB | {"timezone": "CET"})

    assert (response.status_code, response.json()["code"]) == (422, "timezone_invalid")


async def test_timezone_that_one_side_lacks_becomes_utc(world, database_url):
    lost, kept = await world.programme(), await world.programme()
    shop = await world.shop(lost.brand_id)
    await world.db.rows(text("UPDATE programmes SET timezone = 'localtime' WHERE id = :id"), id=lost.id)
    await world.db.rows(text("UPDATE shops SET timezone = 'Nowhere/City' WHERE id = :id"), id=shop.id)

    await asyncio.to_thread(migrate_again, database_url)

    rows = await world.db.rows(text("SELECT id, timezone, rules_version FROM programmes"))
    assert {row.id: row.timezone for row in rows} == {lost.id: "UTC", kept.id: kept.timezone}
    assert (await world.db.call(text("SELECT timezone FROM shops"))).timezone == "UTC"


def migrate_again(url: str) -> None:
    """Run this one step over a database that is in use."""
    (path,) = Path("backend/migrations/versions").glob("*_time_zones.py")
    step = run_path(str(path))
    with (
        create_engine(url, poolclass=NullPool).begin() as connection,
        Operations.context(MigrationContext.configure(connection)),
    ):
        step["upgrade"]()


async def test_timezone_is_compared_once(world, owner_of_brand):
    timezones._agreed.clear()
    await owner_of_brand.put("/v1/console/programmes/club", CLUB | {"timezone": "Asia/Kamchatka"})

    assert timezones._agreed == {"Asia/Kamchatka": True}
