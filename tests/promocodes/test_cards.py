"""Who gets a card, how it is sent, and how many are made at once."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from httpx2 import AsyncClient

from backend.files.bucket import Bucket
from backend.promocodes.cards import proof
from backend.promocodes.cards.content import Card, Kind, Size
from backend.promocodes.studio import AT_ONCE, MOST_WAITING, Studio, StudioBusy, remove_cards
from scanning import payload
from tests.bucket import serving_s3
from tests.make import World
from tests.promocodes.cards import EVERY, a_code, card, raster, read


@pytest.mark.parametrize(("size", "kind"), EVERY)
async def test_an_agent_gets_the_card_of_his_code(world: World, size, kind):
    agent, row = await a_code(world)

    response = await card(world, agent, row, kind, size=str(size), run=1)

    assert response.status_code == 200, response.text
    if kind is Kind.SVG:
        assert response.headers["content-type"] == "image/svg+xml"
        assert "IVAN7.1" in response.text
    else:
        found = set(read(raster(response.content, kind)))
        assert found == {"HTTP://SCANBACK.TEST/P/1VAN7.1"}
        assert payload.classify(found.pop()) == ("promo", "1VAN7.1")


async def test_a_card_asked_for_again_is_not_sent_again(world: World):
    agent, row = await a_code(world)
    first = await card(world, agent, row)

    again = await card(world, agent, row, headers={"If-None-Match": first.headers["etag"]})
    in_russian = await card(
        world, agent, row, headers={"If-None-Match": first.headers["etag"], "Accept-Language": "ru"}
    )

    assert (again.status_code, again.content) == (304, b"")
    assert in_russian.status_code == 200
    assert in_russian.headers["etag"] != first.headers["etag"]


async def test_a_card_is_made_once_and_then_taken_from_the_storage(world: World, app, monkeypatch):
    agent, row = await a_code(world)
    first = await card(world, agent, row)
    monkeypatch.setattr(proof, "ATTEMPTS", ())

    again = await card(world, agent, row)

    assert again.content == first.content
    await remove_cards(row.id, files=app.state["files"])
    assert not list((world.settings.data / "files" / "cards").glob(f"{row.id}/*"))


async def test_a_storage_with_an_address_of_its_own_gives_a_link_to_agents_and_the_picture_to_previews(
    world: World, app, monkeypatch
):
    agent, row = await a_code(world)
    with serving_s3() as address:
        bucket = Bucket(f"s3://scanback/x?links={address}")
        monkeypatch.setitem(app.state, "studio", Studio(bucket))

        linked = await card(world, agent, row)
        public = await world.client.get("/p/IVAN7/card.png?lang=en")
        async with AsyncClient() as client:
            content = (await client.get(linked.headers["location"])).content
        bucket.close()

    assert linked.status_code == 307
    assert f"/scanback/x/cards/{row.id}/" in linked.headers["location"]
    assert linked.headers["cache-control"] == "private, no-store"
    assert public.status_code == 200
    assert content == public.content


async def test_a_card_of_somebody_elses_code_or_of_no_run_is_not_there(world: World):
    agent, row = await a_code(world)

    strangers = await card(world, await world.account(), row)
    no_run = await card(world, agent, row, run=3)

    assert (strangers.status_code, strangers.json()["code"]) == (404, "promo_code_unknown")
    assert (no_run.status_code, no_run.json()["code"]) == (404, "promo_run_unknown")


@pytest.mark.parametrize(
    "over",
    [{"closed_at": datetime.now(UTC)}, {"campaign": {"state": "ended"}},
     {"campaign": {"ends_at": datetime.now(UTC) - timedelta(hours=1)}}],
)  # fmt: skip
async def test_a_code_that_is_over_has_no_card(world: World, over):
    agent, row = await a_code(world, **over)

    response = await card(world, agent, row)

    assert (response.status_code, response.json()["code"]) == (409, "promo_code_over")


async def test_too_many_cards_at_once_are_put_off(app):
    studio = Studio(app.state["files"])
    cards = [Card(f"HTTPS://EX.RU/P/A{number}", "A", "Offer", "Brand") for number in range(AT_ONCE + MOST_WAITING + 3)]

    found = await gathered(studio, cards)

    assert sum(isinstance(answer, StudioBusy) for answer in found) == 3
    assert len({answer for answer in found if isinstance(answer, str)}) == AT_ONCE + MOST_WAITING
    assert all(await gathered(studio, cards[:5]))


async def test_many_who_want_the_same_card_wait_for_one(app):
    studio = Studio(app.state["files"])
    wanted = Card("HTTPS://EX.RU/P/SAME", "SAME", "Offer", "Brand")

    found = await gathered(studio, [wanted] * 50)

    assert len(set(found)) == 1
    assert (await studio.read(found[0])).startswith(b"<svg")


async def gathered(studio: Studio, cards: list[Card]) -> list[object]:
    places = [studio.place(0, each, Size.MESSENGER, Kind.SVG) for each in cards]
    return await asyncio.gather(*places, return_exceptions=True)
