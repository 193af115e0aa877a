"""Batches of scans in one request: stored in one transaction, with the results of single scans."""

import itertools
import uuid
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from backend.identity.accounts.schemas import AccountCreated
from backend.programmes.rules.rule import FixedAmount, Rule
from payouts import ledger
from payouts.ledger import Cause, WalletKey
from tests.make import World, bearer
from tests.spending.wallets.earnings import account_id, the_day

NUMBERS = itertools.count(1)
EVENTS = text("SELECT brand_id, count(*) AS n FROM events WHERE kind = 'package.claimed' GROUP BY 1 ORDER BY 1")
MOVED = text("SELECT sum(amount)::bigint AS amount, count(*) AS n, count(DISTINCT lot_id) AS lots FROM movements")
WALLET_STATE = text("""
    WITH w AS (SELECT * FROM wallets WHERE owner_id = :owner AND book_id = :programme),
        m AS (SELECT o.* FROM w JOIN movements o ON o.wallet_id = w.id)
    SELECT 'wallet' AS what, seq AS n, available AS a, pending AS b, floor AS c, due_on AS day FROM w
    UNION ALL SELECT 'lot', amount, remaining, l.pending::int, 0, expires_on FROM w JOIN lots l ON l.wallet_id = w.id
    UNION ALL SELECT 'movement ' || kind || to_place, wallet_seq, amount, available_after, pending_after, NULL FROM m
    UNION ALL SELECT 'use', wallet_seq, u.amount, 0, 0, NULL FROM m JOIN lot_uses u ON u.movement_id = m.id
    UNION ALL SELECT 'cap', 0, used, 0, 0, day FROM day_caps WHERE account_id = :owner
    UNION ALL SELECT 'event', 0, (body ->> 'amount')::bigint, 0, 0, NULL FROM events
    WHERE account_id = :owner AND kind = 'package.claimed'
    ORDER BY 1, 2, 3, 4, 5, 6
""")
OF_CAUSE = text("SELECT cause_id FROM movements WHERE amount = 100 ORDER BY id LIMIT 1")


async def send(
    world: World, agent: AccountCreated, *texts: str, ids: list[uuid.UUID] | None = None
) -> list[dict[str, Any]]:
    # Ascending ids: of a code twice in a request the first is paid.
    numbers = ids or [uuid.UUID(int=next(NUMBERS)) for _ in texts]
    scans = [{"id": str(number), "text": text} for number, text in zip(numbers, texts, strict=True)]
    response = await world.client.post("/v1/scans/batch", json={"scans": scans}, headers=bearer(agent))
    assert response.status_code == 200, response.text
    return response.json()["items"]


async def test_batch_of_several_brands_credits_each_wallet(world: World):
    first, second = await world.codes(3), await world.codes(4)
    agent = await world.account()

    answers = await send(world, agent, first[0], second[0], first[1], second[1], second[2])

    assert {(answer["status"], answer["amount"]) for answer in answers} == {("credited", 100)}
    assert sorted(wallet["available"] for wallet in (await world.home(agent))["wallets"]) == [200, 300]
    assert sorted(row.n for row in await world.db.rows(EVENTS)) == [2, 3]


async def test_held_and_available_points_have_separate_lots(world: World):
    programme = await world.programme()
    ways, codes = frozenset({"package"}), []
    for amount, hold in ((100, 0), (70, 14)):
        product = await world.product(programme.brand_id)
        rule = Rule(ways=ways, amount=FixedAmount(amount), hold_days=hold, products=frozenset({product.id}))
        await world.campaign(programme, rule)
        codes += world.codes_of(await world.batch(programme, product, 3))
    agent = await world.account()

    answers = await send(world, agent, *codes[::-1])

    assert [answer["status"] for answer in answers] == ["pending"] * 3 + ["credited"] * 3
    (wallet,) = (await world.home(agent))["wallets"]
    assert (wallet["available"], wallet["pending"]) == (300, 210)
    moved = await world.db.call(MOVED)
    assert (moved.amount, moved.n, moved.lots) == (510, 6, 2)


async def test_valid_scan_among_invalid_is_paid(world: World):
    codes, gone = await world.codes(2), await world.codes(1)
    agent, other = await world.account(), await world.account()
    await world.scan(other, gone[0])

    answers = await send(world, agent, "not a code", gone[0], codes[0], codes[0], codes[1][:-1])

    results = [(answer["status"], answer.get("reason")) for answer in answers]
    assert results[1] == ("refused", "already_claimed")
    assert sorted(status for status, _ in results[2:4]) == ["credited", "repeated"]
    assert {results[0][0], results[4][0]} == {"refused"}
    assert (await world.home(agent))["wallets"][0]["available"] == 100


async def test_duplicate_id_in_batch_is_paid_once(world: World):
    codes, number, same = await world.codes(3), uuid.uuid4(), uuid.uuid4()
    agent = await world.account()
    texts, ids = [codes[0], codes[1], codes[2], codes[2]], [number, number, same, same]

    answers = await send(world, agent, *texts, ids=ids)
    again = await send(world, agent, *texts, ids=ids)

    results = sorted((answer["status"], answer.get("reason", "")) for answer in answers[:2])
    assert results == [("credited", ""), ("refused", "body_changed")]
    assert answers[2] == answers[3]
    assert answers[2]["status"] == "credited"
    assert again == answers
    assert (await world.home(agent))["wallets"][0]["available"] == 200


async def test_debt_is_repaid_by_batch(world: World):
    codes = await world.codes(4)
    agent = await world.account()
    await send(world, agent, codes[0])
    owner, today = await account_id(world, agent), the_day()
    (wallet,) = (await world.home(agent))["wallets"]
    purse, cause = WalletKey(owner, wallet["programme_id"], today), await world.db.call(OF_CAUSE)
    async with world.db.begin() as session:
        await ledger.hold(session, purse, 100, Cause(8, 10**12))
        await ledger.settle(session, purse, 100, Cause(8, 10**12))
        await ledger.claw_back(session, purse, 100, Cause(1, cause.cause_id), Cause(5, 10**12))

    await send(world, agent, *codes[1:])

    assert (await world.home(agent))["wallets"][0]["available"] == 200
    left = await world.db.call(text("SELECT sum(remaining)::bigint AS left FROM lots"))
    assert left.left == 200


async def test_batch_adds_to_existing_lot(world: World):
    codes = await world.codes(6, rule=Rule(ways=frozenset({"package"}), amount=FixedAmount(5), lifetime_days=30))
    agent = await world.account()
    await send(world, agent, codes[0])

    await send(world, agent, *codes[1:])

    moved = await world.db.call(MOVED)
    assert (moved.amount, moved.n, moved.lots) == (30, 6, 1)
    due = await world.db.call(text("SELECT due_on FROM wallets"))
    assert due.due_on >= the_day() + timedelta(days=29)


@pytest.mark.parametrize("debt", [0, 30, 10_000])
@pytest.mark.parametrize("hold", [0, 14])
@pytest.mark.parametrize(("cap", "budget"), [(None, None), (450, None), (None, 450), (450, 300)])
async def test_batch_equals_its_single_scans(world: World, cap: int | None, budget: int | None, hold: int, debt: int):
    rule = Rule(
        ways=frozenset({"package"}), amount=FixedAmount(100), cap_per_agent_day=cap, hold_days=hold, lifetime_days=30
    )
    ends = []
    for at_once in (True, False):
        programme = await world.programme()
        product = await world.product(programme.brand_id)
        await world.campaign(programme, rule, budget)
        codes = world.codes_of(await world.batch(programme, product, 9))
        agent = await world.account()
        owner = await account_id(world, agent)
        await owe(world, WalletKey(owner, programme.id, the_day()), debt)
        # One was scanned before, and one occurs twice; the others are in the order of their ids.
        texts = [*codes[:3], codes[1], *codes[3:]]
        before = await send(world, agent, codes[2])
        parts = [texts] if at_once else [[text] for text in texts]
        answers = [answer for part in parts for answer in await send(world, agent, *part)]
        ends.append((outcomes(before + answers), await wallet_state(world, owner, programme.id)))

    assert ends[0] == ends[1]


def outcomes(answers: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [tuple(answer.get(name) for name in ("status", "reason", "amount", "currency")) for answer in answers]


async def owe(world: World, purse: WalletKey, debt: int) -> None:
    """Leave a debt: points that were earned and spent are clawed back."""
    if debt:
        async with world.db.begin() as session:
            earned = Cause(6, purse.owner_id)
            await ledger.earn(session, purse, debt, earned, matures_on=purse.today)
            await ledger.hold(session, purse, debt, Cause(8, purse.owner_id))
            await ledger.settle(session, purse, debt, Cause(8, purse.owner_id))
            await ledger.claw_back(session, purse, debt, earned, Cause(5, purse.owner_id))


async def wallet_state(world: World, owner: int, programme: int) -> list[tuple[Any, ...]]:
    """The wallet, its lots, movements and lot uses, without database ids."""
    return [tuple(row) for row in await world.db.rows(WALLET_STATE, owner=owner, programme=programme)]
