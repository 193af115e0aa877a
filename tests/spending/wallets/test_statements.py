"""Statements over HTTP: rows, totals and texts in three formats, for the owner only."""

import csv
import io
import re
from datetime import date, timedelta

import pypdfium2
import pytest
from sqlalchemy import text

from payouts import ledger
from payouts.ledger import Cause, WalletKey
from tests.make import World, bearer
from tests.spending.wallets.earnings import account_id, earn, programme, the_day, wallet

LIVED = timedelta(days=400)


class Agent:
    """An agent with a wallet, and requests about it."""

    def __init__(self, world, account, owner, made):
        self.world, self.account, self.owner, self.made = world, account, owner, made

    async def do(self, operation, *args, today: date | None = None, **values):
        async with self.world.db.begin() as session:
            await operation(session, WalletKey(self.owner, self.made.id, today or the_day()), *args, **values)

    async def path(self, what: str = "statement") -> str:
        return f"/v1/wallets/{(await wallet(self.world, self.owner, self.made)).id}/{what}"

    async def get(self, what: str = "statement", headers: dict | None = None, **query):
        headers = bearer(self.account) | (headers or {})
        return await self.world.client.get(await self.path(what), params=query, headers=headers)

    async def statement(self, **query) -> dict:
        response = await self.get(**query)
        assert response.status_code == 200, response.text
        return response.json()


async def agent_of(world: World, **fields) -> Agent:
    account = await world.account()
    return Agent(world, account, await account_id(world, account), await programme(world, **fields))


@pytest.fixture
async def agent(world: World) -> Agent:
    """Earned 100 and 50 pending; 30 held, 20 spent, 10 released."""
    made = await agent_of(world, currency="RUB")
    await earn(world, made.owner, made.made, 100)
    await earn(world, made.owner, made.made, 50, waits_days=3)
    await made.do(ledger.hold, 30, Cause(8, 10**6))
    await made.do(ledger.settle, 20, Cause(8, 10**6))
    await made.do(ledger.release, 10, Cause(8, 10**6))
    return made


async def back_dated(owner, wallet_id: int, seq: int, days: int) -> None:
    """Move the first movements of a wallet `days` into the past."""
    async with owner.begin() as session:
        await session.execute(text("SET LOCAL session_replication_role = replica"))
        await session.execute(
            text(
                "UPDATE movements SET at = at - :days * interval '1 day' "
                "WHERE wallet_id = :wallet AND wallet_seq <= :seq"
            ),
            {"days": days, "wallet": wallet_id, "seq": seq},
        )


async def test_statement_lists_movements_with_texts_and_totals(agent: Agent):
    statement = await agent.statement()

    assert [row["kind"] for row in statement["items"]] == ["earn", "earn", "hold", "settle", "release"]
    assert statement["opening"] == {}
    assert statement["closing"] == {"pending": 50, "available": 80}
    assert statement["totals"] == {"earn": 150, "hold": 30, "settle": 20, "release": 10}
    assert statement["items"][0]["text"].startswith("Autumn")
    assert "available from" in statement["items"][1]["text"]
    assert statement["items"][2]["text"] == "Held for an order."
    assert (statement["from"], statement["to"]) == (str(the_day() - timedelta(30)), str(the_day()))


async def test_consecutive_periods_leave_nothing_out(agent: Agent, owner):
    number = (await wallet(agent.world, agent.owner, agent.made)).id
    await back_dated(owner, number, 2, 10)
    day = the_day() - timedelta(10)

    first = await agent.statement(**{"from": str(day - timedelta(5)), "to": str(day)})
    second = await agent.statement(**{"from": str(day + timedelta(1)), "to": str(the_day())})

    assert [row["seq"] for row in first["items"]] == [1, 2]
    assert [row["seq"] for row in second["items"]] == [3, 4, 5]
    assert first["closing"] == second["opening"] == {"pending": 50, "available": 100}
    assert second["movements_before"] == 2


async def test_movement_delayed_over_midnight_is_in_one_period(agent: Agent, owner):
    number = (await wallet(agent.world, agent.owner, agent.made)).id
    await back_dated(owner, number, 5, 2)
    await back_dated(owner, number, 4, 0)
    async with owner.begin() as session:
        await session.execute(text("SET LOCAL session_replication_role = replica"))
        await session.execute(text("UPDATE movements SET at = at + interval '1 day' WHERE wallet_seq = 3"))
    day = the_day() - timedelta(2)

    first = await agent.statement(**{"from": str(day), "to": str(day)})
    second = await agent.statement(**{"from": str(day + timedelta(1)), "to": str(the_day())})

    assert [row["seq"] for row in first["items"]] == [1, 2, 3, 4, 5]
    assert second["items"] == []


async def test_days_are_in_programme_time_zone(world: World, owner):
    agent = await agent_of(world, timezone="Asia/Vladivostok")
    await earn(world, agent.owner, agent.made, 100)
    async with owner.begin() as session:
        await session.execute(text("SET LOCAL session_replication_role = replica"))
        await session.execute(text("UPDATE movements SET at = '2026-06-01T14:30:00Z'"))  # 00:30 on the second in Moscow

    before = await agent.statement(**{"from": "2026-06-01", "to": "2026-06-01"})
    statement = await agent.statement(**{"from": "2026-06-02", "to": "2026-06-02"})

    assert (len(before["items"]), len(statement["items"])) == (0, 1)


async def test_empty_period_has_equal_balances(agent: Agent):
    tomorrow = the_day() + timedelta(1)

    statement = await agent.statement(**{"from": str(tomorrow), "to": str(tomorrow)})

    assert statement["items"] == []
    assert statement["opening"] == statement["closing"] == {"pending": 50, "available": 80}


async def test_statement_includes_lots_due_today(agent: Agent):
    async with agent.world.db.begin() as session:
        await session.execute(text("UPDATE lots SET matures_on = current_date - 2 WHERE pending"))
        await session.execute(text("UPDATE wallets SET due_on = current_date - 2"))

    statement = await agent.statement()

    assert statement["items"][-1]["kind"] == "mature"
    assert statement["items"][-1]["text"] == "What was pending became available."
    assert statement["closing"] == {"available": 130}


async def test_texts_are_in_caller_language(agent: Agent):
    response = await agent.get(headers={"Accept-Language": "ru"})

    assert response.json()["items"][0]["text"].startswith("Осень")


async def test_unchanged_statement_gets_304(agent: Agent):
    for query in ({}, {"format": "csv"}, {"format": "pdf"}, {"proof": "true"}):
        first = await agent.get(**query)
        again = await agent.get(headers={"If-None-Match": first.headers["etag"]}, **query)
        assert (first.status_code, again.status_code, again.content) == (200, 304, b"")
    await earn(agent.world, agent.owner, agent.made, 1)

    for query in ({}, {"format": "csv"}):
        changed = await agent.get(headers={"If-None-Match": first.headers["etag"]}, **query)
        assert changed.status_code == 200


async def test_statement_of_another_account_is_not_found(agent: Agent):
    other = await agent.world.account()

    for what in ("statement", "statement?format=csv", "statement?format=pdf", "statement?proof=true", "expiring"):
        theirs = await agent.world.client.get(await agent.path(what), headers=bearer(other))
        assert (theirs.status_code, theirs.json()["code"]) == (404, "wallet_unknown")


@pytest.mark.parametrize(
    "query",
    [
        {"from": "2026-02-01", "to": "2026-01-31"},
        {"from": "2025-01-01", "to": "2026-01-03"},
        {"from": "2020-01-01"},
        {"from": "9999-12-31"},
        {"from": "0001-01-01", "to": "9999-12-31"},
    ],
)
async def test_invalid_or_too_long_period_is_refused(agent: Agent, query: dict):
    response = await agent.get(**query)

    assert (response.status_code, response.json()["code"]) == (422, "period_invalid")


@pytest.mark.parametrize("query", [{"from": "yesterday"}, {"format": "xml"}, {"since": "2026-01-01"}])
async def test_invalid_parameters_are_refused(agent: Agent, query: dict):
    assert (await agent.get(**query)).status_code == 400


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
async def test_calendar_limits_are_valid_days(agent: Agent, day: str):
    assert (await agent.statement(**{"from": day, "to": day}))["items"] == []


@pytest.mark.parametrize(("query", "accept"), [({"format": "csv"}, "*/*"), ({}, "text/csv")])
async def test_csv_has_balances_rows_and_totals(agent: Agent, query: dict, accept: str):
    response = await agent.get(headers={"Accept": accept}, **query)

    rows = list(csv.reader(io.StringIO(response.content.decode("utf-8-sig"))))
    assert response.headers["content-type"].startswith("text/csv")
    assert rows[0] == ["Date and time", "No", "What", "Why", "Amount", "Available", "Pending", "Held"]
    assert rows[1][2:] == ["At the beginning", "", "", "0.00", "0.00", "0.00"]
    assert [row[4] for row in rows[2:7]] == ["1.00", "0.50", "0.30", "0.20", "0.10"]
    assert rows[7][2:] == ["At the end", "", "", "0.80", "0.50", "0.00"]
    assert [row[2:5] for row in rows[8:]] == [
        ["Total", "earned", "1.50"],
        ["Total", "held", "0.30"],
        ["Total", "spent", "0.20"],
        ["Total", "returned", "0.10"],
    ]


async def test_csv_continues_over_pages(agent: Agent, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("backend.spending.wallets.statements.files.PAGE_ROWS", 2)

    response = await agent.get(format="csv")

    numbers = [row[1] for row in csv.reader(io.StringIO(response.text)) if row[1].isdecimal()]
    assert len(numbers) == len(set(numbers)) == 5


async def test_pdf_is_returned(agent: Agent):
    for response in (await agent.get(format="pdf"), await agent.get(headers={"Accept": "application/pdf"})):
        assert response.headers["content-type"] == "application/pdf"
        assert response.content.startswith(b"%PDF")


async def test_russian_pdf_uses_russian_formats(agent: Agent):
    response = await agent.get(format="pdf", headers={"Accept-Language": "ru"})

    shown = pypdfium2.PdfDocument(response.content)[0].get_textpage().get_text_bounded()
    days = re.search(r"Период\s+(.+) \(Europe", shown)
    assert days is not None
    assert re.fullmatch(r"\d+ \w+ \d{4}[ \xa0]г\. – \d+ \w+ \d{4}[ \xa0]г\.", days[1])
    assert re.search(r"\d,\d\d", shown)
    assert not re.search(r"\d\.\d\d\b", shown)


async def test_statement_too_long_for_json_is_available_as_csv(agent: Agent, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("backend.spending.wallets.statements.files.MAX_PDF_ROWS", 4)
    monkeypatch.setattr("backend.spending.wallets.statements.service.check_length.__defaults__", (4,))

    refused = [await agent.get(), await agent.get(format="pdf")]

    assert [answer.json()["code"] for answer in refused] == ["statement_too_long"] * 2
    assert (await agent.get(format="csv")).status_code == 200


async def lot(agent: Agent, amount: int, lives: int, waits: int = 0) -> None:
    matures_on = the_day() + timedelta(waits)
    number = (await agent.world.db.call(text("SELECT coalesce(max(id), 0) + 10000 AS n FROM movements"))).n
    await agent.do(
        ledger.earn, amount, Cause(4, number), matures_on=matures_on, expires_on=the_day() + timedelta(lives)
    )


async def test_expiring_lots_show_amount_to_spend(agent: Agent):
    await lot(agent, 1000, 5)
    await lot(agent, 500, 30)
    await lot(agent, 700, 31)

    statement = (await agent.get("expiring")).json()

    assert [(row["amount"], row["spend"]) for row in statement["items"]] == [(1000, 1000), (500, 1500)]
    assert statement["total"] == 1500
    assert statement["items"][0]["last_day"] == str(the_day() + timedelta(4))
    assert "Nothing else keeps it." in statement["items"][0]["text"]


async def test_spending_shown_amount_prevents_expiry(agent: Agent):
    await lot(agent, 1000, 5)
    await agent.do(ledger.hold, 1000, Cause(8, 10**7))

    assert (await agent.get("expiring")).json()["items"] == []


async def test_expiring_lot_that_cannot_be_spent_is_marked(agent: Agent):
    await lot(agent, 1000, 1)
    async with agent.world.db.begin() as session:
        await session.execute(text("UPDATE accounts SET spending_held_until = now() + interval '2 days'"))

    (row,) = (await agent.get("expiring")).json()["items"]

    assert row["can_be_kept"] is False
    assert row["text"].endswith("Nothing keeps it.")
