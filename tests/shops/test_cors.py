"""Pages of other sites at the till's door: closed by default."""

import pytest
from sqlalchemy import text

from tests.make import World

PAGE, OTHER = "https://shop.example", "https://evil.example"
ASKS = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "authorization, content-type"}


@pytest.fixture
async def web_shop(world: World):
    brand = await world.brand()
    return await world.till(brand.id, kind="web", origins=[PAGE])


async def preflight(client, origin, path="/v1/till/quotes", **headers):
    return await client.options(path, headers=ASKS | {"Origin": origin} | headers)


def shown(answer):
    return {name for name in answer.headers if name.startswith("access-control-")}


async def test_a_page_that_a_web_shop_names_may_call_and_read(client, web_shop):
    asked = await preflight(client, PAGE)
    answer = await client.get("/v1/till", headers=web_shop | {"Origin": PAGE})

    assert asked.status_code == 204
    assert asked.headers["access-control-allow-methods"] == "GET, POST, PUT, DELETE"
    assert "authorization" in asked.headers["access-control-allow-headers"]
    assert answer.status_code == 200
    for told in (asked, answer):
        assert told.headers["access-control-allow-origin"] == PAGE
        assert told.headers["vary"] == "Origin"
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize("origin", [OTHER, "null", "*", "https://shop.example.evil.example", "HTTPS://SHOP.EXAMPLE"])
async def test_any_other_page_gets_nothing(client, web_shop, origin):
    asked = await preflight(client, origin)
    answer = await client.get("/v1/till", headers=web_shop | {"Origin": origin})

    assert (asked.status_code, answer.status_code) == (405, 200)
    assert shown(asked) | shown(answer) == set()


async def test_refusals_can_be_read_by_the_page_too(client, web_shop):
    answer = await client.put("/v1/till/shift", json={"cashier": "none"}, headers=web_shop | {"Origin": PAGE})

    assert answer.status_code == 403
    assert answer.headers["access-control-allow-origin"] == PAGE


async def test_another_tills_answers_are_not_shown_to_the_page(client, world, web_shop):
    brand = await world.brand()
    ordinary = await world.till(brand.id)

    answers = [await client.get("/v1/till", headers=headers | {"Origin": PAGE}) for headers in (ordinary, {})]

    assert [answer.status_code for answer in answers] == [200, 401]
    assert [shown(answer) for answer in answers] == [set(), set()]


async def test_all_other_doors_stay_closed(client, world, web_shop):
    account = await world.account()
    headers = {"Authorization": f"Bearer {account.token}", "Origin": PAGE}

    asked = [await preflight(client, PAGE, path) for path in ("/v1/me", "/v1/tillx", "/v1/console/brand")]
    answer = await client.get("/v1/me", headers=headers)

    assert [shown(told) for told in [*asked, answer]] == [set()] * 4


async def test_a_switched_off_web_shop_opens_nothing(client, owner, web_shop):
    await owner.rows(text("UPDATE tills SET disabled_at = now()"))

    assert (await preflight(client, PAGE)).status_code == 405
