"""Many tills with one certificate at once: never more than it holds, and the answers add up."""

import asyncio
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import text

from backend.checkout import statements
from backend.offers import certificates
from backend.offers.certificate_schemas import CertificateReturnIn, CertificateUseIn
from backend.shops.door import TillAt
from tests.make import World
from tests.offers.redeeming import Redeeming, redeeming_at

TILLS = 40
NOW = datetime.now(UTC)
LEFT = text("SELECT balance FROM certificates")


@pytest.fixture
async def redeeming(world: World) -> Redeeming:
    return await redeeming_at(world)


@pytest.fixture
async def tills(redeeming: Redeeming, world: World) -> list[dict[str, str]]:
    return [await world.till(shop=redeeming.shop) for _ in range(TILLS)]


async def test_forty_tills_take_no_more_than_it_holds(redeeming, tills, world):
    code, parts = await redeeming.certificate(1000), [70 + number for number in range(TILLS)]

    answers = await asyncio.gather(
        *(redeeming.take(code, part, till=till) for part, till in zip(parts, tills, strict=True))
    )

    taken = [answer.json() for answer in answers if answer.status_code == 200]
    left = (await world.db.call(LEFT)).balance
    assert Counter(answer.status_code for answer in answers) == {200: len(taken), 409: TILLS - len(taken)}
    assert sum(row["amount"] for row in taken) + left == 1000
    assert left < 70 + TILLS
    # Each answer is the one before less its part: so somebody was first, and nobody saw what another had taken.
    chain = sorted(taken, key=lambda row: -row["balance"])
    befores = [1000, *(row["balance"] for row in chain)]
    assert [row["balance"] for row in chain] == [
        before - row["amount"] for before, row in zip(befores, chain, strict=False)
    ]
    assert sorted(amount for _, amount, _ in await redeeming.owed()) == sorted(row["amount"] for row in taken)


async def test_a_discount_is_used_by_one_of_forty_tills(redeeming, tills):
    code = await redeeming.certificate(1000, single=True)

    answers = await asyncio.gather(*(redeeming.take(code, 10, till=till) for till in tills))

    assert Counter(answer.status_code for answer in answers) == {200: 1, 409: TILLS - 1}
    assert await redeeming.owed() == [(1, 10, 9)]


async def test_one_use_sent_by_many_at_once_happens_once(redeeming):
    code = await redeeming.certificate(1000)

    answers = await asyncio.gather(*(redeeming.take(code, 300, "one") for _ in range(TILLS)))
    backs = await asyncio.gather(*(redeeming.give_back("one", 100, "back") for _ in range(TILLS)))

    assert {answer.content for answer in answers} == {answers[0].content}
    assert {answer.content for answer in backs} == {backs[0].content}
    assert backs[0].json() == {"amount": 100, "balance": 800}


async def test_one_id_with_many_certificates_at_once_takes_of_one(redeeming):
    codes = [await redeeming.certificate(1000) for _ in range(8)]

    answers = await asyncio.gather(*(redeeming.take(code, 300, "one") for code in codes * 4))

    told = {answer.json().get("code") for answer in answers if answer.status_code != 200}
    assert (Counter(answer.status_code for answer in answers), told) == ({200: 4, 422: 28}, {"body_changed"})
    assert await redeeming.owed() == [(1, 300, 9)]


async def test_no_more_comes_back_than_was_taken_wherever_it_is_asked(redeeming, tills, world):
    code = await redeeming.certificate(1000)
    await redeeming.take(code, 700, "one")

    answers = await asyncio.gather(*(redeeming.give_back("one", 30, till=till) for till in tills))

    assert Counter(answer.status_code for answer in answers) == {200: 23, 409: TILLS - 23}
    assert (await world.db.call(LEFT)).balance == 300 + 23 * 30


async def test_takings_and_returns_at_once_do_not_block_each_other(redeeming, tills):
    codes = [await redeeming.certificate(1000) for _ in range(3)]
    for number, till in enumerate(tills):
        await redeeming.take(codes[number % 3], 10, f"u{number}", till)

    answers = await asyncio.gather(
        *(redeeming.take(codes[(number + 1) % 3], 20, till=till) for number, till in enumerate(tills)),
        *(redeeming.give_back(f"u{number}", 10, till=till) for number, till in enumerate(tills)),
    )

    assert {answer.status_code for answer in answers} == {200}


async def test_a_statement_closes_between_deeds_and_not_within_one(redeeming, world):
    code = await redeeming.certificate(1000)
    await redeeming.take(code, 300, "one")
    async with world.db.begin() as session:
        await session.execute(statements.ALONE, {"shop": redeeming.shop.id})
        deeds = [asyncio.create_task(deed) for deed in (redeeming.take(code, 100), redeeming.give_back("one", 200))]
        await asyncio.sleep(0.3)
        waits = [not deed.done() for deed in deeds]

    answers = await asyncio.gather(*deeds)

    assert waits == [True, True]
    assert [answer.status_code for answer in answers] == [200, 200]


class Slow:
    """The database as a service sees it, whose deeds end with a transaction of ours."""

    def __init__(self, session: Any) -> None:
        self.session = session

    async def call(self, statement: Any, **values: Any) -> Any:
        return (await self.session.execute(statement, values)).one()


@pytest.mark.parametrize("gives_back", [False, True], ids=["a part taken", "a part given back"])
async def test_a_repeat_waits_for_the_deed_that_is_on_its_way(redeeming, world, gives_back):
    code = await redeeming.certificate(1000)
    await redeeming.take(code, 300, "before")
    (row,) = await world.db.rows(text("SELECT id, shop_id FROM tills"))
    till = TillAt("", row.id, row.shop_id, "till", None, False, "Europe/Moscow")

    async with world.db.begin() as session:
        if gives_back:
            first = await certificates.give_back(Slow(session), till, "before", "one", CertificateReturnIn(100))
            again = asyncio.create_task(redeeming.give_back("before", 100, "one"))
        else:
            body = CertificateUseIn(code, 100)
            first = await certificates.take(Slow(session), world.settings, till, "one", body, NOW)
            again = asyncio.create_task(redeeming.take(code, 100, "one"))
        await asyncio.sleep(0.3)
        waits = not again.done()
    answer = await again

    assert waits
    assert (answer.status_code, answer.json()) == (200, first._asdict())
