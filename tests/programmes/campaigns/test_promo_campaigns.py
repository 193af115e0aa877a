"""Campaigns that give buyers a discount for a promo code."""

import pytest

from tests.make import World

STARTS = "2026-01-01T00:00:00Z"
BONUS = {"type": "percent", "basis_points": 1000, "rounding": "half_up"}
DISCOUNT = {"type": "percent", "basis_points": 500, "rounding": "down"}
RULE = {"ways": ["promo"], "amount": BONUS, "hold_days": 14, "promo": {"discount": DISCOUNT}}


@pytest.fixture
async def manager(world: World):
    return await world.staff(role="manager")


@pytest.fixture
async def body(world: World, manager):
    programme = await world.programme(await world.brand_of(manager), currency="RUB")
    return {"programme_id": programme.id, "name_ru": "Осень", "name_en": "Autumn", "starts_at": STARTS, "rule": RULE}


def rule(**promo):
    return RULE | {"promo": RULE["promo"] | promo}


async def test_promo_rule_is_read_as_written(world: World, manager, body):
    for sku in ("A", "B", "10/2"):
        await world.product(manager.brand_id, sku=sku)
    written = rule(
        most=50000,
        minimum=100000,
        own_goods=True,
        excluded=["10/2", "B"],
        uses=3,
        uses_per_buyer=1,
        uses_per_agent=9,
        uses_per_shop_day=5,
        priority=-2,
        group="a",
        exclusive=True,
        gives_use_back=False,
        codes_per_agent=2,
        shortest=5,
        longest=8,
    ) | {"products": ["A", "B"]}

    answer = await manager.put("/v1/console/campaigns/autumn", body | {"rule": written})
    again = await manager.put("/v1/console/campaigns/autumn", body | {"rule": written})

    assert answer.status_code == 200
    assert answer.json()["rule"] == written
    assert again.json()["version"] == 1
    (listed,) = (await manager.get("/v1/console/campaigns")).json()["items"]
    assert listed["rule"] == written


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        (RULE | {"ways": ["promo", "package"]}, 422, "promo_mixed"),
        (RULE | {"ways": ["package"]}, 422, "promo_mixed"),
        ({"ways": ["promo"], "amount": BONUS}, 422, "promo_mixed"),
        (rule(shortest=9, longest=8), 422, "wish_lengths_crossed"),
        (rule(excluded=["A"]) | {"products": ["A"]}, 422, "nothing_counts"),
        (rule(excluded=["UNKNOWN"]), 422, "products_unknown"),
        (rule(uses=0), 400, "validation_failed"),
        (rule(shortest=2), 400, "validation_failed"),
        (rule(unknown=1), 400, "validation_failed"),
    ],
)
async def test_impossible_promo_rule_is_refused(world: World, manager, body, changed, status, code):
    await world.product(manager.brand_id, sku="A")

    answer = await manager.put("/v1/console/campaigns/autumn", body | {"rule": changed})

    assert (answer.status_code, answer.json()["code"]) == (status, code)


@pytest.mark.parametrize(
    ("promo", "amount"),
    [({}, 9500), ({"most": 1000}, 9900), ({"minimum": 100001}, None), ({"excluded": ["A"]}, None)],
)
async def test_preview_has_the_bonus_of_one_item(world: World, manager, body, promo, amount):
    await world.product(manager.brand_id, sku="A", price=100000)
    draft = {"programme_id": body["programme_id"], "rule": rule(**promo), "way": "promo", "sku": "A"}

    preview = (await manager.ask("POST", "/v1/console/campaigns/previews", json=draft)).json()

    assert preview["applies"] == (amount is not None)
    assert preview.get("amount") == amount


async def test_explanation_has_the_price_paid(world: World, manager, body):
    await world.product(manager.brand_id, sku="A", price=100000)
    draft = {"programme_id": body["programme_id"], "rule": RULE, "way": "promo", "sku": "A", "name_en": "Autumn"}

    percent = await manager.ask("POST", "/v1/console/campaigns/previews", json=draft)
    draft["rule"] = RULE | {"amount": {"type": "fixed", "value": 7000}}
    fixed = await manager.ask("POST", "/v1/console/campaigns/previews", json=draft)

    begun = [answer.json()["explanation"]["text"].partition(";")[0] for answer in (percent, fixed)]
    assert begun == [
        "Autumn: your client paid RUB950.00, 10% of it is RUB95.00",
        "Autumn: your client paid RUB950.00, you get RUB70.00",
    ]
    assert [answer.json()["explanation"]["base"] for answer in (percent, fixed)] == [95000, 95000]
