"""Decisions on lines that are not those in review, or at prices of older rules."""

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
import pytest

from backend.earning.receipts.awards.payment_steps import PricesOutdated
from backend.earning.receipts.awards.review_awards import RepricedLine
from backend.earning.receipts.review import review_decisions, service
from backend.earning.receipts.review.review_decisions import PricedDecision
from backend.earning.receipts.review.schemas import ReviewDecisionIn
from backend.identity.brands.authentication import Member
from backend.programmes.rules.rule_cache import RuleCache
from tests.earning.receipts.receipt_builders import PLUG, line
from tests.earning.receipts.reviews.conftest import Held
from tests.earning.receipts.reviews.review_rows import line_states, steps
from tests.make import World


class Release(msgspec.Struct):
    """A release by a member of staff, at prices that a test chooses."""

    world: World
    member: Member
    review: int

    @classmethod
    async def of(cls, held: Held, world: World) -> "Release":
        return cls(world, Member(held.anna.brand_id, held.anna.id, "reviewer", 0), (await held.item())["id"])

    async def prices(self) -> list[RepricedLine]:
        lines, _ = await service.price_waiting_lines(
            self.world.db,
            self.world.settings,
            RuleCache(self.world.db),
            self.member,
            self.review,
            "release",
            datetime.now(UTC),
        )
        return lines

    async def decide(self, lines: Sequence[RepricedLine]) -> None:
        decision = PricedDecision(ReviewDecisionIn("release"), lines, 10**9)
        async with self.world.db.begin() as session:
            await review_decisions.decide(session, self.member, self.review, decision)


async def test_release_without_new_line_is_outdated(held: Held, world: World):
    await held.bring()
    release = await Release.of(held, world)
    lines = await release.prices()
    await held.bring(line(PLUG, 10_000, 1))

    with pytest.raises(PricesOutdated):
        await release.decide(lines)

    assert await line_states(world) == [("review", "checked")] * 2
    assert await steps(world) == []


async def test_release_of_decided_line_is_outdated(held: Held, world: World):
    await held.bring(line(amount=45_000, quantity=1), line(PLUG, 10_000, 1))
    release = await Release.of(held, world)
    lines = await release.prices()

    with pytest.raises(PricesOutdated):
        await release.decide([*lines, msgspec.structs.replace(lines[0], line=2**40)])

    assert await held.balance() == 0


async def test_release_at_older_rules_is_outdated(held: Held, world: World):
    await held.bring()
    release = await Release.of(held, world)
    lines = [msgspec.structs.replace(row, rules_version=0) for row in await release.prices()]

    with pytest.raises(PricesOutdated):
        await release.decide(lines)

    assert await held.balance() == 0
    assert (await held.item())["state"] == "open"


async def test_receipt_that_arrives_meanwhile_is_released(held: Held, monkeypatch):
    await held.bring()
    decide, arrivals = review_decisions.decide, [line(PLUG, 10_000, 1)]

    async def decide_later(*args, **values):
        if arrivals:
            await held.bring(arrivals.pop())
        return await decide(*args, **values)

    monkeypatch.setattr(review_decisions, "decide", decide_later)
    answer = await held.decide("release")

    assert answer.status_code == 200, answer.text
    assert await held.balance() == 6000


async def test_rules_that_change_in_each_attempt_are_busy(held: Held, monkeypatch):
    await held.bring()

    async def refuse(*args: object, **values: object) -> None:
        raise PricesOutdated

    monkeypatch.setattr(review_decisions, "decide", refuse)
    answer = await held.decide("release")

    assert (answer.status_code, answer.json()["code"]) == (503, "busy")
    assert (await held.item())["state"] == "open"
