"""The lines of a wording when they are decided: closed accounts, ended campaigns, repetitions, large amounts."""

from sqlalchemy import select

from backend.earning.receipts.models import Review
from tests.earning.receipts.receipt_builders import line
from tests.earning.receipts.reviews.conftest import Held
from tests.earning.receipts.reviews.review_rows import close_account, events_of_kind, line_states
from tests.earning.receipts.reviews.test_wordings import UNCLEAR, name, queue
from tests.make import World


async def test_named_lines_of_closed_account_are_refused(brand: Held, world: World):
    await brand.bring(line(UNCLEAR, 10_000, 1))
    (found,) = await queue(brand)
    await close_account(world)

    answer = await name(brand, found["line"], "РА16-374")

    assert (answer.status_code, answer.json()["decided"]) == (200, 1)
    assert await line_states(world) == [("refused", "account_closed")]


async def test_held_lines_of_closed_account_are_refused(held: Held, world: World):
    await held.bring()
    number = (await held.item())["id"]
    await close_account(world)

    answer = await held.decide("release", review=number)

    assert answer.status_code == 200, answer.text
    assert await line_states(world) == [("refused", "account_closed")]
    (decided,) = await events_of_kind(world, "review.decided")
    assert decided["amount"] == 0


async def test_wording_decided_again_decides_no_lines(brand: Held):
    await brand.bring(line(UNCLEAR, 10_000, 1))
    (found,) = await queue(brand)

    answers = [await name(brand, found["line"], "РА16-374") for _ in range(2)]

    assert [answer.json().get("decided", 0) for answer in answers] == [1, 0]
    assert await brand.balance() == 600


async def test_named_lines_without_campaign_are_refused(brand: Held, world: World):
    await brand.bring(line(UNCLEAR, 10_000, 1))
    (found,) = await queue(brand)
    async with world.db.begin() as session:
        campaign = await session.merge(brand.goods.campaign)
        campaign.state = "paused"

    answer = await name(brand, found["line"], "РА16-374")

    assert answer.json()["decided"] == 1
    assert await brand.status() == [("refused", "no_campaign")]


async def test_large_named_line_opens_one_item(brand: Held, world: World, number):
    number("second_person_above", 599)
    await brand.bring(line(UNCLEAR, 10_000, 1), line(UNCLEAR.upper(), 10_000, 1))
    (found,) = await queue(brand)

    await name(brand, found["line"], "РА16-374")

    async with world.db.begin() as session:
        points = (await session.scalars(select(Review.points))).all()
    assert points == [20]
    assert await line_states(world) == [("review", "checked")] * 2
