"""Delivery of events: signatures, retries, leases, replays and tests."""

import asyncio
import time
import uuid
from email.utils import formatdate

import pytest
import structlog
from sqlalchemy import text
from standardwebhooks import WebhookVerificationError

from backend.notifications.webhooks import http_delivery, sender
from tests.notifications.webhooks.conftest import make_hook
from tests.notifications.webhooks.receiver import receiving
from tests.worker.local_worker import until, working


async def test_event_is_delivered_and_signed(hook, receiver):
    await hook.create_event("A1")
    await hook.work()

    (got,) = receiver.got
    (line,) = await hook.log()
    assert got.path == "/hook?brand=1"
    assert got.headers["content-type"] == "application/json"
    content = got.verified(hook.secret)
    assert (content["type"], set(content)) == ("product.created", {"type", "timestamp", "data"})
    assert (line["state"], line["status"], line["attempts"], line["type"]) == ("done", 200, 1, "product.created")
    assert got.headers["webhook-id"] == line["webhook_id"]
    with pytest.raises(WebhookVerificationError):
        got._replace(body=got.body.replace(b"created", b"deleted")).verified(hook.secret)


async def test_worker_delivers_without_help(hook, receiver, private, tmp_path):
    async with working(private, count=2):
        await hook.create_event()
        await until(lambda: asyncio.sleep(0, receiver.got))

    assert receiver.got[0].verified(hook.secret)["type"] == "product.created"


async def test_failed_delivery_is_retried_under_the_same_id(hook, receiver):
    receiver.answers.extend([500, 429])
    await hook.create_event()
    for _ in range(2):
        await hook.work()
        await hook.work()
        await hook.later()
    waiting = await hook.log("?state=waiting")
    await hook.work()

    assert (waiting[0]["state"], waiting[0]["status"], waiting[0]["problem"]) == ("waiting", 429, "refused")
    assert waiting[0]["attempts"] == len(receiver.got) - 1 == 2
    assert len(set(receiver.ids)) == 1
    assert len({got.body for got in receiver.got}) == 1
    assert [line["state"] for line in await hook.log()] == ["done"]


async def test_retry_delays_grow_until_delivery_fails(hook, receiver, db):
    receiver.answers.extend([503] * 20)
    await hook.create_event()
    pauses = []
    for _ in range(12):
        await hook.work()
        (row,) = await db.rows(text("SELECT state, extract(epoch FROM due_at - now()) AS s FROM webhook_deliveries"))
        pauses += [round(row.s / 5) * 5] if row.state == "waiting" else []
        await hook.later()

    (line,) = await hook.log()
    assert tuple(pauses) == sender.RETRY_DELAYS
    assert (line["state"], line["attempts"], len(receiver.got)) == ("failed", 9, 9)
    assert "done_at" in line
    assert "due_at" not in line


@pytest.mark.parametrize(
    ("status", "header", "expected"),
    [
        (429, "30", 30),
        (503, "120", 120),
        (429, "2", sender.RETRY_DELAYS[0]),
        (429, "999999999", sender.MAX_RETRY_DELAY),
        (429, "9" * 400, sender.RETRY_DELAYS[0]),
        (429, "soon", sender.RETRY_DELAYS[0]),
        (429, "-5", sender.RETRY_DELAYS[0]),
        (429, "٣٠", sender.RETRY_DELAYS[0]),
        (500, "120", sender.RETRY_DELAYS[0]),
        (429, "in 600 s", 600),
        (429, "Sun, 06 Nov 1994 08:49:37 GMT", sender.RETRY_DELAYS[0]),
        (429, "Fri, 31 Dec 9999 23:59:59 GMT", sender.MAX_RETRY_DELAY),
        (429, "Mon, 99 Foo 2026 99:99:99 GMT", sender.RETRY_DELAYS[0]),
    ],
)
async def test_retry_after_delays_the_next_attempt(hook, receiver, db, status, header, expected):
    header = header.replace("in 600 s", formatdate(time.time() + 600, usegmt=True))
    receiver.retry_after = header
    receiver.answers.append(status)
    await hook.create_event()
    await hook.work()

    (row,) = await db.rows(text("SELECT state, extract(epoch FROM due_at - now()) AS s FROM webhook_deliveries"))
    assert (row.state, round(row.s / 5) * 5) == ("waiting", expected)


async def test_retry_after_delays_other_pending_deliveries(hook, receiver, db):
    receiver.answers.extend([500, 429])
    await hook.create_event("A1")
    await hook.work()
    receiver.retry_after = "600"
    await hook.create_event("A2")
    await hook.work()

    rows = await db.rows(text("SELECT extract(epoch FROM due_at - now()) AS s FROM webhook_deliveries"))
    assert [round(row.s / 5) * 5 for row in rows] == [600, 600]


async def test_gone_endpoint_is_disabled(hook, receiver, db):
    receiver.answers.append(410)
    await hook.create_event("A1")
    await hook.work()
    await hook.create_event("A2")
    await hook.work()

    seen = (await hook.staff.get(hook.path)).json()
    (line,) = await hook.log()
    assert "disabled_at" in seen
    assert (line["state"], line["problem"], len(receiver.got)) == ("failed", "gone", 1)
    assert await db.rows(text("SELECT body FROM events WHERE kind = 'webhook.gone'")) == [({"key": "erp"},)]
    again = await hook.staff.ask("POST", f"{hook.path}/deliveries/{line['id']}/replays")
    assert (again.status_code, again.json()["code"]) == (409, "webhook_disabled")


async def test_redirect_is_not_followed(hook, receiver):
    receiver.answers.append(307)
    await hook.create_event()
    await hook.work()

    (line,) = await hook.log()
    assert (line["state"], line["status"], line["problem"]) == ("waiting", 307, "redirect")
    assert [got.path for got in receiver.got] == ["/hook?brand=1"]


async def test_endpoint_without_response_times_out(hook, receiver, monkeypatch):
    monkeypatch.setattr(http_delivery, "TIMEOUT_SECONDS", 0.3)
    receiver.seconds = 1.0
    await hook.create_event()
    await hook.work()

    (line,) = await hook.log()
    assert (line["state"], line["problem"], line["attempts"]) == ("waiting", "timeout", 1)
    assert "status" not in line


async def test_internal_error_stops_no_other_delivery(hook, receiver, brand, db, private):
    faulty = await make_hook(brand, db, private, "http://faulty.example:8080/hook", "faulty")
    receiver.seconds = 0.5
    await hook.create_event()

    async def resolve(host: str, port: int) -> list[str]:
        if host == "faulty.example":
            await until(lambda: asyncio.sleep(0, receiver.got))  # the other one is being sent
            raise LookupError(host)
        return [host]

    with structlog.testing.capture_logs() as logs:
        await hook.work(resolve=resolve)

    (left,), (done,) = await faulty.log(), await hook.log()
    assert (done["state"], left["state"], left["attempts"]) == ("done", "sending", 1)
    assert [(line["event"], line["error"]) for line in logs if "error" in line] == [("webhook_failed", "LookupError")]
    await faulty.later()
    await faulty.work(resolve=resolve)
    assert (await faulty.log())[0]["attempts"] == 2


async def test_unreachable_endpoint_is_a_failure(hook, brand, db, private):
    with receiving() as gone:
        dead = await make_hook(brand, db, private, gone.url, "dead")
    await hook.create_event()
    await hook.work()

    (line,) = await dead.log()
    assert (line["state"], line["problem"]) == ("waiting", "unreachable")


async def test_long_response_is_cut_and_not_stored(hook, receiver):
    receiver.long = b"secret of the house " * 500_000
    await hook.create_event()
    await hook.work()

    page = await hook.staff.get(f"{hook.path}/deliveries")
    assert page.json()["items"][0]["state"] == "done"
    assert "secret of the house" not in page.text


async def test_slow_endpoint_delays_only_its_own_deliveries(hook, receiver, world, db, private):
    other = await world.staff()
    with receiving() as quick:
        beside = await make_hook(other, db, private, quick.url)
        for number in range(20):
            await hook.create_event(f"A{number}")
            await beside.create_event(f"B{number}")
        receiver.hold.clear()
        working = asyncio.create_task(hook.work())
        await until(lambda: asyncio.sleep(0, len(quick.got) == 20))
        held = len(receiver.got)
        receiver.hold.set()
        await working

    assert held == receiver.most_at_once == sender.MAX_PER_ENDPOINT
    assert len(set(receiver.ids)) == len(receiver.ids) == 20


async def test_concurrent_workers_send_each_attempt_once(hook, receiver):
    receiver.seconds = 0.02
    for number in range(60):
        await hook.create_event(f"A{number}")

    await asyncio.gather(*(hook.work() for _ in range(4)))
    await hook.work()

    assert [line for line in await hook.log("?limit=100") if line["state"] != "done"] == []
    assert len(receiver.ids) == len(set(receiver.ids)) == 60
    assert {line["attempts"] for line in await hook.log("?limit=100")} == {1}


async def test_expired_lease_passes_to_another_worker(hook, receiver, db):
    await hook.create_event()
    receiver.answers.append(500)
    await hook.work()
    await hook.later()
    (dead,) = await sender.claim_deliveries(db, busy=set(), limit=10)
    claimed_again = await sender.claim_deliveries(db, busy=set(), limit=10)
    await hook.later()
    await hook.work()
    await sender.record_outcome(db, dead, http_delivery.DeliveryOutcome(500, "refused"))

    (line,) = await hook.log()
    assert claimed_again == []
    assert (line["state"], line["status"], line["attempts"]) == ("done", 200, 3)
    assert len(set(receiver.ids)) == 1


async def test_replay_has_the_same_id(hook, receiver):
    await hook.create_event()
    await hook.work()
    (line,) = await hook.log()

    answer = await hook.staff.ask("POST", f"{hook.path}/deliveries/{line['id']}/replays")
    await hook.work()

    assert (answer.status_code, answer.json()["state"]) == (202, "waiting")
    assert receiver.ids == [line["webhook_id"]] * 2
    assert [(row["state"], row["attempts"]) for row in await hook.log()] == [("done", 1)]


async def test_replay_of_leased_delivery_is_refused(hook, db):
    await hook.create_event()
    await hook.work()
    (line,) = await hook.log()
    replays = f"{hook.path}/deliveries/{line['id']}/replays"
    await hook.staff.ask("POST", replays)
    await sender.claim_deliveries(db, busy=set(), limit=1)

    refused = await hook.staff.ask("POST", replays)
    unknown = await hook.staff.ask("POST", f"{hook.path}/deliveries/{line['id'] + 1}/replays")

    assert (refused.status_code, refused.json()["code"]) == (409, "delivery_under_way")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "delivery_unknown")


async def test_test_event_goes_to_one_webhook_of_any_kinds(hook, receiver, brand, db, private):
    with receiving() as quiet:
        other = await make_hook(brand, db, private, quiet.url, "quiet", kinds=["promo.redeemed"])
        answer = await brand.ask("POST", f"{other.path}/tests")
        await hook.work()

    (got,) = quiet.got
    assert (answer.status_code, answer.json()["type"]) == (202, "webhook.test")
    assert got.verified(other.secret)["data"] == {"key": "quiet"}
    assert got.headers["webhook-id"] == answer.json()["webhook_id"]
    assert receiver.got == []


async def test_test_events_are_limited(hook, number):
    number("webhook_tests_per_hour", 2)

    answers = [await hook.staff.ask("POST", f"{hook.path}/tests") for _ in range(3)]

    assert [answer.status_code for answer in answers] == [202, 202, 429]


async def test_only_subscribed_kinds_are_delivered(brand, db, private, receiver):
    hook = await make_hook(brand, db, private, receiver.url, kinds=["product.changed"])
    await hook.create_event()
    await brand.put("/v1/console/products/A1", {"name_ru": "Вентиль"})
    await brand.put("/v1/console/staff/new@brand.example", {"role": "analyst"})
    await hook.work()

    assert [got.verified(hook.secret)["type"] for got in receiver.got] == ["product.changed"]


async def test_audit_log_is_not_delivered(hook, receiver):
    await hook.staff.put("/v1/console/staff/new@brand.example", {"role": "analyst"})
    await hook.staff.put("/v1/console/brand", {"name": f"Brand {uuid.uuid4()}"})
    await hook.work()

    assert receiver.got == []


async def test_events_of_another_brand_are_not_delivered(hook, receiver, world):
    stranger = await world.staff()
    await stranger.put("/v1/console/products/A1", {"name_ru": "Кран"})
    await hook.work()

    assert receiver.got == []


async def test_events_while_disabled_are_never_delivered(hook, receiver):
    await hook.staff.put(hook.path, {"url": receiver.url, "disabled": True})
    await hook.create_event("A1")
    await hook.work()
    await hook.staff.put(hook.path, {"url": receiver.url})
    await hook.create_event("A2")
    await hook.work()

    assert len(receiver.got) == 1


async def test_events_before_creation_are_not_delivered(brand, db, private, receiver):
    await brand.put("/v1/console/products/A0", {"name_ru": "Кран"})
    hook = await make_hook(brand, db, private, receiver.url)
    await hook.work()

    assert receiver.got == []


async def test_deliveries_are_listed_in_pages(hook):
    for number in range(5):
        await hook.create_event(f"A{number}")
    await hook.work()

    first = (await hook.staff.get(f"{hook.path}/deliveries?limit=3")).json()
    second = (await hook.staff.get(f"{hook.path}/deliveries?limit=3&cursor={first['next']}")).json()

    ids = [line["id"] for line in first["items"] + second["items"]]
    assert ids == sorted(ids, reverse=True)
    assert len(ids) == 5
    assert "next" not in second
    assert await hook.log("?state=failed") == []


async def test_stopped_worker_leaves_deliveries_to_next(hook, receiver, private, db):
    receiver.hold.clear()
    async with working(private):
        await hook.create_event()
        await until(lambda: asyncio.sleep(0, receiver.got))
    receiver.hold.set()
    (left,) = await hook.log()
    await hook.later()
    await hook.work()

    (line,) = await hook.log()
    assert (left["state"], line["state"], line["attempts"]) == ("sending", "done", 2)
    assert receiver.ids == [line["webhook_id"]] * 2
    assert await db.rows(text("SELECT task_name FROM procrastinate_jobs WHERE status = 'failed'")) == []
    assert await db.rows(text("SELECT error FROM job_failures")) == []
