"""Offers for which agents may create codes."""

from sqlalchemy import text

from backend.programmes.rules.rule import FixedAmount, PercentAmount, Promo, Rule
from tests.make import World, bearer


def rule(**promo):
    return Rule(
        ways=frozenset({"promo"}), amount=PercentAmount(1000), hold_days=14, promo=Promo(PercentAmount(500), **promo)
    )


async def offers(world: World, account, **params):
    answer = await world.client.get("/v1/promo-offers", params=params, headers=bearer(account))
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_offer_shows_discount_and_bonus(world: World):
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


async def test_only_open_offers_are_listed_in_pages(world: World):
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


async def test_offer_has_uses_and_budget_state(world: World):
    programme, account = await world.programme(currency="RUB"), await world.account()
    limits = {"uses": 3, "uses_per_agent": 9, "uses_per_buyer": 1, "uses_per_shop_day": 5}
    offer = await world.campaign(programme, rule(**limits), budget=1000)
    seen = []
    for left in (1000, 199, 0):
        await leave(world, offer, left)
        seen += (await offers(world, account))["items"]

    assert all(row | limits == row for row in seen)
    assert [(row["budget"], row["budget_left_percent"]) for row in seen] == [("ok", 100), ("low", 10), ("spent", 0)]


async def test_budget_below_fixed_discount_is_spent(world: World):
    programme = await world.programme(currency="RUB")
    off = Rule(ways=frozenset({"promo"}), amount=PercentAmount(1000), promo=Promo(FixedAmount(500)))
    offer = await world.campaign(programme, off, budget=600)
    await leave(world, offer, 499)

    (row,) = (await offers(world, await world.account()))["items"]

    assert row["budget"] == "spent"


async def leave(world, offer, amount):
    """Set the remaining budget of an offer."""
    await world.db.rows(text("UPDATE budget_slices SET remaining = 0"))
    await world.db.rows(text("UPDATE budget_slices SET remaining = :amount WHERE slice = 3"), amount=amount)
