"""Programmes of a brand."""

import pytest

from tests.make import World

CLUB = {"name": "Masters' club", "currency": "RUB", "timezone": "Asia/Yekaterinburg"}


@pytest.fixture
async def owner_of_brand(world: World):
    return await world.staff()


async def test_programme_is_created_under_its_key(owner_of_brand):
    made = await owner_of_brand.put("/v1/console/programmes/club", CLUB)

    assert made.status_code == 200
    assert made.json() | {"id": 0, "created_at": ""} == CLUB | {"id": 0, "created_at": "", "key": "club"}
    again = await owner_of_brand.put("/v1/console/programmes/club", CLUB)
    assert again.json() == made.json()
    assert (await owner_of_brand.get("/v1/console/programmes/club")).json() == made.json()


async def test_currency_of_a_programme_cannot_change(owner_of_brand):
    await owner_of_brand.put("/v1/console/programmes/club", CLUB)

    renamed = await owner_of_brand.put("/v1/console/programmes/club", CLUB | {"name": "Foremen"})
    refused = await owner_of_brand.put("/v1/console/programmes/club", CLUB | {"currency": "PTS"})

    assert renamed.json()["name"] == "Foremen"
    assert (refused.status_code, refused.json()["code"]) == (409, "currency_fixed")


@pytest.mark.parametrize("timezone", ["Moscow", "../../etc/passwd", "Europe", ""])
async def test_unknown_time_zone_is_refused(owner_of_brand, timezone):
    response = await owner_of_brand.put("/v1/console/programmes/club", CLUB | {"timezone": timezone})

    assert (response.status_code, response.json()["code"]) == (422, "timezone_unknown")


async def test_programme_name_is_unique_within_a_brand(world, owner_of_brand):
    stranger = await world.staff()
    await stranger.put("/v1/console/programmes/theirs", CLUB)
    await owner_of_brand.put("/v1/console/programmes/club", CLUB)
    await owner_of_brand.put("/v1/console/programmes/other", CLUB | {"name": "Other"})

    answers = [
        await owner_of_brand.put("/v1/console/programmes/second", CLUB),
        await owner_of_brand.put("/v1/console/programmes/other", CLUB),
    ]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(409, "programme_name_taken")] * 2


async def test_programmes_are_paginated_by_key(owner_of_brand):
    for key in ("c", "a", "b"):
        await owner_of_brand.put(f"/v1/console/programmes/{key}", CLUB | {"name": key})

    first = (await owner_of_brand.get("/v1/console/programmes", params={"limit": 2})).json()
    second = (await owner_of_brand.get("/v1/console/programmes", params={"limit": 2, "cursor": first["next"]})).json()

    assert [row["key"] for row in first["items"] + second["items"]] == ["a", "b", "c"]


async def test_unknown_programme_is_not_found(owner_of_brand):
    response = await owner_of_brand.get("/v1/console/programmes/club")

    assert (response.status_code, response.json()["code"]) == (404, "programme_unknown")
