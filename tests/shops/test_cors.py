"""CORS of the till API: closed by default."""

import pytest
from sqlalchemy import text

from tests.make import World

PAGE, OTHER = "https://shop.example", "https://evil.example"
PREFLIGHT = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "authorization, content-type"}


@pytest.fixture
async def web_shop(world: World):
    brand = await world.brand()
    return await world.till(brand.id, kind="web", origins=[PAGE])


async def preflight(client, origin, path="/v1/till/quotes", **headers):
    return await client.options(path, headers=PREFLIGHT | {"Origin": origin} | headers)


def shown(answer):
    return {name for name in answer.headers if name.startswith("access-control-")}


async def test_page_of_web_shop_origin_may_call_and_read(client, web_shop):
    preflight_response = await preflight(client, PAGE)
    answer = await client.get("/v1/till", headers=web_shop | {"Origin": PAGE})

    assert preflight_response.status_code == 204
    assert preflight_response.headers["access-control-allow-methods"] == "GET, POST, PUT, DELETE"
    assert "authorization" in preflight_response.headers["access-control-allow-headers"]
    assert answer.status_code == 200
    for response in (preflight_response, answer):
        assert response.headers["access-control-allow-origin"] == PAGE
        assert response.headers["vary"] == "Origin"
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize("origin", [OTHER, "null", "*", "https://shop.example.evil.example", "HTTPS://SHOP.EXAMPLE"])
async def test_page_of_other_origin_gets_no_headers(client, web_shop, origin):
    preflight_response = await preflight(client, origin)
    answer = await client.get("/v1/till", headers=web_shop | {"Origin": origin})

    assert (preflight_response.status_code, answer.status_code) == (405, 200)
    assert shown(preflight_response) | shown(answer) == set()


async def test_errors_are_readable_by_the_page(client, web_shop):
    answer = await client.put("/v1/till/shift", json={"cashier": "none"}, headers=web_shop | {"Origin": PAGE})

    assert answer.status_code == 403
    assert answer.headers["access-control-allow-origin"] == PAGE


async def test_responses_of_another_till_are_not_readable(client, world, web_shop):
    brand = await world.brand()
    ordinary = await world.till(brand.id)

    answers = [await client.get("/v1/till", headers=headers | {"Origin": PAGE}) for headers in (ordinary, {})]

    assert [answer.status_code for answer in answers] == [200, 401]
    assert [shown(answer) for answer in answers] == [set(), set()]


async def test_other_routes_have_no_cors_headers(client, world, web_shop):
    account = await world.account()
    headers = {"Authorization": f"Bearer {account.token}", "Origin": PAGE}

    preflights = [await preflight(client, PAGE, path) for path in ("/v1/me", "/v1/tillx", "/v1/console/brand")]
    answer = await client.get("/v1/me", headers=headers)

    assert [shown(response) for response in [*preflights, answer]] == [set()] * 4


async def test_switched_off_web_shop_allows_no_origin(client, owner, web_shop):
    await owner.rows(text("UPDATE tills SET disabled_at = now()"))

    assert (await preflight(client, PAGE)).status_code == 405
