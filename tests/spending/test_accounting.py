"""A brand's accounts equal its wallets, lots, orders and payables to the kopeck, after any history."""

import csv
import io
import random
import uuid
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from backend.core.db.database import Database
from backend.programmes.rules.rule import PercentAmount, Promo
from backend.spending.accounting.checks import SPENDING
from payouts import audit
from tests.checkout.till_client import Shopping
from tests.make import Worker, World
from tests.spending.gift_card_till import GiftCardTill
from tests.spending.scenario import SpendingScenario, spending_scenario

MOSCOW = ZoneInfo("Europe/Moscow")
OPEN = "ledger_open(:owner, :book, CAST(:today AS date))"
EARN = text(f"SELECT ledger_earn({OPEN}, :amount, 1, :n, CAST(:today AS date), CAST(:matures AS date), :expires)")
HOLD = text(f"SELECT ledger_hold({OPEN}, :amount, 200, :n)")
SETTLE = text(f"SELECT ledger_settle({OPEN}, :amount, 200, :n, :leg)")
RELEASE = text(f"SELECT ledger_release({OPEN}, :amount, 200, :n, :leg)")
BACK = text(f"SELECT ledger_claw_back({OPEN}, 1, :earned, :amount, 201, :n)")
OFF = text(f"SELECT ledger_write_off({OPEN}, :amount, 202, :n)")
BRING = text(f"SELECT {OPEN}")


def today() -> date:
    return datetime.now(MOSCOW).date()


async def accounts(worker: Worker, first: date | None = None, last: date | None = None):
    answer = await worker.get(
        "/v1/console/accounting", params={"from": str(first or today()), "to": str(last or today())}
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


def rows(answer) -> list[dict[str, str]]:
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))


def place(programme, name: str) -> dict[str, int]:
    return next(row for row in programme["places"] if row["place"] == name)


async def faults(owner: Database) -> list[str]:
    return (await audit.audit_ledger(owner.engine, extra=SPENDING)).faults


@pytest.fixture
async def shop(world: World) -> SpendingScenario:
    return await spending_scenario(world)


@pytest.fixture
async def worker(world: World, shop: SpendingScenario) -> Worker:
    return await world.staff(await world.brand_by_id(shop.programme.brand_id))


class History:
    """Random operations (seeded) of a few wallets in one programme over several days."""

    def __init__(self, session, programme: int, owners: list[int], seed: int) -> None:
        self.session, self.chance = session, random.Random(seed)
        self.programme, self.owners = programme, owners
        self.day, self.n = today() - timedelta(days=400), 0
        self.earned: list[tuple[int, int, int]] = []
        self.holds: list[list[int]] = []

    async def run(self, query, owner: int, **values) -> None:
        given = {"owner": owner, "book": self.programme, "today": self.day} | values
        await self.session.execute(query, given)

    async def wallet(self, owner: int):
        await self.run(BRING, owner)
        find = text("SELECT available FROM wallets WHERE owner_id = :owner AND book_id = :book")
        return (await self.session.execute(find, {"owner": owner, "book": self.programme})).scalar_one()

    async def step(self) -> None:
        self.n += 1
        if self.chance.random() < 0.2:
            self.day += timedelta(days=self.chance.randrange(1, 20))
        await self.chance.choice(
            [self.earn, self.earn, self.hold, self.hold, self.end, self.end, self.back, self.off]
        )()

    async def earn(self) -> None:
        owner, amount = self.chance.choice(self.owners), self.chance.randrange(1, 10_000)
        matures = self.day + timedelta(days=self.chance.choice([0, 0, 14]))
        expires = self.chance.choice([matures + timedelta(days=self.chance.randrange(1, 90)), date(9999, 12, 31)])
        await self.run(EARN, owner, amount=amount, n=self.n, matures=matures, expires=expires)
        self.earned.append((owner, self.n, amount))

    async def hold(self) -> None:
        owner = self.chance.choice(self.owners)
        if (available := await self.wallet(owner)) > 0:
            amount = self.chance.randrange(1, available + 1)
            await self.run(HOLD, owner, amount=amount, n=self.n)
            self.holds.append([owner, self.n, amount, 0])

    async def end(self) -> None:
        if self.holds:
            hold = self.chance.choice(self.holds)
            part = self.chance.choice([hold[2], self.chance.randrange(1, hold[2] + 1)])
            await self.run(self.chance.choice([SETTLE, RELEASE]), hold[0], amount=part, n=hold[1], leg=hold[3])
            hold[2], hold[3] = hold[2] - part, hold[3] + 1
            self.holds = [one for one in self.holds if one[2]]

    async def back(self) -> None:
        if self.earned:
            owner, earned, amount = self.earned.pop(self.chance.randrange(len(self.earned)))
            await self.run(BACK, owner, earned=earned, amount=self.chance.randrange(1, amount + 1), n=self.n)

    async def off(self) -> None:
        owner = self.chance.choice(self.owners)
        if (available := await self.wallet(owner)) < 0:
            await self.run(OFF, owner, amount=self.chance.randrange(1, -available + 1), n=self.n)


@pytest.mark.parametrize("seed", range(6))
async def test_accounts_after_random_history_equal_wallets_and_lots(world, shop, worker, owner, seed):
    owners = [
        (
            await world.db.call(
                text("SELECT id FROM accounts WHERE card_number = :card"), card=(await world.account()).card_number
            )
        ).id
        for _ in range(4)
    ]
    async with world.db.begin() as session:
        history = History(session, shop.programme.id, owners, seed)
        for _ in range(300):
            await history.step()

    (found,) = (await accounts(worker))["programmes"]

    async with world.db.begin() as session:
        wallets = (
            await session.execute(
                text("""
            SELECT sum(pending) AS pending, sum(available) AS available, sum(held) AS held,
                sum(greatest(0, -available)) AS debts FROM wallets""")
            )
        ).one()
        lots = (
            await session.execute(
                text("""
            SELECT coalesce(sum(remaining) FILTER (WHERE pending), 0),
                coalesce(sum(remaining) FILTER (WHERE NOT pending), 0)
            FROM lots""")
            )
        ).one()
        months = (
            await session.execute(
                text("""
            SELECT CASE WHEN expires_on < '9999-12-31' THEN to_char(expires_on, 'YYYY-MM') END,
                sum(remaining) FROM lots GROUP BY 1 HAVING sum(remaining) > 0""")
            )
        ).all()
        kinds = (
            await session.execute(text("SELECT kind, count(*), sum(amount) FROM movements GROUP BY 1 ORDER BY 1"))
        ).all()
    standing = {row["place"]: row["closing"] for row in found["places"]}
    outstanding = found["outstanding"]
    total = {name: sum(row[name] for row in outstanding) for name in ("pending", "available", "held")}
    assert (standing["pending"], standing["available"], standing["held"]) == tuple(wallets[:3])
    assert (total["pending"], total["available"]) == tuple(lots)
    assert total["held"] == wallets.held
    assert found["debts"] == wallets.debts
    assert {
        row.get("month"): row["pending"] + row["available"] for row in outstanding if row["pending"] + row["available"]
    } == dict(map(tuple, months))
    assert [(row["times"], row["amount"]) for row in found["movements"] if row["times"]] == [
        tuple(row[1:]) for row in kinds
    ]
    assert sum(standing.values()) == 0
    assert {row["kind"] for row in found["movements"] if row["times"]} >= {"settled", "released", "expired"}
    assert await faults(owner) == []


async def test_period_opens_with_the_closing_balance(world, shop, worker, owner):
    agent = await shop.agent(5000)
    offer = await shop.offer("instant")
    await shop.order(agent, offer)
    async with owner.begin() as session:
        await session.execute(text("ALTER TABLE movements DISABLE TRIGGER append_only"))
        await session.execute(text("UPDATE movements SET at = at - interval '40 days'"))
        await session.execute(text("ALTER TABLE movements ENABLE TRIGGER append_only"))
    await shop.earn(agent, 700)
    await shop.order(agent, offer)
    split = today() - timedelta(days=10)

    (before,) = (await accounts(worker, split - timedelta(days=60), split))["programmes"]
    (after,) = (await accounts(worker, split + timedelta(days=1)))["programmes"]
    (whole,) = (await accounts(worker, split - timedelta(days=60)))["programmes"]

    for first, second, both in zip(before["places"], after["places"], whole["places"], strict=True):
        assert first["closing"] == second["opening"]
        assert (both["opening"], both["closing"]) == (first["opening"], second["closing"])
        assert both["came"] == first["came"] + second["came"]
    assert (place(before, "available")["closing"], place(after, "available")["closing"]) == (4000, 3700)
    assert [row["available"] for row in before["outstanding"]] == [4000]
    assert [(row["opening"], row["amount"], row["closing"]) for row in after["payables"]] == [(1000, 1000, 2000)]


async def test_payables_by_supplier_are_all_settled_orders(world, shop, worker, owner):
    agent = await shop.agent(10_000)
    stocked = await shop.offer("stock", partner="Toolmarket")
    await shop.stock(stocked, 2)
    for offer in (stocked, stocked, await shop.offer("own"), await shop.offer("instant"), await shop.offer("person")):
        await shop.order(agent, offer)

    (found,) = (await accounts(worker))["programmes"]

    payables = {(row["supplier"], row["partner"]): (row["orders"], row["closing"]) for row in found["payables"]}
    assert payables == {("stock", "Toolmarket"): (2, 2000), ("own", ""): (1, 1000), ("instant", ""): (1, 1000)}
    assert sum(row["closing"] for row in found["payables"]) == place(found, "payable")["closing"] == 4000
    assert place(found, "held")["closing"] == 1000
    assert await faults(owner) == []


async def test_payables_include_shops_and_gift_cards(world, shop, worker):
    store = await world.shop(worker.brand_id)
    till = await world.till(shop=store)
    sales, certificates = (kind(world, shop.programme, store, till) for kind in (Shopping, GiftCardTill))
    code = (await shop.order(await shop.agent(1000), await shop.offer("own"))).json()["code"]
    await certificates.take(code, 400, key="part")
    await certificates.give_back("part", 100)
    await sales.sell(await sales.code(await sales.offer(Promo(PercentAmount(500)))), key="sale")
    await sales.take_back("sale", (1, 1, 10000))

    found = await accounts(worker)

    given = {row["what"]: (row["added"], row["taken"], row["closing"]) for row in found["dues"]}
    assert given == {"certificate": (400, 100, 300), "discount": (667, 500, 167)}
    assert {row["shop"] for row in found["dues"]} == {store.number}
    assert found["certificates"] == {"issued": 1000, "taken": 400, "given": 100, "outstanding": 700, "lapsed": 0}


async def test_accounting_file_equals_the_json(world, shop, worker):
    agent = await shop.agent(5000)
    await shop.order(agent, await shop.offer("person"))
    period = {"from": str(today()), "to": str(today())}

    table = rows(await worker.get("/v1/console/accounting/file.csv", params=period))
    russian = await worker.get("/v1/console/accounting/file.csv", params=period, headers={"Accept-Language": "ru"})

    (found,) = (await accounts(worker))["programmes"]
    places = {row["item"]: row for row in table if row["section"] == "place"}
    assert {name: Decimal(row["closing"]) * 100 for name, row in places.items()} == {
        row["place"]: row["closing"] for row in found["places"]
    }
    held = [row["closing"] for row in table if (row["section"], row["item"]) == ("outstanding", "held")]
    assert held == ["10.00"]
    assert "40,00" in russian.text
    assert russian.text.lstrip("\ufeff").startswith("Раздел;Программа;Валюта;")


@pytest.mark.parametrize(
    ("path", "params", "first"),
    [("accounting/lots.csv", "to", "Программа;Валюта;Номер карты;"), ("tax-register", "year", "Год;Номер карты;")],
)
async def test_accountants_files_have_russian_headers(worker, path, params, first):
    query = {params: today().year if params == "year" else str(today())}

    answer = await worker.get(f"/v1/console/{path}", params=query, headers={"Accept-Language": "ru"})

    assert answer.content.decode("utf-8-sig").startswith(first)


async def test_lots_are_listed_and_add_up(world, shop, worker):
    agents = [await shop.agent(amount) for amount in (100, 250)]
    await shop.agent(0)

    table = rows(await worker.get("/v1/console/accounting/lots.csv", params={"to": str(today())}))
    earlier = rows(await worker.get("/v1/console/accounting/lots.csv", params={"to": str(today() - timedelta(days=1))}))

    assert [(row["card_number"], row["available"], row["expires_on"]) for row in table] == [
        (agents[0].card_number, "1.00", ""),
        (agents[1].card_number, "2.50", ""),
    ]
    assert earlier == []


async def test_yearly_register_has_amounts_above_the_limit(world, shop, worker, number):
    number("order_most_gift", 0)
    agent, other = await shop.agent(10**6), await shop.agent(10**6)
    key = uuid.uuid4()
    gift = await shop.offer("instant", tax="gift", nominal=300_000)
    await shop.order(agent, gift)
    await shop.order(agent, gift, key)
    await shop.order(agent, await shop.offer("instant", tax="discount"))
    await shop.order(other, gift)
    await shop.decide(key, "allow")

    table = rows(await worker.get("/v1/console/tax-register", params={"year": datetime.now(MOSCOW).year}))

    assert [(row["card_number"], row["nature"], row["sum_rub"], row["above_rub"]) for row in table] == [
        (agent.card_number, "discount", "10.00", "0.00"),
        (agent.card_number, "gift", "6000.00", "2000.00"),
        (other.card_number, "gift", "3000.00", "0.00"),
    ]


async def test_accounting_of_another_brand_is_empty(world, shop, worker):
    await shop.order(await shop.agent(5000), await shop.offer("instant", tax="gift"))
    stranger = await world.staff()

    found = await accounts(stranger)
    lots = rows(await stranger.get("/v1/console/accounting/lots.csv", params={"to": str(today())}))
    table = rows(await stranger.get("/v1/console/tax-register", params={"year": today().year}))

    assert (found["programmes"], found["dues"], lots, table) == ([], [], [], [])


@pytest.mark.parametrize(("first", "last"), [(0, -1), (0, 1), (-5, -6)])
async def test_invalid_period_is_refused(worker, first, last):
    params = {"from": str(today() + timedelta(days=first)), "to": str(today() + timedelta(days=last))}

    answer = await worker.get("/v1/console/accounting", params=params)

    assert (answer.status_code, answer.json()["code"]) == (422, "period_invalid")


@pytest.mark.parametrize(
    "forged",
    [
        "UPDATE orders SET price = price + 1",
        "UPDATE orders SET state = 'refused'",
        "UPDATE orders SET state = 'held'",
        "UPDATE yearly_sums SET amount = amount - 1",
        "DELETE FROM yearly_sums",
        "UPDATE wallets SET available = available + 1",
        "UPDATE lots SET remaining = remaining - 1",
    ],
)
async def test_difference_from_the_ledger_is_found(world, shop, owner, forged):
    await shop.order(await shop.agent(5000), await shop.offer("instant"))
    whole = await faults(owner)
    try:
        async with owner.begin() as session:
            await session.execute(text(forged))
        found = await faults(owner)
    finally:
        async with owner.begin() as session:
            await session.execute(text("SET LOCAL session_replication_role = replica"))
            await session.execute(
                text("DELETE FROM lot_uses; DELETE FROM movements; DELETE FROM lots; DELETE FROM wallets;")
            )

    assert whole == []
    assert found
