"""The till's door: who is let in."""

from datetime import UTC, datetime

import pytest

from backend import tokens


async def test_a_till_is_known_by_its_token(world, client):
    brand = await world.brand()
    headers = await world.till(brand.id)

    response = await client.get("/v1/till", headers=headers)

    assert response.status_code == 200
    assert response.json()["kind"] == "till"


async def test_a_switched_off_till_and_a_stranger_are_told_the_same(world, client):
    brand = await world.brand()
    off = await world.till(brand.id, disabled_at=datetime.now(UTC))
    stranger = {"Authorization": f"Bearer {tokens.token('tl')}"}

    told = [(await client.get("/v1/till", headers=headers)) for headers in (off, stranger, {})]

    assert {response.status_code for response in told} == {401}
    assert len({response.json()["detail"] for response in told}) == 1


@pytest.mark.parametrize("prefix", ["st", "ls"])
async def test_the_token_of_somebody_else_opens_no_till(client, prefix):
    headers = {"Authorization": f"Bearer {tokens.token(prefix)}"}

    response = await client.get("/v1/till", headers=headers)

    assert response.status_code == 401
