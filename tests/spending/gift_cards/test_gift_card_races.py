"""Concurrent uses of one gift card: never above its balance, and the responses add up."""

import asyncio
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import text

from backend.core.db.locks import lock_shop
from backend.shops.authentication import TillIdentity
from backend.spending.gift_cards import service as gift_cards
from backend.spending.gift_cards.schemas import GiftCardRedemptionIn, GiftCardReturnIn
from tests.make import World
from tests.spending.gift_card_till import GiftCardTill

TILLS = 40
NOW = datetime.now(UTC)
LEFT = text("SELECT balance FROM certificates")


@pytest.fixture
async def tills(gift_card_till: GiftCardTill, world: World) -> list[dict[str, str]]:
    return [await world.till(shop=gift_card_till.shop) for _ in range(TILLS)]


async def test_concurrent_uses_never_exceed_the_balance(gift_card_till, tills, world):
    code, parts = await gift_card_till.certificate(1000), [70 + number for number in range(TILLS)]

    answers = await asyncio.gather(
        *(gift_card_till.take(code, part, till=till) for part, till in zip(parts, tills, strict=True))
    )

    uses = [answer.json() for answer in answers if answer.status_code == 200]
    left = (await world.db.call(LEFT)).balance
    assert Counter(answer.status_code for answer in answers) == {200: len(uses), 409: TILLS - len(uses)}
    assert sum(row["amount"] for row in uses) + left == 1000
    assert left < 70 + TILLS
    # Each balance is the previous one less its part, so the uses were serialised.
    chain = sorted(uses, key=lambda row: -row["balance"])
    befores = [1000, *(row["balance"] for row in chain)]
    assert [row["balance"] for row in chain] == [
        before - row["amount"] for before, row in zip(befores, chain, strict=False)
    ]
    assert sorted(amount for _, amount, _ in await gift_card_till.owed()) == sorted(row["amount"] for row in uses)


async def test_discount_with_concurrent_uses_is_used_once(gift_card_till, tills):
    code = await gift_card_till.certificate(1000, single=True)

    answers = await asyncio.gather(*(gift_card_till.take(code, 10, till=till) for till in tills))

    assert Counter(answer.status_code for answer in answers) == {200: 1, 409: TILLS - 1}
    assert await gift_card_till.owed() == [(1, 10, 9)]


async def test_use_sent_concurrently_happens_once(gift_card_till):
    code = await gift_card_till.certificate(1000)

    answers = await asyncio.gather(*(gift_card_till.take(code, 300, "one") for _ in range(TILLS)))
    backs = await asyncio.gather(*(gift_card_till.give_back("one", 100, "back") for _ in range(TILLS)))

    assert {answer.content for answer in answers} == {answers[0].content}
    assert {answer.content for answer in backs} == {backs[0].content}
    assert backs[0].json() == {"amount": 100, "balance": 800}


async def test_concurrent_gift_cards_under_id_use_one(gift_card_till):
    codes = [await gift_card_till.certificate(1000) for _ in range(8)]

    answers = await asyncio.gather(*(gift_card_till.take(code, 300, "one") for code in codes * 4))

    shown = {answer.json().get("code") for answer in answers if answer.status_code != 200}
    assert (Counter(answer.status_code for answer in answers), shown) == ({200: 4, 422: 28}, {"body_changed"})
    assert await gift_card_till.owed() == [(1, 300, 9)]


async def test_concurrent_returns_never_exceed_the_use(gift_card_till, tills, world):
    code = await gift_card_till.certificate(1000)
    await gift_card_till.take(code, 700, "one")

    answers = await asyncio.gather(*(gift_card_till.give_back("one", 30, till=till) for till in tills))

    assert Counter(answer.status_code for answer in answers) == {200: 23, 409: TILLS - 23}
    assert (await world.db.call(LEFT)).balance == 300 + 23 * 30


async def test_concurrent_uses_and_returns_do_not_deadlock(gift_card_till, tills):
    codes = [await gift_card_till.certificate(1000) for _ in range(3)]
    for number, till in enumerate(tills):
        await gift_card_till.take(codes[number % 3], 10, f"u{number}", till)

    answers = await asyncio.gather(
        *(gift_card_till.take(codes[(number + 1) % 3], 20, till=till) for number, till in enumerate(tills)),
        *(gift_card_till.give_back(f"u{number}", 10, till=till) for number, till in enumerate(tills)),
    )

    assert {answer.status_code for answer in answers} == {200}


async def test_settlement_closes_between_uses_not_within_one(gift_card_till, world):
    code = await gift_card_till.certificate(1000)
    await gift_card_till.take(code, 300, "one")
    async with world.db.begin() as session:
        await lock_shop(session, gift_card_till.shop.id)
        requests = [
            asyncio.create_task(request)
            for request in (gift_card_till.take(code, 100), gift_card_till.give_back("one", 200))
        ]
        await asyncio.sleep(0.3)
        waits = [not request.done() for request in requests]

    answers = await asyncio.gather(*requests)

    assert waits == [True, True]
    assert [answer.status_code for answer in answers] == [200, 200]


class Slow:
    """The database as a service sees it, whose statements end with our transaction."""

    def __init__(self, session: Any) -> None:
        self.session = session

    async def call(self, statement: Any, **values: Any) -> Any:
        return (await self.session.execute(statement, values)).one()


@pytest.mark.parametrize("gives_back", [False, True], ids=["use", "return"])
async def test_retry_waits_for_the_running_request(gift_card_till, world, gives_back):
    code = await gift_card_till.certificate(1000)
    await gift_card_till.take(code, 300, "before")
    (row,) = await world.db.rows(text("SELECT id, shop_id FROM tills"))
    till = TillIdentity("", row.id, row.shop_id, "till", None, False, "Europe/Moscow")

    async with world.db.begin() as session:
        if gives_back:
            first = await gift_cards.return_use(Slow(session), till, "before", "one", GiftCardReturnIn(100))
            again = asyncio.create_task(gift_card_till.give_back("before", 100, "one"))
        else:
            body = GiftCardRedemptionIn(code, 100)
            first = await gift_cards.use_gift_card(Slow(session), world.settings, till, "one", body, NOW)
            again = asyncio.create_task(gift_card_till.take(code, 100, "one"))
        await asyncio.sleep(0.3)
        waits = not again.done()
    answer = await again

    assert waits
    assert (answer.status_code, answer.json()) == (200, first._asdict())
