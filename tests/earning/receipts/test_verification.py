"""How receipts are verified through providers, over real HTTP: the ladder, trouble, quotas, several workers."""

import asyncio
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from backend.core.settings import Settings
from backend.earning.receipts import submission
from backend.earning.receipts.models import ReceiptDocument
from backend.earning.receipts.providers.configuration import ProviderAnswer
from backend.earning.receipts.verification import service as verification
from backend.earning.receipts.verification.service import Verifier
from backend.identity.accounts.authentication import Agent
from simulators.receipts import receipt_factory
from tests.earning.receipts.providers.conftest import TOKEN
from tests.earning.receipts.receipt_builders import SOCKET, Buying, bought, goods, with_providers
from tests.make import World
from tests.stand_ins import Simulators

LINES = [
    receipt_factory.ReceiptItem(SOCKET, 45_000, 2),
    receipt_factory.ReceiptItem("Грунтовка глуб. проникн. 10л", 89_900),
]


@pytest.fixture
def provided(settings: Settings, simulators: Simulators, tmp_path: Path) -> Settings:
    """An installation with the provider proverkacheka.com."""
    return with_providers(settings, tmp_path, _provider(simulators))


def _provider(simulators: Simulators, kind: str = "proverkacheka", **more: Any) -> dict[str, Any]:
    given = {"name": kind, "kind": kind, "url": simulators.url, "token": TOKEN, "per_second": 50.0, "timeout": 2.0}
    return given | more


async def _send(buying: Buying, settings: Settings, receipt: dict[str, Any]) -> Any:
    """What a phone's scan does, in an installation with these providers; `_state` returns the account's receipt."""
    account = await buying.world.account()
    async with buying.world.db.begin() as session:
        row = (
            await session.execute(
                text(
                    "SELECT d.account_id, d.id FROM devices d JOIN accounts a ON a.id = d.account_id "
                    "WHERE a.card_number = :card"
                ),
                {"card": account.card_number},
            )
        ).one()
    agent = Agent(row.account_id, row.id, "203.0.113.0/24")
    slip = submission.parse_receipt(receipt_factory.qr_text(receipt))
    sent = await submission.submit_receipt(buying.world.db, settings, agent, uuid.uuid4(), slip, _now())
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


async def test_receipt_not_there_yet_is_retried(
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


async def test_provider_failure_uses_no_retry(world: World, buying: Buying, simulators: Simulators, provided: Settings):
    await goods(world)
    receipt = simulators.put("http_500", "empty", "garbage", lines=LINES, at=bought())
    account = await _send(buying, provided, receipt)

    for _ in range(4):
        await buying.work(provided)
        await buying.make_due()

    assert await _state(buying, account) == ("credited", None)
    async with world.db.begin() as session:
        assert (await session.execute(text("SELECT tries FROM receipts"))).scalar_one() == 0


async def test_next_provider_is_queried_after_a_failure(
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
async def test_manual_provider_does_not_replace_failing_one(
    world: World, buying: Buying, simulators: Simulators, settings: Settings, tmp_path: Path, paused
):
    await goods(world)
    people = {"name": "people", "kind": "manual"}
    named = with_providers(settings, tmp_path, _provider(simulators), people)
    account = await _send(buying, named, simulators.put("http_500", lines=LINES, at=bought()))
    if paused:
        async with world.db.begin() as session:
            await session.execute(text("SELECT provider_quota_acquire('proverkacheka', 9, 0.0, 9)"))
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


async def test_unanswered_receipt_goes_to_review_in_time(
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


async def test_unverifiable_return_is_refused_in_the_end(
    world: World, buying: Buying, simulators: Simulators, settings: Settings, tmp_path: Path
):
    people = with_providers(settings, tmp_path, {"name": "people", "kind": "manual"})
    account = await _send(buying, people, simulators.put(lines=LINES, at=bought(), operation=2))

    await buying.work(people)

    assert await _state(buying, account) == ("refused", "is_return")


async def test_document_that_differs_from_receipt_refuses_it(
    world: World, buying: Buying, simulators: Simulators, provided: Settings
):
    await goods(world)
    receipt = simulators.put(lines=LINES, at=bought())
    account = await _send(buying, provided, receipt | {"totalSum": receipt["totalSum"] + 100})

    await buying.work(provided)

    status, reason = await _state(buying, account)
    assert status in ("pending", "refused")
    assert reason in ("differs", "not_genuine", "not_found", "bad_request")


async def test_document_of_another_receipt_is_not_stored(
    world: World, buying: Buying, simulators: Simulators, provided: Settings
):
    receipt = simulators.put(lines=LINES, at=bought())
    account = await _send(buying, provided, receipt)
    verifier = Verifier.of(world.db, provided)
    (row,) = await world.db.rows(verification.LEASE_DUE, limit=1, lease=60)
    another = receipt | {"fiscalDocumentNumber": receipt["fiscalDocumentNumber"] + 1}

    await verification._apply_answer(verifier, row, 0, ProviderAnswer("found", raw=another))
    await verifier.providers.close()

    assert await _state(buying, account) == ("pending", "not_found")
    async with world.db.begin() as session:
        assert (await session.execute(text("SELECT count(*) FROM receipt_documents"))).scalar_one() == 0


@pytest.mark.parametrize("odd", [{"totalSum": "a lot"}, {"totalSum": 12_345_600}])
async def test_unreadable_document_goes_to_next_provider(
    world: World, buying: Buying, simulators: Simulators, settings: Settings, tmp_path: Path, odd
):
    await goods(world)
    both = with_providers(settings, tmp_path, _provider(simulators, name="odd"), _provider(simulators))
    receipt = simulators.put(lines=LINES, at=bought())
    account = await _send(buying, both, receipt)
    verifier = Verifier.of(world.db, both)
    (row,) = await world.db.rows(verification.LEASE_DUE, limit=1, lease=60)
    await verification._apply_answer(verifier, row, 0, ProviderAnswer("found", raw=receipt | odd))
    await verifier.providers.close()
    async with world.db.begin() as session:
        assert (await session.execute(text("SELECT provider, tries FROM receipts"))).one() == (1, 1)

    await buying.work(both)

    assert await _state(buying, account) == ("credited", None)
    async with world.db.begin() as session:
        attempts = (await session.execute(text("SELECT provider, result FROM receipt_tries"))).all()
    assert [tuple(one) for one in attempts] == [("proverkacheka", "found")]


@pytest.mark.parametrize(("hours", "status"), [(25, "pending"), (23, "review")])
async def test_unexpected_error_sends_receipt_to_review_in_time(
    world: World, buying: Buying, simulators: Simulators, provided: Settings, hours: int, status: str
):
    receipt = simulators.put(lines=LINES, at=bought())
    account = await _send(buying, provided, receipt)
    identity = f"{receipt['fiscalDriveNumber']}:{receipt['fiscalDocumentNumber']}"
    await world.add(
        ReceiptDocument(country="RU", identity=identity, provider="test", document={"of": "another time"}, raw={})
    )
    async with world.db.begin() as session:
        set_hours = text("UPDATE receipts SET decide_by = now() + :hours * interval '1 hour'")
        await session.execute(set_hours, {"hours": hours})

    await buying.work(provided)

    assert (await _state(buying, account))[0] == status


async def test_tax_service_receives_its_own_format(
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
        stored = (await session.execute(text("SELECT document::text || raw::text FROM receipt_documents"))).scalar_one()
    assert SOCKET in stored
    # The cashier's number is nothing but noughts, as other numbers of the made-up receipt are.
    words = {*receipt_factory.PERSONAL} - {receipt_factory.CASHIER_INN}
    assert [word for word in words if word in stored] == []


async def test_two_workers_respect_quota_and_decide_once(
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


async def test_crashed_worker_loses_nothing(world: World, buying: Buying, simulators: Simulators, provided: Settings):
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
