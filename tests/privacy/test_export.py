"""Everything we hold about a caller, in one document."""

import asyncio
import json
import uuid

import msgspec
from litestar import Litestar

from backend.earning.scans.models import Scan
from backend.privacy.schemas import PersonalDataExport
from payouts import ledger
from payouts.ledger import WalletKey
from tests.checkout.till_client import shopping_at
from tests.identity.accounts.ceremonies import registered
from tests.make import World, bearer
from tests.spending.scenario import spending_scenario
from tests.spending.wallets.earnings import account_id, earn, programme, the_day


async def test_export_of_a_new_account_is_short(world: World):
    account = await world.account()

    response = await world.client.get("/v1/me/export", headers=bearer(account))

    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"] == "no-store"
    assert "scanback.json" in response.headers["content-disposition"]
    document = response.json()
    assert document["account"]["card_number"] == account.card_number
    assert len(document["devices"]) == 1
    lists = ("passkeys", "wallets", "movements", "scans", "receipts", "promo_codes", "redemptions", "orders", "units")
    assert [document[name] for name in lists] == [[]] * len(lists)


async def test_export_has_wallets_movements_scans_and_devices(world: World):
    account = await world.account()
    codes = await world.codes(3)
    for code in codes:
        await world.scan(account, code)
    await world.scan(account, "0000-0000-0000-0001")
    await registered(world, account)

    response = await world.client.get("/v1/me/export", headers=bearer(account))

    document = msgspec.json.decode(response.content, type=PersonalDataExport)
    (purse,) = document.wallets
    assert purse.available == 300 == sum(row.amount for row in document.movements)
    assert {row.explanation.text for row in document.movements} == {"Autumn: 100 points."}
    assert sorted(row.status for row in document.scans) == ["credited"] * 3 + ["refused"]
    assert len(document.passkeys) == 1


async def test_export_has_promo_codes_and_redemptions(world: World):
    account, other = await world.account(), await world.account()
    shop = await shopping_at(world)
    campaign = await shop.offer()
    codes = [await shop.code(campaign, account=each) for each in (account, other)]
    await shop.sell(codes[0])
    await shop.sell(codes[1])

    response = await world.client.get("/v1/me/export", headers=bearer(account))

    document = msgspec.json.decode(response.content, type=PersonalDataExport)
    assert [row.code for row in document.promo_codes] == [row.code for row in document.redemptions] == codes[:1]
    assert document.promo_codes[0].runs[0].came == 1


async def test_export_has_orders_units_and_verification_level(world: World):
    account, other = await world.account(), await world.account()
    code, *_ = await world.codes()
    await world.scan(account, code)
    shop = await spending_scenario(world)
    offer = await shop.offer("own")
    for one in (account, other):
        await shop.earn(one, 1000)
    order = (await shop.order(account, offer)).json()
    await shop.order(other, offer)
    await world.client.put("/v1/me/identity", json={"rung": 1, "kind": "person"}, headers=bearer(account))

    response = await world.client.get("/v1/me/export", headers=bearer(account))

    document = msgspec.json.decode(response.content, type=PersonalDataExport)
    assert [(str(row.id), row.status, row.code) for row in document.orders] == [(order["id"], "done", None)]
    assert [row.name for row in document.units] == ["Socket"]
    assert (document.identity.asked, document.identity.kind) == (1, "person")


async def test_export_has_no_secret(world: World):
    account = await world.account()
    await world.client.put("/v1/me/pin", json={"pin": "4071"}, headers=bearer(account))
    phone = await registered(world, account, **{"Scanback-Pin": "4071"})

    text = (await world.client.get("/v1/me/export", headers=bearer(account))).text

    for secret in (account.token, account.recovery_code, "argon2", phone.credential_id.hex()):
        assert secret not in text


async def test_export_has_only_the_callers_data(world: World):
    account, other = await world.account(), await world.account()
    codes = await world.codes(2)
    await world.scan(other, codes[0])
    await world.scan(account, codes[1])

    document = (await world.client.get("/v1/me/export", headers=bearer(account))).json()

    assert len(document["movements"]) == len(document["scans"]) == len(document["wallets"]) == 1
    assert document["account"]["card_number"] == account.card_number


async def test_long_export_is_streamed_in_chunks(app: Litestar, world: World):
    account = await world.account()
    owner = await account_id(world, account)
    made = [await programme(world) for _ in range(2)]
    async with world.db.begin() as session:
        for row in made:
            for number in range(620):
                cause = ledger.Cause(77, row.id * 1000 + number)
                await ledger.earn(session, WalletKey(owner, row.id, the_day()), 1, cause, matures_on=the_day())
        session.add_all(
            Scan(account_id=owner, id=uuid.uuid4(), n=0, digest=b"", kind="unknown", status="refused")
            for _ in range(600)
        )
    pieces, over = [], asyncio.Event()

    async def receive() -> dict[str, str]:
        await over.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, object]) -> None:
        if message["type"] == "http.response.body":
            pieces.append(message["body"])
            if not message.get("more_body"):
                over.set()

    await app(_request(account.token), receive, send)

    document = json.loads(b"".join(pieces))
    assert len(document["movements"]) == 1240
    assert len(document["scans"]) == 600
    assert len({row["id"] for row in document["movements"]}) == 1240
    assert max(map(len, pieces)) < len(b"".join(pieces)) / 2


def _request(token: str) -> dict[str, object]:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/v1/me/export",
        "raw_path": b"/v1/me/export",
        "query_string": b"",
        "root_path": "",
        "headers": [(b"authorization", b"Bearer " + token.encode())],
        "client": ("203.0.113.7", 1),
        "server": ("scanback.test", 80),
        "state": {},
    }


async def test_exports_are_rate_limited(world: World, number):
    number("exports_per_hour", 2)
    account = await world.account()

    answers = [await world.client.get("/v1/me/export", headers=bearer(account)) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]


async def test_exported_movements_match_the_wallets(world: World):
    account = await world.account()
    owner, made = await account_id(world, account), await programme(world)
    for _ in range(3):
        await earn(world, owner, made, 10)

    document = (await world.client.get("/v1/me/export", headers=bearer(account))).json()

    assert document["movements"][0]["available_after"] == document["wallets"][0]["available"] == 30
