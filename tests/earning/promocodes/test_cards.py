"""Cards over HTTP: access, caching, storage, and limits of drawing."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from httpx2 import AsyncClient
from sqlalchemy import text

from backend.core.fair_queue import MAX_WAITING_PER_CALLER
from backend.core.http.errors import Busy
from backend.core.storage.bucket import Bucket
from backend.earning.promocodes.cards.artwork import readability
from backend.earning.promocodes.cards.artwork.content import Card, CardFormat, CardSize
from backend.earning.promocodes.cards.renderer import (
    MAX_CONCURRENT,
    MAX_WAITING,
    CardCaller,
    CardRenderer,
    CardRendererBusy,
    remove_cards,
    remove_unused_cards,
)
from scanning import payload
from tests.bucket import serving_s3
from tests.earning.promocodes.cards import EVERY, a_code, card, raster, read
from tests.make import World


@pytest.mark.parametrize(("size", "kind"), EVERY)
async def test_agent_gets_card_of_own_code(world: World, size, kind):
    agent, row = await a_code(world)

    response = await card(world, agent, row, kind, size=str(size), run=1)

    assert response.status_code == 200, response.text
    if kind is CardFormat.SVG:
        assert response.headers["content-type"] == "image/svg+xml"
        assert "IVAN7.1" in response.text
    else:
        found = set(read(raster(response.content, kind)))
        assert found == {"HTTP://SCANBACK.TEST/P/1VAN7.1"}
        assert payload.classify(found.pop()) == ("promo", "1VAN7.1")


async def test_card_with_known_etag_is_not_sent_again(world: World):
    agent, row = await a_code(world)
    first = await card(world, agent, row)

    again = await card(world, agent, row, headers={"If-None-Match": first.headers["etag"]})
    in_russian = await card(
        world, agent, row, headers={"If-None-Match": first.headers["etag"], "Accept-Language": "ru"}
    )

    assert (again.status_code, again.content) == (304, b"")
    assert in_russian.status_code == 200
    assert in_russian.headers["etag"] != first.headers["etag"]


async def test_card_is_drawn_once_and_then_read_from_storage(world: World, app, monkeypatch):
    agent, row = await a_code(world)
    first = await card(world, agent, row)
    monkeypatch.setattr(readability, "ATTEMPTS", ())

    again = await card(world, agent, row)

    assert again.content == first.content
    await remove_cards(row.id, files=app.state["files"])
    assert not list((world.settings.data / "files" / "cards").glob(f"{row.id}/*"))


async def test_public_storage_redirects_agents_but_not_previews(world: World, app, monkeypatch):
    agent, row = await a_code(world)
    with serving_s3() as address:
        bucket = Bucket(f"s3://scanback/x?links={address}")
        monkeypatch.setitem(app.state, "card_renderer", CardRenderer(bucket))

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


async def test_card_of_foreign_code_or_unknown_run_is_not_found(world: World):
    agent, row = await a_code(world)

    strangers = await card(world, await world.account(), row)
    no_run = await card(world, agent, row, run=3)

    assert (strangers.status_code, strangers.json()["code"]) == (404, "promo_code_unknown")
    assert (no_run.status_code, no_run.json()["code"]) == (404, "promo_run_unknown")


@pytest.mark.parametrize(
    "over",
    [
        {"closed_at": datetime.now(UTC)},
        {"campaign": {"state": "ended"}},
        {"campaign": {"ends_at": datetime.now(UTC) - timedelta(hours=1)}},
    ],
)
async def test_closed_or_ended_code_has_no_card(world: World, over):
    agent, row = await a_code(world, **over)

    response = await card(world, agent, row)

    assert (response.status_code, response.json()["code"]) == (409, "promo_code_over")


async def test_concurrent_cards_over_the_limit_are_refused(app):
    renderer = CardRenderer(app.state["files"])
    cards = [
        Card(f"HTTPS://EX.RU/P/A{number}", "A", "Offer", "Brand") for number in range(MAX_CONCURRENT + MAX_WAITING + 3)
    ]

    found = await gathered(renderer, cards)

    assert sum(isinstance(answer, CardRendererBusy) for answer in found) == 3
    assert len({answer for answer in found if isinstance(answer, str)}) == MAX_CONCURRENT + MAX_WAITING
    assert all(await gathered(renderer, cards[:5]))


async def test_concurrent_requests_for_one_card_share_the_drawing(app):
    renderer = CardRenderer(app.state["files"])
    wanted = Card("HTTPS://EX.RU/P/SAME", "SAME", "Offer", "Brand")

    found = await gathered(renderer, [wanted] * 50)

    assert len(set(found)) == 1
    assert (await renderer.read(found[0])).startswith(b"<svg")


async def test_only_new_cards_count_against_the_quota(world: World, number):
    number("cards_per_hour", 2)
    agent, row = await a_code(world)
    for size in ("messenger", "business"):
        assert (await card(world, agent, row, size=size)).status_code == 200

    stored = await card(world, agent, row, size="messenger")
    another = await card(world, agent, row, size="leaflet")

    assert stored.status_code == 200
    assert (another.status_code, another.json()["code"]) == (429, "too_many_requests")
    assert 0 < int(another.headers["retry-after"]) <= 3600


async def test_one_card_per_account_is_drawn_concurrently(app, db):
    renderer = CardRenderer(app.state["files"], db)
    busy, honest = CardCaller("account:1", 99), CardCaller("account:2", 99)
    cards = [Card(f"HTTPS://EX.RU/P/B{number}", "B", "Offer", "Brand") for number in range(10)]
    flood = [
        asyncio.create_task(renderer.store(0, each, CardSize.MESSENGER, CardFormat.SVG, busy)) for each in cards[:-1]
    ]
    await asyncio.sleep(0.05)

    name = await renderer.store(0, cards[-1], CardSize.MESSENGER, CardFormat.SVG, honest)

    found = await asyncio.gather(*flood, return_exceptions=True)
    assert name.endswith(".svg")
    assert sum(isinstance(answer, str) for answer in found) == 1 + MAX_WAITING_PER_CALLER
    assert sum(isinstance(answer, Busy) for answer in found) == len(flood) - 1 - MAX_WAITING_PER_CALLER


async def test_unused_stored_cards_are_removed(world: World, app, owner):
    agent, row = await a_code(world)
    await card(world, agent, row, size="messenger")
    await card(world, agent, row, size="business")
    names = [found.name for found in await world.db.rows(text("SELECT name FROM promo_cards ORDER BY name"))]
    await owner.rows(text("UPDATE promo_cards SET used_at = now() - interval '31 days'"))
    await card(world, agent, row, size="messenger")  # it is requested again

    await remove_unused_cards(db=world.db, files=app.state["files"], settings=world.settings)

    left = [found.name for found in await world.db.rows(text("SELECT name FROM promo_cards"))]
    assert len(names) == 2
    assert len(left) == 1
    assert [await app.state["files"].exists(name) for name in names] == [name in left for name in names]
    assert (await card(world, agent, row, size="business")).status_code == 200


async def gathered(renderer: CardRenderer, cards: list[Card]) -> list[object]:
    places = [renderer.store(0, each, CardSize.MESSENGER, CardFormat.SVG) for each in cards]
    return await asyncio.gather(*places, return_exceptions=True)
