"""What agents may make codes for."""

from backend.programmes.rules import Percent, Promo, Rule
from tests.make import World, bearer


def rule(**promo):
    return Rule(ways=frozenset({"promo"}), amount=Percent(1000), hold_days=14, promo=Promo(Percent(500), **promo))


async def offers(world: World, account, **params):
    answer = await world.client.get("/v1/promo-offers", params=params, headers=bearer(account))
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_an_offer_says_what_buyer_and_agent_get(world: World):
    programme = await world.programme(currency="RUB", name="Club")
    campaign = await world.campaign(programme, rule(minimum=100000, shortest=5, codes_per_agent=2), name_en="Autumn")

    (offer,) = (await offers(world, await world.account()))["items"]

    assert offer.pop("brand").startswith("Brand")
    assert offer == {
        "campaign": campaign.id,
        "programme_id": programme.id,
        "programme": "Club",
        "name": "Autumn",
        "currency": "RUB",
        "offer": "5% off, from 1,000\xa0RUB",
        "bonus": {"type": "percent", "basis_points": 1000, "rounding": "half_up"},
        "hold_days": 14,
        "codes_per_agent": 2,
        "shortest": 5,
        "longest": 16,
    }


async def test_only_open_offers_are_listed_page_by_page(world: World):
    programme, account = await world.programme(), await world.account()
    made = [await world.campaign(programme, rule()) for _ in range(3)]
    other = await world.campaign(await world.programme(), rule())
    await world.campaign(programme, rule(), state="paused")
    await world.campaign(programme, rule(codes_per_agent=0))
    await world.campaign(programme)

    first = await offers(world, account, limit=2, programme_id=programme.id)
    second = await offers(world, account, limit=2, programme_id=programme.id, cursor=first["next"])
    everything = await offers(world, account)

    ids = [row["campaign"] for row in first["items"] + second["items"]]
    assert ids == [row.id for row in made[::-1]]
    assert [row["campaign"] for row in everything["items"]] == [other.id, *ids]
