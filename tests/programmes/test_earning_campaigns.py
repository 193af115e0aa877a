"""Campaigns as agents see them before they scan."""

import pytest

from backend.programmes.rules.rule import FixedAmount, PercentAmount, Promo, Rule
from tests.make import World, bearer


def rule(*ways, amount=None, **fields):
    return Rule(ways=frozenset(ways), amount=amount or FixedAmount(15_000), **fields)


async def listed(world: World, account, headers=None, **params):
    answer = await world.client.get("/v1/campaigns", params=params, headers=bearer(account) | (headers or {}))
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_earning_campaign_has_a_plain_sentence(world: World):
    programme = await world.programme(currency="RUB", name="Club")
    product = await world.product(programme.brand_id, sku="RA16", name_ru="Розетка", name_en="Socket")
    campaign = await world.campaign(
        programme,
        rule("package", products=frozenset({product.id}), cap_per_agent_day=50_000, hold_days=14, lifetime_days=365),
        budget=16_000,
    )

    (campaign_out,) = (await listed(world, await world.account()))["items"]

    assert campaign_out.pop("brand").startswith("Brand")
    assert campaign_out == {
        "campaign": campaign.id,
        "programme_id": programme.id,
        "programme": "Club",
        "name": "Autumn",
        "currency": "RUB",
        "ways": ["package"],
        "text": "RUB150.00 for each box, on chosen products, at most RUB500.00 a day, available after 14 days",
        "amount": {"type": "fixed", "value": 15_000},
        "hold_days": 14,
        "lifetime_days": 365,
        "cap_per_agent_day": 50_000,
        "products_count": 1,
        "products": [{"sku": "RA16", "name": "Socket"}],
        "budget": "ok",
        "budget_left_percent": 100,
    }


@pytest.mark.parametrize(
    ("paid", "english", "russian"),
    [
        (rule("marking"), "RUB150.00 for each marked unit", "150,00\xa0₽ за каждую единицу с маркировкой"),
        (
            rule("receipt", amount=PercentAmount(600), units_per_receipt=5),
            "6% of what the goods on a receipt cost, at most 5 units of a product on one receipt",
            "6% от стоимости товаров в чеке, не больше 5 единиц товара в одном чеке",
        ),
        (
            rule("package", "receipt"),
            "RUB150.00 for each box, RUB150.00 for each unit on a receipt",
            "150,00\xa0₽ за каждую коробку, 150,00\xa0₽ за каждую единицу в чеке",
        ),
    ],
)
async def test_earning_sentence_is_in_callers_language(world: World, paid, english, russian):
    account = await world.account()
    await world.campaign(await world.programme(currency="RUB"), paid)

    texts = [(await listed(world, account, {"Accept-Language": code}))["items"][0]["text"] for code in ("en", "ru")]

    assert texts == [english, russian]


async def test_only_active_earning_campaigns_are_listed(world: World):
    programme, account = await world.programme(), await world.account()
    made = [await world.campaign(programme, rule(way)) for way in ("package", "receipt", "package")]
    other = await world.campaign(await world.programme(), rule("marking"))
    await world.campaign(programme, rule("package"), state="paused")
    await world.campaign(programme, rule("package", segments=frozenset({"gold"})))
    await world.campaign(
        programme, Rule(ways=frozenset({"promo"}), amount=FixedAmount(1), promo=Promo(PercentAmount(500)))
    )

    first = await listed(world, account, limit=2, programme_id=programme.id)
    second = await listed(world, account, limit=2, programme_id=programme.id, cursor=first["next"])
    everything = await listed(world, account)
    receipts = await listed(world, account, way="receipt")

    ids = [row["campaign"] for row in first["items"] + second["items"]]
    assert ids == [row.id for row in made[::-1]]
    assert [row["campaign"] for row in everything["items"]] == [other.id, *ids]
    assert [row["campaign"] for row in receipts["items"]] == [made[1].id]


async def test_earning_campaigns_have_an_etag(world: World):
    account = await world.account()
    await world.campaign(await world.programme(), rule("package"))
    first = await world.client.get("/v1/campaigns", headers=bearer(account))

    again = await world.client.get("/v1/campaigns", headers=bearer(account) | {"If-None-Match": first.headers["ETag"]})

    assert again.status_code == 304
