"""The time of a scan decides its campaign, cap and day, within a bound."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from backend.identity.accounts.schemas import AccountCreated
from backend.programmes.rules.rule import FixedAmount, PercentAmount, Rule
from tests.earning.scans.pictures.test_picture_scans import label
from tests.make import World, bearer

ENDED = text("UPDATE campaigns SET ends_at = now() - interval '30 minutes' WHERE id = :id")
SIGNALS = text("SELECT brand_id, cause, rule, shadow, inputs FROM scan_signals")
CAPS = text("SELECT day, used FROM day_caps ORDER BY day")
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
FAR_ZONES = ["Asia/Kamchatka", "America/Los_Angeles", "Pacific/Kiritimati", "Etc/GMT+12"]
CAPPED = Rule(
    ways=frozenset({"package"}), amount=FixedAmount(100), cap_per_agent_day=100, hold_days=2, lifetime_days=30
)


def ago(**past: float) -> str:
    return (datetime.now(UTC) - timedelta(**past)).isoformat()


async def send(world: World, agent: AccountCreated, *scans: tuple[str, str | None]) -> list[dict[str, Any]]:
    body = [{"id": str(uuid.uuid4()), "text": code} | ({"taken_at": at} if at else {}) for code, at in scans]
    answer = await world.client.post("/v1/scans/batch", json={"scans": body}, headers=bearer(agent))
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


async def codes_at(world: World, count: int, rule: Rule, timezone: str) -> list[str]:
    programme = await world.programme(timezone=timezone)
    product = await world.product(programme.brand_id)
    await world.campaign(programme, rule, starts_at=LONG_AGO)
    return world.codes_of(await world.batch(programme, product, count))


@pytest.fixture
async def two_campaigns(world: World):
    """A campaign of 900 that ended half an hour ago and an active one of 150; codes of their product."""
    programme = await world.programme()
    product = await world.product(programme.brand_id)
    dear = await world.campaign(
        programme, Rule(ways=frozenset({"package"}), amount=FixedAmount(900)), starts_at=LONG_AGO
    )
    await world.campaign(programme, Rule(ways=frozenset({"package"}), amount=FixedAmount(150)), starts_at=LONG_AGO)
    await world.db.rows(ENDED, id=dear.id)
    return world.codes_of(await world.batch(programme, product, 5))


@pytest.mark.parametrize(
    ("taken_at", "amount"),
    [(None, 150), ({"hours": 5}, 900), ({"hours": 71}, 900), ({"hours": 73}, 150), ({"minutes": 10}, 150)],
)
async def test_queued_scan_uses_campaign_of_its_time(world, two_campaigns, taken_at, amount):
    agent = await world.account()

    (answer,) = await send(world, agent, (two_campaigns[0], taken_at and ago(**taken_at)))

    assert answer["amount"] == amount


async def test_single_scan_uses_campaign_of_its_time(world, two_campaigns):
    agent = await world.account()
    body = {"text": two_campaigns[0], "taken_at": ago(hours=5)}

    answer = await world.client.put(f"/v1/scans/{uuid.uuid4()}", json=body, headers=bearer(agent))

    assert answer.json()["amount"] == 900


@pytest.mark.parametrize(("offset", "amount"), [("+00:00", 900), ("", 150)], ids=["with offset", "without"])
async def test_picture_uses_campaign_of_its_time(world, two_campaigns, offset, amount):
    """A time without an offset is ignored: the time of arrival counts."""
    agent = await world.account()
    taken_at = (datetime.now(UTC) - timedelta(hours=5)).replace(tzinfo=None).isoformat() + offset

    answer = await world.client.put(
        f"/v1/scans/{uuid.uuid4()}",
        data={"taken_at": taken_at},
        files={"file": ("photo", label(two_campaigns[0]))},
        headers=bearer(agent),
    )

    assert answer.json()["amount"] == amount, answer.text


@pytest.mark.parametrize("taken_at", [{"hours": 73}, {"days": 4000}, {"minutes": -10}, {"days": -4000}])
async def test_unlikely_time_counts_as_arrival_and_is_noted(world, two_campaigns, taken_at):
    agent = await world.account()
    at = ago(**taken_at)

    (answer,) = await send(world, agent, (two_campaigns[0], at))

    assert answer["amount"] == 150
    (signal,) = await world.db.rows(SIGNALS)
    assert (signal.cause, signal.rule, signal.shadow, signal.inputs["taken_at"]) == (1, "taken_at_unlikely", True, at)


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999999-12:00"])
async def test_time_at_calendar_end_counts_as_arrival(world, two_campaigns, at):
    (answer,) = await send(world, await world.account(), (two_campaigns[0], at))

    assert answer["amount"] == 150


async def test_likely_time_is_not_noted(world, two_campaigns):
    agent = await world.account()

    await send(world, agent, (two_campaigns[0], ago(hours=5)), (two_campaigns[1], ago(minutes=-2)))

    assert await world.db.rows(SIGNALS) == []


async def test_repeated_scan_with_another_time_is_first(world, two_campaigns):
    agent, number = await world.account(), uuid.uuid4()
    answers = [
        await world.client.put(
            f"/v1/scans/{number}", json={"text": two_campaigns[0], "taken_at": at}, headers=bearer(agent)
        )
        for at in (ago(hours=5), ago(minutes=1))
    ]

    assert answers[0].json() == answers[1].json()


@pytest.mark.parametrize("zone", FAR_ZONES)
async def test_day_of_scan_is_in_programme_zone(world: World, zone: str):
    """Scans on both sides of local midnight: each day's cap allows one, and its hold starts on its day."""
    codes = await codes_at(world, 3, CAPPED, zone)
    agent = await world.account()
    midnight = datetime.now(ZoneInfo(zone)).replace(hour=0, minute=0, second=0, microsecond=0)
    before, after = midnight - timedelta(seconds=1), midnight + timedelta(seconds=1)

    answers = await send(
        world, agent, *zip(codes, [before.isoformat(), after.isoformat(), after.isoformat()], strict=True)
    )

    outcomes = sorted((row["status"], (row.get("explanation") or {}).get("available_on", "")) for row in answers)
    days = [str(midnight.date() + timedelta(days=1)), str(midnight.date() + timedelta(days=2))]
    assert outcomes == [("pending", days[0]), ("pending", days[1]), ("refused", "")]
    assert [(row.day, row.used) for row in await world.db.rows(CAPS)] == [(before.date(), 100), (after.date(), 100)]


async def test_scan_older_than_its_hold_is_credited(world: World):
    rule = Rule(ways=frozenset({"package"}), amount=FixedAmount(100), hold_days=1)
    codes = await codes_at(world, 2, rule, "Asia/Kamchatka")
    agent = await world.account()

    single = (await send(world, agent, (codes[0], ago(hours=50))))[0]
    several = await send(world, agent, (codes[1], ago(hours=50)), ("nothing", None))

    assert (single["status"], several[0]["status"]) == ("credited", "credited")
    assert (await world.home(agent))["wallets"][0]["available"] == 200


async def test_day_cap_below_a_box_leaves_it(world: World):
    rule = Rule(ways=frozenset({"package"}), amount=FixedAmount(400), cap_per_agent_day=500)
    codes = await codes_at(world, 2, rule, "Europe/Moscow")
    agent = await world.account()
    await send(world, agent, (codes[0], ago(hours=48)))

    (refused,) = await send(world, agent, (codes[1], ago(hours=48)))
    (paid,) = await send(world, agent, (codes[1], None))

    assert (refused["status"], refused["reason"]) == ("refused", "day_cap")
    assert refused["next"].endswith("scan it again tomorrow: nothing is lost.")
    assert (paid["status"], paid["amount"]) == ("credited", 400)


async def test_box_above_day_cap_pays_the_cap(world: World):
    programme = await world.programme()
    ways, codes = frozenset({"package"}), []
    for price in (90_000, 10_000):
        product = await world.product(programme.brand_id, price=price)
        codes += world.codes_of(await world.batch(programme, product, 1))
    await world.campaign(
        programme, Rule(ways=ways, amount=PercentAmount(100), cap_per_agent_day=500), starts_at=LONG_AGO
    )
    agent = await world.account()
    await send(world, agent, (codes[1], None))

    (full,) = await send(world, agent, (codes[0], None))
    (other_day,) = await send(world, agent, (codes[0], ago(hours=30)))

    assert (full["status"], full["reason"]) == ("refused", "day_cap")
    assert (other_day["status"], other_day["amount"]) == ("credited", 500)
