"""Statements of a wallet: its movements from day to day with why they are there, their proof, and what expires soon."""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from itertools import groupby
from typing import Any

from babel.dates import format_date
from sqlalchemy import text

from backend.database import Database
from backend.errors import Invalid
from backend.language import language, money, say
from backend.programmes.explain import Accrued, Versions, explain
from backend.wallets.service import OPEN, WalletUnknown
from backend.wallets.statement_schemas import (
    KINDS,
    PLACES,
    Expiring,
    ExpiringList,
    Period,
    SealPage,
    StatementRow,
    Totals,
    WalletStatement,
)
from backend.wire import cursor
from payouts import seals, tree
from payouts.models import Kind, Place
from payouts.statement import FORMAT, Proof, ProvenRow, SealOut, SealOver

MOST_DAYS, USUAL_DAYS, SOON_DAYS = 366, 30, 30
MOST_ROWS = 20_000  # in one answer; a file of text has no end
MOST_LEAVES = 500_000  # looked through for one proof: half a second of one core

# A period is a stretch of the wallet's movements: all after the last one before its first day, up to the last one
# before the day after its last. So periods that follow one another leave nothing out and have nothing twice, though a
# movement that waited for a lock may have been begun before the one that it follows.
PERIOD = text("""
    SELECT w.id, w.book_id AS programme_id, g.name AS programme, b.name AS brand, g.currency, g.timezone,
        w.due_on <= d.today AS due, d.today, p.since, p.until,
        coalesce(f.wallet_seq, 0) AS after, coalesce(l.wallet_seq, 0) AS upto,
        coalesce(f.pending_after, 0) AS pending_before, coalesce(f.available_after, 0) AS available_before,
        coalesce(f.held_after, 0) AS held_before, coalesce(l.pending_after, 0) AS pending_after,
        coalesce(l.available_after, 0) AS available_after, coalesce(l.held_after, 0) AS held_after
    FROM wallets w JOIN programmes g ON g.id = w.book_id JOIN brands b ON b.id = g.brand_id
    CROSS JOIN LATERAL (SELECT (now() AT TIME ZONE g.timezone)::date AS today) AS d
    CROSS JOIN LATERAL (SELECT coalesce(CAST(:until AS date), d.today) AS until) AS u
    CROSS JOIN LATERAL (SELECT coalesce(CAST(:since AS date), u.until - CAST(:usual AS int)) AS since, u.until) AS p
    LEFT JOIN LATERAL (
        SELECT * FROM movements WHERE wallet_id = w.id AND at < p.since::timestamp AT TIME ZONE g.timezone
        ORDER BY wallet_seq DESC LIMIT 1) AS f ON true
    LEFT JOIN LATERAL (
        SELECT * FROM movements WHERE wallet_id = w.id AND at < (p.until + 1)::timestamp AT TIME ZONE g.timezone
        ORDER BY wallet_seq DESC LIMIT 1) AS l ON true
    WHERE w.id = :wallet AND w.owner_id = :account
""")
# What an order was for stands in tables of the shop window: of them only names are read.
ROWS = text("""
    SELECT m.id, m.wallet_seq, m.kind, m.from_place, m.to_place, m.amount, m.at, m.pending_after, m.available_after,
        m.held_after, a.version_id, a.base, a.gross, a.amount AS accrued, a.matures_on, a.expires_on,
        f.name_ru, f.name_en
    FROM movements m LEFT JOIN accruals a ON m.kind = 1 AND a.cause = m.cause AND a.cause_id = m.cause_id
    LEFT JOIN orders o ON m.cause = 8 AND o.id = m.cause_id LEFT JOIN offers f ON f.id = o.offer_id
    WHERE m.wallet_id = :wallet AND m.wallet_seq > :after AND m.wallet_seq <= :upto
    ORDER BY m.wallet_seq LIMIT :most
""")
PROVEN = text("""
    SELECT m.id, ledger_line(m) AS line, s.upto, s.rows, encode(ledger_salt(m.id, s.secret), 'hex') AS salt
    FROM movements m
    LEFT JOIN LATERAL (SELECT upto, rows, secret FROM seals WHERE upto >= m.id ORDER BY upto LIMIT 1) AS s ON true
    WHERE m.wallet_id = :wallet AND m.wallet_seq > :after AND m.wallet_seq <= :upto ORDER BY m.wallet_seq
""")
SEALS = text("""
    SELECT s.upto, s.previous, s.root, s.hash, s.rows, s.at, s.leaves, own.places
    FROM seals s
    CROSS JOIN LATERAL (SELECT coalesce(max(upto), 0) AS upto FROM seals WHERE upto < s.upto) AS before
    CROSS JOIN LATERAL (
        SELECT array_agg(n - 1 ORDER BY n) AS places FROM (
            SELECT id, row_number() OVER (ORDER BY id) AS n FROM movements WHERE id > before.upto AND id <= s.upto) AS r
        WHERE id = ANY(:ids)) AS own
    WHERE s.upto = ANY(:uptos) ORDER BY s.upto
""")
SOON = text("""
    SELECT expires_on, max(CASE WHEN l.pending THEN matures_on END) AS available_on, sum(remaining)::bigint AS amount
    FROM lots l WHERE wallet_id = :wallet AND remaining > 0 AND expires_on <= :upto
    GROUP BY expires_on ORDER BY expires_on
""")
HELD_UNTIL = text("SELECT spending_held_until FROM accounts WHERE id = :account")


class PeriodInvalid(Invalid):
    """A statement is for at most a year, and begins before it ends."""


class StatementTooLong(Invalid):
    """There are too many movements for one answer. Ask for fewer days, or take it as CSV."""


class ProofTooLong(Invalid):
    """There is too much to prove for one answer. Ask for fewer days."""


async def period(db: Database, account_id: int, wallet_id: int, since: date | None, until: date | None) -> Period:
    """Where a period lies in a wallet, which is brought to today first. Without days it is the last thirty.

    Raises:
        WalletUnknown: it is not the caller's. PeriodInvalid: too long, or it ends before it begins.
    """
    asked = {"account": account_id, "wallet": wallet_id, "since": since, "until": until, "usual": USUAL_DAYS}
    if since and until and not timedelta(0) <= until - since <= timedelta(MOST_DAYS):
        raise PeriodInvalid
    rows = await db.rows(PERIOD, **asked)
    if rows and rows[0].due:
        await db.rows(OPEN, account=account_id, book=rows[0].programme_id, today=rows[0].today)
        rows = await db.rows(PERIOD, **asked)
    if not rows:
        raise WalletUnknown
    if not timedelta(0) <= rows[0].until - rows[0].since <= timedelta(MOST_DAYS):
        raise PeriodInvalid
    return Period.of(rows[0])


def check(asked: Period, most: int = MOST_ROWS) -> None:
    """Let through what fits into one answer.

    Raises:
        StatementTooLong: it does not.
    """
    if asked.upto - asked.after > most:
        raise StatementTooLong


async def statement(db: Database, versions: Versions, asked: Period, *, proven: bool) -> WalletStatement:
    """The whole statement.

    Raises:
        StatementTooLong, ProofTooLong: it does not fit into one answer.
    """
    check(asked)
    items = await rows(db, versions, asked, asked.after, MOST_ROWS)
    return WalletStatement(
        FORMAT, asked.wallet_id, asked.programme_id, asked.programme, asked.brand, asked.currency, asked.timezone,
        asked.since, asked.until, asked.opening, asked.closing, totals(items), items, asked.after,
        await proof(db, asked) if proven else None,
    )  # fmt: skip


async def rows(db: Database, versions: Versions, asked: Period, after: int, most: int) -> list[StatementRow]:
    """The rows of a period after one of its movements, at most so many."""
    found = await db.rows(ROWS, wallet=asked.wallet_id, after=after, upto=asked.upto, most=most)
    known = await versions.load({row.version_id for row in found})
    spoken: dict[tuple[Any, ...], str] = {}

    def why(row: Any) -> str:
        """Rows of the same figures share their sentence: one sentence costs as much as the rest of many rows."""
        key = row[10:] + row[2:5:2]
        if key not in spoken:
            spoken[key] = _why(row, known)
        return spoken[key]

    return [
        StatementRow(
            row.id, row.wallet_seq, KINDS[row.kind], PLACES[row.from_place], PLACES[row.to_place], row.amount, row.at,
            row.pending_after, row.available_after, row.held_after, why(row),
        )
        for row in found
    ]  # fmt: skip


def _why(row: Any, known: Any) -> str:
    if row.version_id is not None:
        accrued = Accrued(row.version_id, row.base, row.gross, row.accrued, row.matures_on, row.expires_on)
        return explain(known[row.version_id], accrued, waits=row.to_place == Place.PENDING).text
    name = row.name_ru if language.get() == "ru" else row.name_en or row.name_ru
    if name:
        return _ordered(row.kind, name)
    return {
        1: say("Earned."),
        2: say("What was pending became available."),
        3: say("Held for an order."),
        4: say("Spent."),
        5: say("The order was not fulfilled: back in your wallet."),
        6: say("Expired unspent."),
        7: say("Taken back: what it was earned for did not stand."),
        8: say("A debt was written off."),
    }[int(row.kind)]


def _ordered(kind: int, name: str) -> str:
    if kind == Kind.HOLD:
        return say("Held for the order “{name}”.", name=name)
    if kind == Kind.SETTLE:
        return say("Spent on “{name}”.", name=name)
    return say("The order “{name}” was not fulfilled: back in your wallet.", name=name)


def totals(items: Iterable[StatementRow], found: Totals | None = None) -> Totals:
    """What the movements of each kind come to, added to what was found before. Changes and returns `found`."""
    found = found or Totals()
    for item in items:
        setattr(found, item.kind, getattr(found, item.kind) + item.amount)
    return found


async def proof(db: Database, asked: Period) -> Proof:
    """The rows as they were hashed, and paths to the roots of their seals.

    Raises:
        ProofTooLong: the seals cover too much.
    """
    found = await db.rows(PROVEN, wallet=asked.wallet_id, after=asked.after, upto=asked.upto)
    under = {row.upto: row.rows for row in found if row.upto}
    if sum(under.values()) > MOST_LEAVES:
        raise ProofTooLong
    over = await db.rows(SEALS, uptos=list(under), ids=[row.id for row in found if row.upto])
    return await asyncio.to_thread(_proof, found, over)


def _proof(found: Sequence[Any], over: Sequence[Any]) -> Proof:
    """Put a proof together from a wallet's rows and the seals over them, both in order."""
    own = {upto: [row for row in some if row.upto] for upto, some in groupby(found, lambda row: row.upto)}
    leaves: dict[int, str] = {}
    made = []
    for seal in over:
        rows = own[seal.upto]
        # A row that stands beyond what was sealed has no leaf; whoever checks will say so.
        places = [place for place in seal.places or () if place < seal.rows]
        for row, place in zip(rows, places, strict=False):
            leaves[row.id] = seal.leaves[place * tree.WIDE : (place + 1) * tree.WIDE].hex()
        path = [part.hex() for part in tree.path(seal.leaves, places)]
        parts = _parts(seal)
        made.append(SealOver(**parts, first=rows[0].id, last=rows[-1].id, places=places, path=path))
    return Proof([ProvenRow(row.line, row.salt or "", leaves.get(row.id, "")) for row in found], made)


def _parts(seal: Any) -> dict[str, Any]:
    hashes = {name: getattr(seal, name).hex() for name in ("previous", "root", "hash")}
    return {"upto": seal.upto, "rows": seal.rows, "at": seal.at, **hashes}


async def seal_page(db: Database, after: int | None, most: int) -> SealPage:
    """Seals after a place in their order."""
    found = await db.rows(seals.PAGE, after=after or 0, most=most + 1)
    items = [SealOut(**_parts(seal)) for seal in found[:most]]
    return SealPage(items, cursor(items[-1].upto) if len(found) > most else None)


async def expiring(db: Database, account_id: int, wallet_id: int) -> ExpiringList:
    """What expires within thirty days, and what has to be spent to keep it.

    Raises:
        WalletUnknown: it is not the caller's.
    """
    asked = await period(db, account_id, wallet_id, None, None)
    found = await db.rows(SOON, wallet=wallet_id, upto=asked.until + timedelta(SOON_DAYS))
    held = (await db.call(HELD_UNTIL, account=account_id)).spending_held_until
    items, spend = [], 0
    for row in found:
        spend += row.amount
        last = row.expires_on - timedelta(1)
        # Whoever came back on a new device may not spend for a day.
        can = held is None or held.date() <= last
        said = _to_keep(spend, row, last, asked.currency, can=can)
        items.append(Expiring(row.expires_on, last, row.amount, spend, said, row.available_on, can))
    return ExpiringList(wallet_id, asked.currency, spend, items)


def _to_keep(spend: int, row: Any, last: date, currency: str, *, can: bool) -> str:
    day = format_date(last, "long", language.get())
    amount = money(row.amount, currency)
    if not can:
        return say(
            "{amount} expires after {day}, before you may spend again. Nothing keeps it.", amount=amount, day=day
        )
    said = "Spend {spend} by {day}, or {amount} expires. Nothing else keeps it."
    return say(said, spend=money(spend, currency), day=day, amount=amount)
