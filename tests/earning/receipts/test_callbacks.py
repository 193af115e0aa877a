"""Callbacks of providers: from the submission to the payment, and every call that is refused."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from httpx2 import Response
from litestar import Litestar
from sqlalchemy import text

from backend.core.settings import SettingMissing
from backend.earning.receipts.providers.callback import SIGNATURE, callback_headers
from backend.earning.receipts.verification.callback_handlers import CallbackProviders
from backend.earning.receipts.verification.provider_requests import callback_secret
from backend.programmes.rules.rule import FixedAmount, Rule
from simulators.receipts import receipt_factory
from simulators.receipts.receipt_factory import STOCK
from tests.earning.receipts.providers.conftest import TOKEN
from tests.earning.receipts.receipt_builders import Buying, with_providers
from tests.live import serving
from tests.make import World, bearer

NAME = "apm"
ONE = text("SELECT id, state, reason, due_at, due_at <= now() AS is_due, provider, photo FROM receipts")
ASLEEP = text("UPDATE receipts SET due_at = now() + interval '1 day', state = 'pending', reason = NULL")
WAIT_SECONDS = 10


@pytest.fixture(autouse=True)
def _heard(app: Litestar, settings) -> Iterator[None]:
    before = app.state["callbacks"]
    app.state["callbacks"] = CallbackProviders(frozenset({NAME}), settings)
    yield
    app.state["callbacks"] = before


class Provider:
    """A provider that was asked about a receipt, and calls."""

    def __init__(self, world: World, receipt_id: int) -> None:
        self.world, self.reference = world, str(receipt_id)
        self.headers = callback_headers(callback_secret(world.settings), self.reference)

    async def call(self, name: str = NAME, headers: dict[str, str] | None = None, **fields: Any) -> Response:
        body = msgspec.json.encode({"externalId": self.reference, "status": "done"} | fields)
        return await self.post(body, name, self.headers if headers is None else headers)

    async def post(self, body: bytes, name: str = NAME, headers: dict[str, str] | None = None) -> Response:
        headers = {"Content-Type": "application/json"} | (self.headers if headers is None else headers)
        return await self.world.client.post(f"/v1/receipts/callbacks/{name}", content=body, headers=headers)

    async def row(self) -> Any:
        return await self.world.db.call(ONE)


@pytest.fixture
async def receipt() -> dict[str, Any]:
    """A receipt as the tax service has it, of some hours ago."""
    at = (datetime.now(UTC) + timedelta(hours=1)).replace(tzinfo=None, second=0, microsecond=0)
    return receipt_factory.make_receipt(7, at=at, lines=STOCK[:2])


@pytest.fixture
async def provider(world: World, buying: Buying, receipt) -> Provider:
    """An agent has sent the receipt; the provider has it for a day at most."""
    await buying.scan(await world.account(), receipt_factory.qr_text(receipt))
    async with world.db.begin() as session:
        await session.execute(ASLEEP)
    return Provider(world, (await world.db.call(ONE)).id)


async def paying(world: World) -> None:
    """A brand that pays for the first line of the made-up receipt."""
    programme = await world.programme()
    await world.campaign(programme, Rule(ways=frozenset({"receipt"}), amount=FixedAmount(100)))
    await world.product(programme.brand_id, name_ru=STOCK[0].name, articles=["РА16-902"])


async def documents(world: World) -> int:
    return (await world.db.call(text("SELECT count(*) AS n FROM receipt_documents"))).n


async def test_receipt_is_submitted_called_back_and_paid(
    world: World, buying: Buying, settings, simulators, tmp_path, monkeypatch
):
    await paying(world)
    at = (datetime.now(UTC) + timedelta(hours=1)).replace(tzinfo=None, second=0, microsecond=0)
    made = simulators.put("duplicate", at=at, lines=STOCK[:2])
    table = {"name": NAME, "kind": "callback", "url": simulators.url, "token": TOKEN}
    of_server = with_providers(settings, tmp_path, table | {"callback_url": "http://127.0.0.1:9/"})
    monkeypatch.setenv("SCANBACK_RECEIPT_PROVIDERS", str(of_server.receipt_providers))
    (tmp_path / "worker").mkdir()
    account = await world.account()

    with serving(of_server, tmp_path) as url:
        with_url = table | {"callback_url": f"{url}/v1/receipts/callbacks/{NAME}"}
        of_worker = with_providers(settings, tmp_path / "worker", with_url)
        scan = await world.client.put(
            "/v1/receipts/00000000-0000-4000-8000-000000000001",
            headers=bearer(account),
            json={
                "fn": made["fiscalDriveNumber"],
                "fd": made["fiscalDocumentNumber"],
                "fp": made["fiscalSign"],
                "at": at.strftime("%d.%m.%Y %H:%M"),
                "total": made["totalSum"],
            },
        )
        async with world.db.begin() as session:
            await session.execute(text("UPDATE receipts SET state = 'pending', reason = NULL, due_at = now()"))
        await buying.work(of_worker)
        for _ in range(WAIT_SECONDS * 10):
            if await documents(world):
                break
            await asyncio.sleep(0.1)
        await buying.work(of_worker)

    assert scan.status_code == 200, scan.text
    (mine,) = await buying.receipts(account)
    assert (mine["status"], [line["amount"] for line in mine["lines"]]) == ("credited", [100])
    stored = (await world.db.call(text("SELECT raw::text AS raw FROM receipt_documents"))).raw
    assert not [word for word in (receipt_factory.CASHIER, receipt_factory.BUYER) if word in stored]


async def test_found_document_is_stored_and_settled_by_worker(world: World, buying: Buying, provider, receipt):
    await paying(world)

    response = await provider.call(receipt=receipt)
    due = await provider.row()
    await buying.work()

    assert (response.status_code, response.content) == (204, b"")
    assert (due.state, due.is_due) == ("pending", True)
    assert (await provider.row()).state == "credited"


async def test_repeated_or_late_callback_changes_nothing(world: World, buying: Buying, provider, receipt):
    await paying(world)
    await asyncio.gather(*(provider.call(receipt=receipt) for _ in range(5)))
    await buying.work()
    before = await provider.row()

    answers = [
        await provider.call(receipt=receipt),
        await provider.call(status="rejected", rejectCode="FNS_SHORT_CHECK_FAILED"),
        await provider.call(status="rejected", rejectCode="DUPLICATE"),
        await provider.call(status="rejected", rejectCode="MAX_RECEIPTS_PER_DATE"),
    ]
    await buying.work()

    assert {answer.status_code for answer in answers} == {204}
    assert await provider.row() == before
    assert before.state == "credited"
    assert (await world.db.call(text("SELECT count(*) AS n FROM accruals"))).n == 1


async def test_document_found_during_review_is_settled(world: World, buying, provider, receipt):
    await paying(world)
    async with world.db.begin() as session:
        await session.execute(text("UPDATE receipts SET state = 'review', reason = 'photo_needed', due_at = NULL"))

    await provider.call(receipt=receipt)
    await buying.work()

    assert (await provider.row()).state == "credited"


@pytest.mark.parametrize(
    ("code", "state", "reason"),
    [
        ("FNS_SHORT_CHECK_FAILED", "refused", "not_genuine"),
        ("MODIFICATION", "refused", "not_genuine"),
        ("FUTURE", "refused", "bad_request"),
        ("DUPLICATE", "review", "photo_needed"),
        ("BRANDS", "review", "photo_needed"),
        ("UNKNOWN_REASON", "review", "photo_needed"),
    ],
)
async def test_rejection_reason_decides_receipt(provider, code, state, reason):
    response = await provider.call(status="rejected", rejectCode=code)

    assert response.status_code == 204
    row = await provider.row()
    assert (row.state, row.reason, row.due_at) == (state, reason, None)


@pytest.mark.parametrize(("code", "paused"), [("MAX_RECEIPTS_PER_DATE", True), ("BLOCKED_USER", False)])
async def test_provider_failure_does_not_refuse_receipt(world: World, provider, code, paused):
    await world.db.rows(text("INSERT INTO turns (name) VALUES (:name)"), name=NAME)

    await provider.call(status="rejected", rejectCode=code)

    row = await provider.row()
    assert row.state == "pending"
    assert row.due_at < datetime.now(UTC) + timedelta(minutes=2)
    quota = await world.db.call(text("SELECT failures, paused_until FROM turns"))
    assert (quota.failures, quota.paused_until is not None) == (1, paused)


async def test_callback_without_verdict_leaves_receipt_pending(provider):
    before = await provider.row()

    response = await provider.call(status="processing")

    assert (response.status_code, await provider.row()) == (204, before)


async def test_document_of_another_receipt_is_discarded(world: World, provider, receipt):
    await provider.call(receipt=receipt | {"fiscalDocumentNumber": 99})

    row = await provider.row()
    assert row.state == "pending"
    assert row.due_at < datetime.now(UTC) + timedelta(minutes=2)
    assert await documents(world) == 0


async def test_unreadable_document_is_queried_elsewhere(world: World, provider):
    response = await provider.call(receipt={"totalSum": 1})

    row = await provider.row()
    assert (response.status_code, row.state) == (204, "pending")
    assert row.due_at < datetime.now(UTC) + timedelta(minutes=2)
    assert await documents(world) == 0


async def test_invalid_callback_gets_the_same_404(world: World, provider, receipt):
    before = await provider.row()
    strange = Provider(world, int(provider.reference) + 1000)
    signature = {SIGNATURE: provider.headers[SIGNATURE][:-1] + ("1" if provider.headers[SIGNATURE][-1] == "0" else "0")}

    answers = [
        await provider.call("unknown", receipt=receipt),
        await provider.call(headers={}, receipt=receipt),
        await provider.call(headers=strange.headers, receipt=receipt),
        await provider.call(headers=provider.headers | signature, receipt=receipt),
        await provider.call(headers=provider.headers | {SIGNATURE: b"v1=\xe9"}, receipt=receipt),
        await provider.call(externalId=strange.reference, receipt=receipt),
        await provider.post(b"{"),
        await provider.post(b""),
        await provider.post(b"[" * 100_000),
        await strange.call(receipt=receipt),
    ]

    assert {answer.status_code for answer in answers} == {404}
    assert len({(answer.json()["code"], answer.json()["detail"]) for answer in answers}) == 1
    assert await provider.row() == before


async def test_callback_with_long_body_is_refused(provider):
    response = await provider.post(b" " * 1_000_001)

    assert response.status_code == 413


async def test_callback_without_callback_provider_is_refused(app: Litestar, settings, provider, receipt):
    app.state["callbacks"] = CallbackProviders.of(settings)

    response = await provider.call(receipt=receipt)

    assert response.status_code == 404


async def test_only_callback_providers_may_call(settings, tmp_path):
    url = "http://127.0.0.1:9"
    tables = [
        {"name": "apm", "kind": "callback", "url": url, "token": "t", "callback_url": url},
        {"name": "pk", "kind": "proverkacheka", "url": url, "token": "t"},
    ]
    named = with_providers(settings, tmp_path, *tables)

    assert CallbackProviders.of(named).providers == {"apm"}
    with pytest.raises(SettingMissing):
        CallbackProviders.of(msgspec.structs.replace(settings, receipt_providers=tmp_path / "nowhere.toml"))


async def test_receipt_outside_a_promotion_is_found(world: World, buying: Buying, provider, receipt):
    """A rejection for a promotion's own rules comes with the receipt: which receipts earn is ours to say."""
    await paying(world)

    await provider.call(status="rejected", rejectCode="BRANDS", receipt=receipt)
    await buying.work()

    assert (await provider.row()).state == "credited"
