"""Staff endpoints of webhooks: creation, changes, replacement of secrets."""

import base64
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from cryptography.exceptions import InvalidTag
from sqlalchemy import text
from standardwebhooks import Webhook, WebhookVerificationError

from backend.notifications.webhooks import signatures
from backend.operations import metrics, scheduled_jobs
from tests.notifications.webhooks.conftest import make_hook

URL = "https://erp.example/hook"
PATH = "/v1/console/webhooks/erp"


async def test_secret_is_shown_once(brand):
    made = (await brand.put(PATH, {"url": URL, "kinds": ["promo.redeemed", "promo.redeemed"]})).json()
    again = (await brand.put(PATH, {"url": URL, "kinds": ["promo.redeemed"]})).json()
    read = (await brand.get(PATH)).json()
    listed = (await brand.get("/v1/console/webhooks")).json()

    assert len(base64.b64decode(made["secret"].removeprefix("whsec_"))) == 32
    assert read == again == {name: value for name, value in made.items() if name != "secret"}
    assert listed == {"items": [read]}
    assert read["kinds"] == ["promo.redeemed"]


async def test_webhooks_are_listed_in_pages(brand):
    for key in "abc":
        await brand.put(f"/v1/console/webhooks/{key}", {"url": URL})

    first = (await brand.get("/v1/console/webhooks?limit=2")).json()
    second = (await brand.get(f"/v1/console/webhooks?limit=2&cursor={first['next']}")).json()

    assert [row["key"] for row in first["items"] + second["items"]] == ["a", "b", "c"]
    assert "next" not in second


@pytest.mark.parametrize("body", [{}, {"url": "ftp://erp.example/"}, {"url": URL, "kinds": ["staff.signed_in"]}])
async def test_invalid_webhook_is_refused(brand, body):
    answer = await brand.put(PATH, body)

    assert (answer.status_code, answer.json()["code"]) == (400, "validation_failed")


async def test_webhooks_per_brand_are_limited_but_changeable(brand, number):
    number("webhooks_per_brand", 1)
    await brand.put(PATH, {"url": URL})

    more = await brand.put("/v1/console/webhooks/other", {"url": URL})
    change = await brand.put(PATH, {"url": f"{URL}/2"})

    assert (more.status_code, more.json()["code"]) == (409, "webhooks_too_many")
    assert change.status_code == 200


async def test_unknown_webhook_is_not_found(brand):
    answers = [
        await brand.get(PATH),
        await brand.get(f"{PATH}/deliveries"),
        await brand.ask("POST", f"{PATH}/tests"),
        await brand.ask("POST", f"{PATH}/secrets", json={}),
    ]

    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(404, "webhook_unknown")}


async def test_both_secrets_sign_after_replacement(hook, receiver):
    answer = await hook.staff.ask("POST", f"{hook.path}/secrets", json={})
    await hook.create_event()
    await hook.work()

    (got,) = receiver.got
    assert answer.status_code == 201
    assert got.verified(hook.secret) == got.verified(answer.json()["secret"])


async def test_repeated_replacement_ends_no_secret(hook, receiver):
    first, second = [(await hook.staff.ask("POST", f"{hook.path}/secrets", json={})).json() for _ in range(2)]
    await hook.create_event()
    await hook.work()

    for secret in (hook.secret, first["secret"], second["secret"]):
        assert receiver.got[0].verified(secret)


async def test_leaked_secret_ends_at_once(hook, receiver):
    await hook.staff.ask("POST", f"{hook.path}/secrets", json={})
    new = (await hook.staff.ask("POST", f"{hook.path}/secrets", json={"old_hours": 0})).json()["secret"]
    await hook.create_event()
    await hook.work()

    (got,) = receiver.got
    assert got.verified(new)
    assert got.headers["webhook-signature"].count("v1,") == 1
    with pytest.raises(WebhookVerificationError):
        got.verified(hook.secret)


async def test_undecryptable_secret_is_replaced_only_at_once(hook, receiver, app, private):
    app.state["settings"] = hook.settings = msgspec.structs.replace(private, master_key=b"another" * 5)

    stored = await hook.staff.ask("POST", f"{hook.path}/secrets", json={})
    new = (await hook.staff.ask("POST", f"{hook.path}/secrets", json={"old_hours": 0})).json()["secret"]
    await hook.create_event()
    await hook.work()

    assert (stored.status_code, stored.json()["code"]) == (409, "secret_unreadable")
    assert receiver.got[0].verified(new)


async def test_number_of_valid_secrets_is_limited(hook):
    answers = [await hook.staff.ask("POST", f"{hook.path}/secrets", json={}) for _ in range(5)]

    assert [answer.status_code for answer in answers] == [201] * 4 + [409]
    assert answers[-1].json()["code"] == "secrets_too_many"


def test_old_secret_ends_after_its_hours():
    now = datetime.now(UTC)
    before = signatures.new_secrets()
    stored = before.with_new_secret(now + timedelta(hours=1))

    signed = [signatures.signature_headers(stored, "id", "{}", at) for at in (now, now + timedelta(hours=2))]

    assert [headers["webhook-signature"].count("v1,") for headers in signed] == [2, 1]
    assert Webhook(stored.display_text()).verify("{}", signed[0]) == {}
    assert Webhook(before.display_text()).verify("{}", signed[0]) == {}


async def test_database_has_no_plain_secret(brand, db, settings, owner):
    shown = (await brand.put(PATH, {"url": URL})).json()["secret"]
    raw = base64.b64decode(shown.removeprefix("whsec_"))
    async with owner.begin() as session:
        names = await session.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"))
        rows = [str(row) for name in names for row in await session.scalars(text(f'SELECT t::text FROM "{name}" t'))]  # noqa: S608

    assert any(row.find("erp.example") >= 0 for row in rows)
    assert not [row for row in rows if shown[6:] in row or raw.hex() in row]
    (stored,) = await db.rows(text("SELECT id, secret FROM webhook_endpoints"))
    assert signatures.unseal_secrets(settings.master_keys, stored.id, stored.secret).current == raw
    for key, endpoint_id in ((settings.peppers, stored.id), (settings.master_keys, stored.id + 1)):
        with pytest.raises(InvalidTag):
            signatures.unseal_secrets(key, endpoint_id, stored.secret)


async def test_secret_of_another_webhook_does_not_verify(hook, receiver, brand, db, private):
    other = await make_hook(brand, db, private, receiver.url, "other")
    await db.rows(
        text("UPDATE webhook_endpoints SET secret = (SELECT secret FROM webhook_endpoints WHERE key = 'erp')")
    )
    await brand.ask("POST", f"{other.path}/tests")
    await hook.work()

    (line,) = await other.log()
    assert (line["state"], line["problem"]) == ("waiting", "secret")
    assert receiver.got == []


async def test_old_deliveries_are_removed_except_replayed_ones(hook, db):
    for number in range(3):
        await hook.create_event(f"A{number}")
    await hook.work()
    ids = [line["id"] for line in await hook.log()]
    old = text(
        "UPDATE webhook_deliveries SET created_at = now() - interval '31 days', due_at = now() - "
        "interval '31 days' WHERE id = ANY(:ids)"
    )
    await db.rows(old, ids=ids[:2])
    await hook.staff.ask("POST", f"{hook.path}/deliveries/{ids[0]}/replays")

    await scheduled_jobs.sweep(db=db)

    assert [line["id"] for line in await hook.log()] == [ids[0], ids[2]]


async def test_pending_deliveries_have_a_metric(hook, db, receiver):
    receiver.answers.append(500)
    await hook.create_event()
    await hook.work()

    measured = {family.name: family for family in (await metrics.measure(db, [])).collect()}

    assert [sample.value for sample in measured["scanback_webhooks_waiting"].samples] == [1]
