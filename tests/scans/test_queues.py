"""Queues of scans: written at once, and each answered as if it had come alone."""

import uuid
from datetime import timedelta
from typing import Any

from sqlalchemy import text

from backend.accounts.schemas import AccountNew
from backend.programmes.rules import Fixed, Rule
from payouts import ledger
from payouts.ledger import Cause, Purse
from tests.make import World, bearer
from tests.wallets.earnings import account_id, the_day

EVENTS = text("SELECT brand_id, count(*) AS n FROM events WHERE kind = 'package.claimed' GROUP BY 1 ORDER BY 1")
MOVED = text("SELECT sum(amount)::bigint AS amount, count(*) AS n, count(DISTINCT lot_id) AS lots FROM movements")
OF_CAUSE = text("SELECT cause_id FROM movements WHERE amount = 100 ORDER BY id LIMIT 1")


async def send(
    world: World, agent: AccountNew, *texts: str, ids: list[uuid.UUID] | None = None
) -> list[dict[str, Any]]:
    numbers = ids or [uuid.uuid4() for _ in texts]
    scans = [{"id": str(number), "text": text} for number, text in zip(numbers, texts, strict=True)]
    response = await world.client.post("/v1/scans/batch", json={"scans": scans}, headers=bearer(agent))
    assert response.status_code == 200, response.text
    return response.json()["items"]


async def test_a_queue_of_several_brands_fills_a_wallet_of_each(world: World):
    first, second = await world.codes(3), await world.codes(4)
    agent = await world.account()

    answers = await send(world, agent, first[0], second[0], first[1], second[1], second[2])

    assert {(answer["status"], answer["amount"]) for answer in answers} == {("credited", 100)}
    assert sorted(wallet["available"] for wallet in (await world.home(agent))["wallets"]) == [200, 300]
    assert sorted(row.n for row in await world.db.rows(EVENTS)) == [2, 3]


async def test_what_is_held_and_what_is_not_goes_into_lots_of_its_own(world: World):
    at_once = await world.codes(3)
    held = await world.codes(2, rule=Rule(ways=frozenset({"package"}), amount=Fixed(70), hold_days=14))
    agent = await world.account()

    answers = await send(world, agent, *at_once, *held)

    assert [answer["status"] for answer in answers] == ["credited"] * 3 + ["pending"] * 2
    wallets = (await world.home(agent))["wallets"]
    assert sorted((wallet.get("available", 0), wallet.get("pending", 0)) for wallet in wallets) == [(0, 140), (300, 0)]
    moved = await world.db.call(MOVED)
    assert (moved.amount, moved.n, moved.lots) == (440, 5, 2)


async def test_a_good_scan_among_bad_ones_is_paid_and_each_gets_its_answer(world: World):
    codes, gone = await world.codes(2), await world.codes(1)
    agent, other = await world.account(), await world.account()
    await world.scan(other, gone[0])

    answers = await send(world, agent, "not a code", gone[0], codes[0], codes[0], codes[1][:-1])

    told = [(answer["status"], answer.get("reason")) for answer in answers]
    assert told[1] == ("refused", "already_claimed")
    assert sorted(status for status, _ in told[2:4]) == ["credited", "repeated"]
    assert {told[0][0], told[4][0]} == {"refused"}
    assert (await world.home(agent))["wallets"][0]["available"] == 100


async def test_an_id_twice_in_one_queue_pays_once_and_another_body_is_told_so(world: World):
    codes, number, same = await world.codes(3), uuid.uuid4(), uuid.uuid4()
    agent = await world.account()
    texts, ids = [codes[0], codes[1], codes[2], codes[2]], [number, number, same, same]

    answers = await send(world, agent, *texts, ids=ids)
    again = await send(world, agent, *texts, ids=ids)

    told = sorted((answer["status"], answer.get("reason", "")) for answer in answers[:2])
    assert told == [("credited", ""), ("refused", "body_changed")]
    assert answers[2] == answers[3]
    assert answers[2]["status"] == "credited"
    assert again == answers
    assert (await world.home(agent))["wallets"][0]["available"] == 200


async def test_a_debt_is_repaid_by_a_queue(world: World):
    codes = await world.codes(4)
    agent = await world.account()
    await send(world, agent, codes[0])
    owner, today = await account_id(world, agent), the_day()
    (wallet,) = (await world.home(agent))["wallets"]
    purse, cause = Purse(owner, wallet["programme_id"], today), await world.db.call(OF_CAUSE)
    async with world.db.begin() as session:
        await ledger.hold(session, purse, 100, Cause(8, 10**12))
        await ledger.settle(session, purse, 100, Cause(8, 10**12))
        await ledger.claw_back(session, purse, 100, Cause(1, cause.cause_id), Cause(5, 10**12))

    await send(world, agent, *codes[1:])

    assert (await world.home(agent))["wallets"][0]["available"] == 200
    left = await world.db.call(text("SELECT sum(remaining)::bigint AS left FROM lots"))
    assert left.left == 200


async def test_a_queue_of_an_account_that_has_a_wallet_already_adds_to_its_lot(world: World):
    codes = await world.codes(6, rule=Rule(ways=frozenset({"package"}), amount=Fixed(5), lifetime_days=30))
    agent = await world.account()
    await send(world, agent, codes[0])

    await send(world, agent, *codes[1:])

    moved = await world.db.call(MOVED)
    assert (moved.amount, moved.n, moved.lots) == (30, 6, 1)
    due = await world.db.call(text("SELECT due_on FROM wallets"))
    assert due.due_on >= the_day() + timedelta(days=29)
