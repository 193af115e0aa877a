"""Rates and last days use the day of the programme, in any time zone of the till and the database."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from backend.spending.models import Rate
from tests.make import World, bearer
from tests.spending.gift_card_till import GiftCardTill
from tests.spending.scenario import spending_scenario

# At any hour the date in one of the two differs from UTC.
FAR_ZONES = ["Pacific/Kiritimati", "Etc/GMT+12"]


def today_in(zone: str) -> date:
    return datetime.now(ZoneInfo(zone)).date()


@pytest.mark.parametrize("zone", FAR_ZONES)
async def test_price_uses_rate_of_the_programme_day(world: World, zone: str):
    points = await spending_scenario(world, currency="PTS", timezone=zone)
    for days, per_rouble in ((-1, 10), (0, 20), (1, 40)):
        start = today_in(zone) + timedelta(days=days)
        await world.add(Rate(programme_id=points.programme.id, start=start, per_rouble=per_rouble, source="Order 14"))
    agent, offer = await points.agent(100_000), await points.offer("instant", kind="charity")

    (shown,) = (await world.client.get("/v1/offers", headers=bearer(agent))).json()["items"]
    ordered = await points.order(agent, offer)

    assert (shown["price"], ordered.json()["price"]) == (200, 200)


@pytest.mark.parametrize("zone", FAR_ZONES)
@pytest.mark.parametrize(("days", "status"), [(-1, 409), (0, 200)])
async def test_last_day_of_a_certificate_is_the_programmes(world: World, zone: str, days: int, status: int):
    programme = await world.programme(currency="RUB", timezone=zone)
    shop = await world.shop(programme.brand_id, timezone="Europe/Moscow")
    gift_card_till = GiftCardTill(world, programme, shop, await world.till(shop=shop))
    code = await gift_card_till.certificate(1000, valid_until=today_in(zone) + timedelta(days=days))

    answer = await gift_card_till.take(code, 1000)

    assert answer.status_code == status, answer.text
