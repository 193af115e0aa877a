"""Authentication of tills by their tokens."""

from datetime import UTC, datetime

import pytest

from backend.core.security import tokens


async def test_till_is_found_by_its_token(world, client):
    brand = await world.brand()
    headers = await world.till(brand.id)

    response = await client.get("/v1/till", headers=headers)

    assert response.status_code == 200
    assert response.json()["kind"] == "till"


async def test_disabled_till_is_refused_like_unknown_token(world, client):
    brand = await world.brand()
    off = await world.till(brand.id, disabled_at=datetime.now(UTC))
    stranger = {"Authorization": f"Bearer {tokens.token('tl')}"}

    responses = [(await client.get("/v1/till", headers=headers)) for headers in (off, stranger, {})]

    assert {response.status_code for response in responses} == {401}
    assert len({response.json()["detail"] for response in responses}) == 1


@pytest.mark.parametrize("prefix", ["st", "ls"])
async def test_token_of_another_kind_is_refused(client, prefix):
    headers = {"Authorization": f"Bearer {tokens.token(prefix)}"}

    response = await client.get("/v1/till", headers=headers)

    assert response.status_code == 401
