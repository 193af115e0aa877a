"""Webhooks in the console: made, changed, their secrets replaced."""

import base64
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from cryptography.exceptions import InvalidTag
from sqlalchemy import text
from standardwebhooks import Webhook, WebhookVerificationError

from backend import gauges, upkeep
from backend.webhooks import signing
from tests.webhooks.conftest import make_hook

URL = "https://erp.example/hook"
PATH = "/v1/console/webhooks/erp"


async def test_the_secret_is_shown_once(brand):
    made = (await brand.put(PATH, {"url": URL, "kinds": ["promo.redeemed", "promo.redeemed"]})).json()
    again = (await brand.put(PATH, {"url": URL, "kinds": ["promo.redeemed"]})).json()
    read = (await brand.get(PATH)).json()
    listed = (await brand.get("/v1/console/webhooks")).json()

    assert len(base64.b64decode(made["secret"].removeprefix("whsec_"))) == 32
    assert read == again == {name: value for name, value in made.items() if name != "secret"}
    assert listed == {"items": [read]}
    assert read["kinds"] == ["promo.redeemed"]


async def test_the_list_is_read_page_by_page(brand):
    for key in "abc":
        await brand.put(f"/v1/console/webhooks/{key}", {"url": URL})

    first = (await brand.get("/v1/console/webhooks?limit=2")).json()
    second = (await brand.get(f"/v1/console/webhooks?limit=2&cursor={first['next']}")).json()

    assert [row["key"] for row in first["items"] + second["items"]] == ["a", "b", "c"]
    assert "next" not in second


@pytest.mark.parametrize("body", [{}, {"url": "ftp://erp.example/"}, {"url": URL, "kinds": ["staff.signed_in"]}])
async def test_what_does_not_fit_is_refused(brand, body):
    answer = await brand.put(PATH, body)

    assert (answer.status_code, answer.json()["code"]) == (400, "validation_failed")


async def test_a_brand_has_so_many_webhooks_and_can_change_them_still(brand, number):
    number("webhooks_per_brand", 1)
    await brand.put(PATH, {"url": URL})

    more = await brand.put("/v1/console/webhooks/other", {"url": URL})
    change = await brand.put(PATH, {"url": f"{URL}/2"})

    assert (more.status_code, more.json()["code"]) == (409, "webhooks_too_many")
    assert change.status_code == 200


async def test_an_unknown_webhook_is_not_found(brand):
    answers = [
        await brand.get(PATH),
        await brand.get(f"{PATH}/deliveries"),
        await brand.ask("POST", f"{PATH}/tests"),
        await brand.ask("POST", f"{PATH}/secrets", json={}),
    ]

    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(404, "webhook_unknown")}


async def test_after_a_replacement_both_secrets_sign(hook, receiver):
    answer = await hook.staff.ask("POST", f"{hook.path}/secrets", json={})
    await hook.deed()
    await hook.work()

    (got,) = receiver.got
    assert answer.status_code == 201
    assert got.verified(hook.secret) == got.verified(answer.json()["secret"])


async def test_a_repeated_replacement_takes_no_secret_away(hook, receiver):
    first, second = [(await hook.staff.ask("POST", f"{hook.path}/secrets", json={})).json() for _ in range(2)]
    await hook.deed()
    await hook.work()

    for secret in (hook.secret, first["secret"], second["secret"]):
        assert receiver.got[0].verified(secret)


async def test_a_leaked_secret_ends_at_once(hook, receiver):
    await hook.staff.ask("POST", f"{hook.path}/secrets", json={})
    new = (await hook.staff.ask("POST", f"{hook.path}/secrets", json={"old_hours": 0})).json()["secret"]
    await hook.deed()
    await hook.work()

    (got,) = receiver.got
    assert got.verified(new)
    assert got.headers["webhook-signature"].count("v1,") == 1
    with pytest.raises(WebhookVerificationError):
        got.verified(hook.secret)


async def test_a_secret_of_another_master_key_is_replaced_at_once_or_not_at_all(hook, receiver, app, private):
    app.state["settings"] = hook.settings = msgspec.structs.replace(private, master_key=b"another" * 5)

    kept = await hook.staff.ask("POST", f"{hook.path}/secrets", json={})
    new = (await hook.staff.ask("POST", f"{hook.path}/secrets", json={"old_hours": 0})).json()["secret"]
    await hook.deed()
    await hook.work()

    assert (kept.status_code, kept.json()["code"]) == (409, "secret_unreadable")
    assert receiver.got[0].verified(new)


async def test_only_so_many_secrets_sign(hook):
    answers = [await hook.staff.ask("POST", f"{hook.path}/secrets", json={}) for _ in range(5)]

    assert [answer.status_code for answer in answers] == [201] * 4 + [409]
    assert answers[-1].json()["code"] == "secrets_too_many"


def test_an_old_secret_ends_after_its_hours():
    now = datetime.now(UTC)
    before = signing.new()
    kept = before.replaced(now + timedelta(hours=1))

    signed = [signing.headers(kept, "id", "{}", at) for at in (now, now + timedelta(hours=2))]

    assert [headers["webhook-signature"].count("v1,") for headers in signed] == [2, 1]
    assert Webhook(kept.shown()).verify("{}", signed[0]) == {}
    assert Webhook(before.shown()).verify("{}", signed[0]) == {}


async def test_no_secret_lies_in_the_database(brand, db, settings, owner):
    shown = (await brand.put(PATH, {"url": URL})).json()["secret"]
    raw = base64.b64decode(shown.removeprefix("whsec_"))
    async with owner.begin() as session:
        names = await session.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"))
        rows = [str(row) for name in names for row in await session.scalars(text(f'SELECT t::text FROM "{name}" t'))]  # noqa: S608

    assert any(row.find("erp.example") >= 0 for row in rows)
    assert not [row for row in rows if shown[6:] in row or raw.hex() in row]
    (kept,) = await db.rows(text("SELECT id, secret FROM webhook_endpoints"))
    assert signing.unseal(settings.master_key, kept.id, kept.secret).current == raw
    for key, endpoint_id in ((settings.pepper, kept.id), (settings.master_key, kept.id + 1)):
        with pytest.raises(InvalidTag):
            signing.unseal(key, endpoint_id, kept.secret)


async def test_one_webhooks_secret_does_not_sign_for_another(hook, receiver, brand, db, private):
    other = await make_hook(brand, db, private, receiver.url, "other")
    await db.rows(
        text("UPDATE webhook_endpoints SET secret = (SELECT secret FROM webhook_endpoints WHERE key = 'erp')")
    )
    await brand.ask("POST", f"{other.path}/tests")
    await hook.work()

    (line,) = await other.log()
    assert (line["state"], line["problem"]) == ("waiting", "secret")
    assert receiver.got == []


async def test_old_deliveries_are_swept_and_what_is_sent_again_stays(hook, db):
    for number in range(3):
        await hook.deed(f"A{number}")
    await hook.work()
    ids = [line["id"] for line in await hook.log()]
    old = text("UPDATE webhook_deliveries SET created_at = now() - interval '31 days', due_at = now() - "
               "interval '31 days' WHERE id = ANY(:ids)")  # fmt: skip
    await db.rows(old, ids=ids[:2])
    await hook.staff.ask("POST", f"{hook.path}/deliveries/{ids[0]}/replays")

    await upkeep.sweep(db=db)

    assert [line["id"] for line in await hook.log()] == [ids[0], ids[2]]


async def test_what_waits_is_measured(hook, db, receiver):
    receiver.answers.append(500)
    await hook.deed()
    await hook.work()

    measured = {family.name: family for family in (await gauges.measure(db, [])).collect()}

    assert [sample.value for sample in measured["scanback_webhooks_waiting"].samples] == [1]
