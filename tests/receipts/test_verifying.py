"""How receipts are verified through providers, over real HTTP: the ladder, trouble, quotas, several workers."""

import asyncio
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from backend.accounts.door import Agent
from backend.receipts import sending, verifying
from backend.receipts.models import Found
from backend.receipts.providers.asking import Answer
from backend.receipts.verifying import Verifier
from backend.settings import Settings
from backend.simulators import receipts_made
from tests.make import World
from tests.receipts.buying import SOCKET, Buying, bought, goods, with_providers
from tests.receipts.providers.conftest import TOKEN
from tests.stand_ins import Simulators

LINES = [receipts_made.Line(SOCKET, 45_000, 2), receipts_made.Line("Грунтовка глуб. проникн. 10л", 89_900)]


@pytest.fixture
def provided(settings: Settings, simulators: Simulators, tmp_path: Path) -> Settings:
    """An installation that asks proverkacheka.com."""
    return with_providers(settings, tmp_path, _provider(simulators))


def _provider(simulators: Simulators, kind: str = "proverkacheka", **more: Any) -> dict[str, Any]:
    given = {"name": kind, "kind": kind, "url": simulators.url, "token": TOKEN, "per_second": 50.0, "timeout": 2.0}
    return given | more


async def _send(buying: Buying, settings: Settings, receipt: dict[str, Any]) -> Any:
    """What a phone's scan does, in an installation with these providers; the account's receipt is told by `_state`."""
    account = await buying.world.account()
    async with buying.world.db.begin() as session:
        row = (
            await session.execute(
                text("SELECT d.account_id, d.id FROM devices d JOIN accounts a ON a.id = d.account_id "
                     "WHERE a.card_number = :card"), {"card": account.card_number},
            )
        ).one()  # fmt: skip
    agent = Agent(row.account_id, row.id, "203.0.113.0/24")
    slip = sending.slip_of(receipts_made.question_text(receipt))
    sent = await sending.send(buying.world.db, settings, agent, uuid.uuid4(), slip, _now())
    assert sent.status == "pending"
    return account


def _now() -> datetime:
    return datetime.now(UTC)


async def _state(buying: Buying, account: Any) -> tuple[str, str | None]:
    (mine,) = await buying.receipts(account)
    return mine["status"], mine.get("reason")


async def _tries(buying: Buying) -> list[str]:
    async with buying.world.db.begin() as session:
        return list((await session.execute(text("SELECT result FROM receipt_tries ORDER BY id"))).scalars())


async def test_a_receipt_that_is_not_there_yet_is_asked_for_again(
    world: World, buying: Buying, simulators: Simulators, provided: Settings
):
    await goods(world)
    account = await _send(buying, provided, simulators.put(appears_after=2, lines=LINES, at=bought()))

    seen = []
    for _ in range(3):
        await buying.work(provided)
        seen.append(await _state(buying, account))
        await buying.make_due()

    assert seen == [("pending", "not_found"), ("pending", "not_found"), ("credited", None)]
    assert await _tries(buying) == ["not_yet", "not_yet", "found"]


async def test_trouble_of_a_provider_costs_the_receipt_no_try(
    world: World, buying: Buying, simulators: Simulators, provided: Settings
):
    await goods(world)
    receipt = simulators.put("http_500", "empty", "garbage", lines=LINES, at=bought())
    account = await _send(buying, provided, receipt)

    for _ in range(4):
        await buying.work(provided)
        await buying.make_due()

    assert await _state(buying, account) == ("credited", None)
    async with world.db.begin() as session:
        assert (await session.execute(text("SELECT tries FROM receipts"))).scalar_one() == 0


async def test_the_next_provider_is_asked_when_the_first_is_away(
    world: World, buying: Buying, simulators: Simulators, settings: Settings, tmp_path: Path
):
    await goods(world)
    away = _provider(simulators, name="away") | {"url": "http://127.0.0.1:9"}
    both = with_providers(settings, tmp_path, away, _provider(simulators))
    account = await _send(buying, both, simulators.put(lines=LINES, at=bought()))

    await buying.work(both)

    assert await _state(buying, account) == ("credited", None)
    assert await _tries(buying) == ["unavailable", "found"]


@pytest.mark.parametrize("paused", [False, True], ids=["in trouble", "left in peace"])
async def test_people_are_no_way_round_a_provider_that_has_trouble(
    world: World, buying: Buying, simulators: Simulators, settings: Settings, tmp_path: Path, paused
):
    await goods(world)
    people = {"name": "people", "kind": "manual"}
    named = with_providers(settings, tmp_path, _provider(simulators), people)
    account = await _send(buying, named, simulators.put("http_500", lines=LINES, at=bought()))
    if paused:
        async with world.db.begin() as session:
            await session.execute(text("SELECT limit_turn('proverkacheka', 9, 0.0, 9)"))
            await session.execute(text("UPDATE turns SET paused_until = now() + interval '1 minute'"))

    # One run: what is due a second later is not waited for.
    task = asyncio.create_task(buying.work(named))
    await asyncio.sleep(0.8)
    seen = await _state(buying, account)
    for _ in range(3):
        await buying.make_due()
        await asyncio.sleep(0.2)
        await buying.work(named)
    await task

    assert seen == ("pending", None)
    assert await _state(buying, account) == ("credited", None)


async def test_people_decide_in_time_where_providers_never_answer(
    world: World, buying: Buying, simulators: Simulators, settings: Settings, tmp_path: Path
):
    await goods(world)
    away = with_providers(settings, tmp_path, _provider(simulators) | {"url": "http://127.0.0.1:9"})
    account = await _send(buying, away, simulators.put(lines=LINES, at=bought()))
    await buying.work(away)
    before = await _state(buying, account)
    async with world.db.begin() as session:
        await session.execute(text("UPDATE receipts SET decide_by = now() + interval '23 hours', due_at = now()"))

    await buying.work(away)

    assert before == ("pending", None)
    assert await _state(buying, account) == ("review", "photo_needed")


async def test_a_return_that_nobody_can_show_is_refused_in_the_end(
    world: World, buying: Buying, simulators: Simulators, settings: Settings, tmp_path: Path
):
    people = with_providers(settings, tmp_path, {"name": "people", "kind": "manual"})
    account = await _send(buying, people, simulators.put(lines=LINES, at=bought(), operation=2))

    await buying.work(people)

    assert await _state(buying, account) == ("refused", "is_return")


async def test_what_the_provider_tells_must_agree_with_what_was_sent(
    world: World, buying: Buying, simulators: Simulators, provided: Settings
):
    await goods(world)
    receipt = simulators.put(lines=LINES, at=bought())
    account = await _send(buying, provided, receipt | {"totalSum": receipt["totalSum"] + 100})

    await buying.work(provided)

    status, reason = await _state(buying, account)
    assert status in ("pending", "refused")
    assert reason in ("differs", "not_genuine", "not_found", "bad_request")


async def test_the_document_of_another_receipt_is_the_providers_mistake(
    world: World, buying: Buying, simulators: Simulators, provided: Settings
):
    receipt = simulators.put(lines=LINES, at=bought())
    account = await _send(buying, provided, receipt)
    verifier = Verifier.of(world.db, provided)
    (row,) = await world.db.rows(verifying.CLAIM, most=1, lease=60)
    another = receipt | {"fiscalDocumentNumber": receipt["fiscalDocumentNumber"] + 1}

    await verifying._answered(verifier, row, 0, Answer("found", raw=another))
    await verifier.providers.close()

    assert await _state(buying, account) == ("pending", "not_found")
    async with world.db.begin() as session:
        assert (await session.execute(text("SELECT count(*) FROM receipt_documents"))).scalar_one() == 0


@pytest.mark.parametrize("odd", [{"totalSum": "a lot"}, {"totalSum": 12_345_600}])
async def test_an_answer_that_cannot_be_read_or_does_not_add_up_sends_the_receipt_to_the_next_provider(
    world: World, buying: Buying, simulators: Simulators, settings: Settings, tmp_path: Path, odd
):
    await goods(world)
    both = with_providers(settings, tmp_path, _provider(simulators, name="odd"), _provider(simulators))
    receipt = simulators.put(lines=LINES, at=bought())
    account = await _send(buying, both, receipt)
    verifier = Verifier.of(world.db, both)
    (row,) = await world.db.rows(verifying.CLAIM, most=1, lease=60)
    await verifying._answered(verifier, row, 0, Answer("found", raw=receipt | odd))
    await verifier.providers.close()
    async with world.db.begin() as session:
        assert (await session.execute(text("SELECT provider, tries FROM receipts"))).one() == (1, 1)

    await buying.work(both)

    assert await _state(buying, account) == ("credited", None)
    async with world.db.begin() as session:
        asked = (await session.execute(text("SELECT provider, result FROM receipt_tries"))).all()
    assert [tuple(one) for one in asked] == [("proverkacheka", "found")]


@pytest.mark.parametrize(("hours", "status"), [(25, "pending"), (23, "review")])
async def test_what_is_too_much_for_us_is_a_persons_in_time(
    world: World, buying: Buying, simulators: Simulators, provided: Settings, hours: int, status: str
):
    receipt = simulators.put(lines=LINES, at=bought())
    account = await _send(buying, provided, receipt)
    identity = f"{receipt['fiscalDriveNumber']}:{receipt['fiscalDocumentNumber']}"
    await world.add(Found(country="RU", identity=identity, provider="test", document={"of": "another time"}, raw={}))
    async with world.db.begin() as session:
        set_hours = text("UPDATE receipts SET decide_by = now() + :hours * interval '1 hour'")
        await session.execute(set_hours, {"hours": hours})

    await buying.work(provided)

    assert (await _state(buying, account))[0] == status


async def test_the_tax_service_itself_is_asked_in_its_own_format(
    world: World, buying: Buying, simulators: Simulators, settings: Settings, tmp_path: Path
):
    await goods(world)
    named = with_providers(settings, tmp_path, _provider(simulators, "fns", user="scanback"))
    account = await _send(buying, named, simulators.put(lines=LINES, at=bought()))

    await buying.work(named)

    assert await _state(buying, account) == ("credited", None)


async def test_personal_data_never_reaches_a_table(
    world: World, buying: Buying, simulators: Simulators, provided: Settings
):
    await goods(world)
    await _send(buying, provided, simulators.put(lines=LINES, at=bought(), sole_trader=True))

    await buying.work(provided)

    async with world.db.begin() as session:
        kept = (await session.execute(text("SELECT document::text || raw::text FROM receipt_documents"))).scalar_one()
    assert SOCKET in kept
    # The cashier's number is nothing but noughts, as other numbers of the made-up receipt are.
    words = {*receipts_made.PERSONAL} - {receipts_made.CASHIER_INN}
    assert [word for word in words if word in kept] == []


async def test_two_workers_keep_the_providers_second_and_decide_each_receipt_once(
    world: World, buying: Buying, simulators: Simulators, settings: Settings, tmp_path: Path
):
    await goods(world)
    simulators.set_up(faults=0.2, per_second=20)
    named = with_providers(settings, tmp_path, _provider(simulators, per_second=20.0, timeout=0.5))
    accounts = [await _send(buying, named, simulators.put(lines=LINES, at=bought())) for _ in range(40)]

    for _ in range(12):
        await asyncio.gather(buying.work(named), buying.work(named))
        if all([(await _state(buying, account))[0] == "credited" for account in accounts]):
            break
        await buying.make_due()

    assert {await _state(buying, account) for account in accounts} == {("credited", None)}
    log = simulators.log("proverkacheka")
    assert log["most_in_a_second"] <= 20, log
    async with world.db.begin() as session:
        assert (await session.execute(text("SELECT count(*) FROM accruals"))).scalar_one() == 40


async def test_a_worker_that_dies_loses_nothing(
    world: World, buying: Buying, simulators: Simulators, provided: Settings
):
    await goods(world)
    simulators.set_up(slow_seconds=1.0)
    account = await _send(buying, provided, simulators.put("slow", lines=LINES, at=bought()))
    dying = asyncio.create_task(buying.work(provided))
    await asyncio.sleep(0.3)
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    assert (await _state(buying, account))[0] == "pending"

    simulators.set_up()
    await buying.make_due()
    await buying.work(provided)

    assert await _state(buying, account) == ("credited", None)
