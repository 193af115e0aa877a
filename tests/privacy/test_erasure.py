"""Being forgotten: the person goes, the books stay right."""

import asyncio
import uuid

from httpx2 import Response
from sqlalchemy import text

from backend.core.db.database import Database
from backend.identity.accounts.schemas import AccountCreated
from payouts import ledger
from payouts.ledger import Cause, WalletKey
from tests.checkout.till_client import shopping_at
from tests.identity.accounts.authenticator import Authenticator
from tests.identity.accounts.ceremonies import come_back, offer, offer_new, registered, send_new
from tests.identity.accounts.owners import end_hold
from tests.make import World, bearer
from tests.spending.wallets.earnings import PACKAGE, account_id, earn, programme, the_day, wallet


async def leave(world: World, account: AccountCreated, **headers: str) -> Response:
    return await world.client.delete("/v1/me", headers=bearer(account) | headers)


async def test_erased_account_refuses_all_credentials(world: World):
    account = await world.account()
    phone = await registered(world, account)
    challenge = await offer(world)

    response = await leave(world, account)

    assert (response.status_code, response.content) == (204, b"")
    assert (await world.client.get("/v1/me", headers=bearer(account))).status_code == 401
    by_code = await world.client.post("/v1/sessions", json={"recovery_code": account.recovery_code})
    assert by_code.status_code == 401
    assert (await come_back(world, phone.get(challenge))).status_code == 401


async def test_repeated_erasure_is_unauthenticated(world: World):
    account = await world.account()

    answers = [await leave(world, account) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [204, 401]


async def test_erasure_leaves_no_personal_data(world: World, owner: Database):
    (code, *_) = await world.codes()
    account = await world.account()
    await world.client.put("/v1/me/pin", json={"pin": "4071"}, headers=bearer(account))
    await registered(world, account, **{"Scanback-Pin": "4071"})
    await world.client.post("/v1/passkeys/challenges", headers=bearer(account))
    await world.scan(account, code)
    number = await account_id(world, account)

    await leave(world, account, **{"Scanback-Pin": "4071"})

    left = await owner.call(
        text("""
        SELECT (SELECT count(*) FROM devices) AS devices, (SELECT count(*) FROM passkeys) AS passkeys,
            (SELECT count(*) FROM challenges) AS challenges, (SELECT count(*) FROM scans) AS scans,
            (SELECT count(*) FROM day_caps) AS caps""")
    )
    assert left == (0, 0, 0, 0, 0)
    row = await owner.call(text("SELECT * FROM accounts"))
    known = {name: value for name, value in row._asdict().items() if value not in (None, 0)}
    assert sorted(known) == ["closed_at", "created_at", "id"]
    assert known["id"] == number


async def test_promo_codes_of_erased_account_are_closed(world: World, owner: Database):
    account, shop = await world.account(), await shopping_at(world)
    await shop.offer()
    body = {"programme_id": shop.programme.id, "wish": "IVAN7", "runs": ["Masha's fridge"], "nickname": "Ivan"}
    path = f"/v1/promo-codes/{uuid.uuid4()}"
    await world.client.put(path, json=body, headers=bearer(account))
    before = await shop.quote("IVAN7")

    await leave(world, account)

    after = await shop.quote("IVAN7")
    assert [len(answer["applied"]) for answer in (before, after)] == [1, 0]
    left = await owner.call(
        text("""
        SELECT nickname, array_agg(r.name) AS names, closed_at IS NOT NULL AS closed
        FROM promo_codes c JOIN promo_runs r ON r.code_id = c.id GROUP BY 1, 3""")
    )
    assert tuple(left) == (None, ["", ""], True)
    jobs = await owner.rows(text("SELECT task_name FROM procrastinate_jobs"))
    assert [job.task_name for job in jobs] == ["cards.remove_cards"]


async def test_erasure_keeps_movements_and_books_breakage(world: World, owner: Database):
    account = await world.account()
    number, made = await account_id(world, account), await programme(world)
    await earn(world, number, made, 700)
    await earn(world, number, made, 55, waits_days=14)

    await leave(world, account)

    purse = await wallet(world, number, made)
    assert (purse.available, purse.pending, purse.held, purse.due_on) == (0, 0, 0, None)
    rows = await owner.rows(text("SELECT kind, from_place, to_place, amount FROM movements ORDER BY id"))
    assert [tuple(row) for row in rows] == [(1, 1, 3, 700), (1, 1, 2, 55), (2, 2, 3, 55), (6, 3, 5, 700), (6, 3, 5, 55)]


async def test_debt_of_erased_account_becomes_a_loss(world: World, owner: Database):
    account = await world.account()
    number, made = await account_id(world, account), await programme(world)
    await earn(world, number, made, 100)
    purse = WalletKey(number, made.id, the_day())
    async with world.db.begin() as session:
        (serial,) = await session.execute(text("SELECT cause_id FROM accruals"))
        await ledger.hold(session, purse, 80, Cause(9, 1))
        await ledger.settle(session, purse, 80, Cause(9, 1))
        await ledger.claw_back(session, purse, 100, Cause(PACKAGE, serial.cause_id), Cause(9, 2))

    await leave(world, account)

    left = await wallet(world, number, made)
    assert (left.available, left.floor) == (0, 0)
    loss = await owner.call(text("SELECT amount, from_place, to_place FROM movements WHERE kind = 8"))
    assert tuple(loss) == (80, 7, 3)


async def test_open_order_prevents_erasure(world: World):
    account = await world.account()
    number, made = await account_id(world, account), await programme(world)
    await earn(world, number, made, 100)
    async with world.db.begin() as session:
        await ledger.hold(session, WalletKey(number, made.id, the_day()), 30, Cause(9, 1))

    response = await leave(world, account)

    assert (response.status_code, response.json()["code"]) == (409, "order_open")
    assert (await world.home(account))["wallets"][0]["available"] == 70


async def test_codes_of_erased_account_stay_claimed(world: World):
    (code, *_) = await world.codes()
    account, finder = await world.account(), await world.account()
    await world.scan(account, code)
    await leave(world, account)

    answer = (await world.scan(finder, code)).json()

    assert (answer["status"], answer["reason"]) == ("refused", "already_claimed")


async def test_scan_concurrent_with_erasure_earns_nothing(world: World):
    codes = await world.codes(32)
    account = await world.account()
    number = await account_id(world, account)

    answers = await asyncio.gather(
        *(world.scan(account, code, uuid.uuid4()) for code in codes[:16]),
        leave(world, account),
        *(world.scan(account, code, uuid.uuid4()) for code in codes[16:]),
    )

    assert {answer.status_code for answer in answers} <= {200, 204, 401}
    assert answers[16].status_code == 204
    row = await world.db.call(
        text("""
        SELECT (SELECT coalesce(sum(available + pending), 0) FROM wallets WHERE owner_id = :number) AS left,
            (SELECT count(*) FROM scans WHERE account_id = :number) AS scans"""),
        number=number,
    )
    assert (row.left, row.scans) == (0, 0)


async def test_credentials_created_during_erasure_are_deleted(world: World, owner: Database):
    for _ in range(10):
        account = await world.account()
        credentials = [Authenticator().create(await offer_new(world, account)) for _ in range(3)]

        await asyncio.gather(
            *(send_new(world, account, credential) for credential in credentials),
            world.client.put("/v1/me/pin", json={"pin": "4071"}, headers=bearer(account)),
            leave(world, account),
            world.client.post("/v1/sessions", json={"recovery_code": account.recovery_code}),
        )
        await end_hold(world.db)
        await leave(world, account, **{"Scanback-Pin": "4071"})

    left = await owner.call(
        text("""
        SELECT (SELECT count(*) FROM passkeys p JOIN accounts a ON a.id = p.account_id WHERE a.closed_at IS NOT NULL)
                AS passkeys,
            (SELECT count(*) FROM devices d JOIN accounts a ON a.id = d.account_id WHERE a.closed_at IS NOT NULL)
                AS devices,
            (SELECT count(*) FROM accounts WHERE closed_at IS NOT NULL AND pin_hash IS NOT NULL) AS pins""")
    )
    assert tuple(left) == (0, 0, 0)


async def test_concurrent_erasures_are_one(world: World, owner: Database):
    (code, *_) = await world.codes()
    account = await world.account()
    await world.scan(account, code)

    answers = await asyncio.gather(*(leave(world, account) for _ in range(16)))

    assert {answer.status_code for answer in answers} <= {204, 401}
    row = await owner.call(text("SELECT count(*) AS n FROM events WHERE kind = 'account.closed'"))
    assert row.n == 1


async def test_erasure_does_not_affect_others(world: World):
    codes = await world.codes(2)
    account, other = await world.account(), await world.account()
    await world.scan(account, codes[0])
    await world.scan(other, codes[1])
    await leave(world, account)

    assert (await world.home(other))["wallets"][0]["available"] == 100
