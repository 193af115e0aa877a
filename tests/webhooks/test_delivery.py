"""Events reach a brand's own system, each once as far as it depends on us, and signed."""

import asyncio
import uuid

import pytest
import structlog
from sqlalchemy import text
from standardwebhooks import WebhookVerificationError

from backend.webhooks import posting, sending
from tests.webhooks.conftest import make_hook
from tests.webhooks.receiver import receiving
from tests.worker.working import until, working


async def test_a_deed_is_told_and_signed(hook, receiver):
    await hook.deed("A1")
    await hook.work()

    (got,) = receiver.got
    (line,) = await hook.log()
    assert got.path == "/hook?brand=1"
    assert got.headers["content-type"] == "application/json"
    told = got.verified(hook.secret)
    assert (told["type"], set(told)) == ("product.created", {"type", "timestamp", "data"})
    assert (line["state"], line["status"], line["attempts"], line["type"]) == ("done", 200, 1, "product.created")
    assert got.headers["webhook-id"] == line["webhook_id"]
    with pytest.raises(WebhookVerificationError):
        got._replace(body=got.body.replace(b"created", b"deleted")).verified(hook.secret)


async def test_the_worker_does_it_by_itself(hook, receiver, private, tmp_path):
    async with working(private, count=2):
        await hook.deed()
        await until(lambda: asyncio.sleep(0, receiver.got))

    assert receiver.got[0].verified(hook.secret)["type"] == "product.created"


async def test_a_failure_is_tried_again_later_under_the_same_id(hook, receiver):
    receiver.answers.extend([500, 429])
    await hook.deed()
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


async def test_the_pauses_grow_and_after_the_last_it_has_failed(hook, receiver, db):
    receiver.answers.extend([503] * 20)
    await hook.deed()
    pauses = []
    for _ in range(12):
        await hook.work()
        (row,) = await db.rows(text("SELECT state, extract(epoch FROM due_at - now()) AS s FROM webhook_deliveries"))
        pauses += [round(row.s / 5) * 5] if row.state == "waiting" else []
        await hook.later()

    (line,) = await hook.log()
    assert tuple(pauses) == sending.WAITS
    assert (line["state"], line["attempts"], len(receiver.got)) == ("failed", 9, 9)
    assert "done_at" in line
    assert "due_at" not in line


async def test_an_endpoint_that_is_gone_is_asked_no_more(hook, receiver, db):
    receiver.answers.append(410)
    await hook.deed("A1")
    await hook.work()
    await hook.deed("A2")
    await hook.work()

    seen = (await hook.staff.get(hook.path)).json()
    (line,) = await hook.log()
    assert "disabled_at" in seen
    assert (line["state"], line["problem"], len(receiver.got)) == ("failed", "gone", 1)
    assert await db.rows(text("SELECT body FROM events WHERE kind = 'webhook.gone'")) == [({"key": "erp"},)]
    again = await hook.staff.ask("POST", f"{hook.path}/deliveries/{line['id']}/replays")
    assert (again.status_code, again.json()["code"]) == (409, "webhook_disabled")


async def test_a_redirect_is_not_followed(hook, receiver):
    receiver.answers.append(307)
    await hook.deed()
    await hook.work()

    (line,) = await hook.log()
    assert (line["state"], line["status"], line["problem"]) == ("waiting", 307, "redirect")
    assert [got.path for got in receiver.got] == ["/hook?brand=1"]


async def test_an_endpoint_that_does_not_answer_is_given_up_in_time(hook, receiver, monkeypatch):
    monkeypatch.setattr(posting, "SECONDS", 0.3)
    receiver.seconds = 1.0
    await hook.deed()
    await hook.work()

    (line,) = await hook.log()
    assert (line["state"], line["problem"], line["attempts"]) == ("waiting", "timeout", 1)
    assert "status" not in line


async def test_a_fault_of_ours_ends_no_other_send_and_waits_for_its_lease(hook, receiver, brand, db, private):
    faulty = await make_hook(brand, db, private, "http://faulty.example:8080/hook", "faulty")
    receiver.seconds = 0.5
    await hook.deed()

    async def resolve(host: str, port: int) -> list[str]:
        if host == "faulty.example":
            await until(lambda: asyncio.sleep(0, receiver.got))  # the other one is under way
            raise LookupError(host)
        return [host]

    with structlog.testing.capture_logs() as told:
        await hook.work(resolve=resolve)

    (left,), (done,) = await faulty.log(), await hook.log()
    assert (done["state"], left["state"], left["attempts"]) == ("done", "sending", 1)
    assert [(line["event"], line["error"]) for line in told if "error" in line] == [("webhook_failed", "LookupError")]
    await faulty.later()
    await faulty.work(resolve=resolve)
    assert (await faulty.log())[0]["attempts"] == 2


async def test_nobody_listening_is_a_failure_too(hook, brand, db, private):
    with receiving() as gone:
        dead = await make_hook(brand, db, private, gone.url, "dead")
    await hook.deed()
    await hook.work()

    (line,) = await dead.log()
    assert (line["state"], line["problem"]) == ("waiting", "unreachable")


async def test_a_long_answer_is_broken_off_and_never_shown(hook, receiver):
    receiver.long = b"secret of the house " * 500_000
    await hook.deed()
    await hook.work()

    page = await hook.staff.get(f"{hook.path}/deliveries")
    assert page.json()["items"][0]["state"] == "done"
    assert "secret of the house" not in page.text


async def test_a_slow_endpoint_holds_up_nobody_else(hook, receiver, world, db, private):
    other = await world.staff()
    with receiving() as quick:
        beside = await make_hook(other, db, private, quick.url)
        for number in range(20):
            await hook.deed(f"A{number}")
            await beside.deed(f"B{number}")
        receiver.hold.clear()
        working = asyncio.create_task(hook.work())
        await until(lambda: asyncio.sleep(0, len(quick.got) == 20))
        held = len(receiver.got)
        receiver.hold.set()
        await working

    assert held == receiver.most_at_once == sending.EACH
    assert len(set(receiver.ids)) == len(receiver.ids) == 20


async def test_two_workers_never_send_the_same_attempt(hook, receiver):
    receiver.seconds = 0.02
    for number in range(60):
        await hook.deed(f"A{number}")

    await asyncio.gather(*(hook.work() for _ in range(4)))
    await hook.work()

    assert [line for line in await hook.log("?limit=100") if line["state"] != "done"] == []
    assert len(receiver.ids) == len(set(receiver.ids)) == 60
    assert {line["attempts"] for line in await hook.log("?limit=100")} == {1}


async def test_what_a_dead_worker_had_taken_is_sent_by_another_and_only_the_last_may_say_how_it_ended(
    hook, receiver, db
):
    await hook.deed()
    receiver.answers.append(500)
    await hook.work()
    await hook.later()
    (dead,) = await sending.claim(db, busy=set(), most=10)
    taken_twice = await sending.claim(db, busy=set(), most=10)
    await hook.later()
    await hook.work()
    await sending.record(db, dead, posting.Outcome(500, "refused"))

    (line,) = await hook.log()
    assert taken_twice == []
    assert (line["state"], line["status"], line["attempts"]) == ("done", 200, 3)
    assert len(set(receiver.ids)) == 1


async def test_a_delivery_is_sent_again_by_hand_under_its_id(hook, receiver):
    await hook.deed()
    await hook.work()
    (line,) = await hook.log()

    answer = await hook.staff.ask("POST", f"{hook.path}/deliveries/{line['id']}/replays")
    await hook.work()

    assert (answer.status_code, answer.json()["state"]) == (202, "waiting")
    assert receiver.ids == [line["webhook_id"]] * 2
    assert [(row["state"], row["attempts"]) for row in await hook.log()] == [("done", 1)]


async def test_what_is_being_sent_is_not_sent_again_by_hand(hook, db):
    await hook.deed()
    await hook.work()
    (line,) = await hook.log()
    replays = f"{hook.path}/deliveries/{line['id']}/replays"
    await hook.staff.ask("POST", replays)
    await sending.claim(db, busy=set(), most=1)

    refused = await hook.staff.ask("POST", replays)
    unknown = await hook.staff.ask("POST", f"{hook.path}/deliveries/{line['id'] + 1}/replays")

    assert (refused.status_code, refused.json()["code"]) == (409, "delivery_under_way")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "delivery_unknown")


async def test_a_test_goes_to_the_one_it_was_asked_for_whatever_it_listens_to(hook, receiver, brand, db, private):
    with receiving() as quiet:
        other = await make_hook(brand, db, private, quiet.url, "quiet", kinds=["promo.redeemed"])
        answer = await brand.ask("POST", f"{other.path}/tests")
        await hook.work()

    (got,) = quiet.got
    assert (answer.status_code, answer.json()["type"]) == (202, "webhook.test")
    assert got.verified(other.secret)["data"] == {"key": "quiet"}
    assert got.headers["webhook-id"] == answer.json()["webhook_id"]
    assert receiver.got == []


async def test_tests_are_limited(hook, number):
    number("webhook_tests_per_hour", 2)

    answers = [await hook.staff.ask("POST", f"{hook.path}/tests") for _ in range(3)]

    assert [answer.status_code for answer in answers] == [202, 202, 429]


async def test_only_the_kinds_that_were_asked_for_come(brand, db, private, receiver):
    hook = await make_hook(brand, db, private, receiver.url, kinds=["product.changed"])
    await hook.deed()
    await brand.put("/v1/console/products/A1", {"name_ru": "Вентиль"})
    await brand.put("/v1/console/staff/new@brand.example", {"role": "analyst"})
    await hook.work()

    assert [got.verified(hook.secret)["type"] for got in receiver.got] == ["product.changed"]


async def test_the_audit_trail_stays_in_the_house(hook, receiver):
    await hook.staff.put("/v1/console/staff/new@brand.example", {"role": "analyst"})
    await hook.staff.put("/v1/console/brand", {"name": f"Brand {uuid.uuid4()}"})
    await hook.work()

    assert receiver.got == []


async def test_another_brands_deeds_are_not_told(hook, receiver, world):
    stranger = await world.staff()
    await stranger.put("/v1/console/products/A1", {"name_ru": "Кран"})
    await hook.work()

    assert receiver.got == []


async def test_a_disabled_webhook_gets_nothing_of_what_happens_meanwhile(hook, receiver):
    await hook.staff.put(hook.path, {"url": receiver.url, "disabled": True})
    await hook.deed("A1")
    await hook.work()
    await hook.staff.put(hook.path, {"url": receiver.url})
    await hook.deed("A2")
    await hook.work()

    assert len(receiver.got) == 1


async def test_what_happened_before_a_webhook_was_made_is_not_told(brand, db, private, receiver):
    await brand.put("/v1/console/products/A0", {"name_ru": "Кран"})
    hook = await make_hook(brand, db, private, receiver.url)
    await hook.work()

    assert receiver.got == []


async def test_the_log_is_read_page_by_page(hook):
    for number in range(5):
        await hook.deed(f"A{number}")
    await hook.work()

    first = (await hook.staff.get(f"{hook.path}/deliveries?limit=3")).json()
    second = (await hook.staff.get(f"{hook.path}/deliveries?limit=3&cursor={first['next']}")).json()

    ids = [line["id"] for line in first["items"] + second["items"]]
    assert ids == sorted(ids, reverse=True)
    assert len(ids) == 5
    assert "next" not in second
    assert await hook.log("?state=failed") == []


async def test_a_worker_that_is_stopped_leaves_what_it_had_taken_to_the_next(hook, receiver, private, db):
    receiver.hold.clear()
    async with working(private):
        await hook.deed()
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
