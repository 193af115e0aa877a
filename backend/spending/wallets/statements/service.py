"""Statements of a wallet: movements of a period with their texts and proof, and lots that expire soon."""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from itertools import groupby
from typing import Any

from babel.dates import format_date
from sqlalchemy import text

from backend.core.db.database import Database
from backend.core.http.errors import Invalid
from backend.core.http.pagination import encode_cursor
from backend.core.language import language, money, translate
from backend.programmes.rules.explanation import RuleVersionCache
from backend.spending.wallets.movement_texts import movement_text
from backend.spending.wallets.service import OPEN_WALLET, WalletNotFound
from backend.spending.wallets.statements.schemas import (
    KINDS,
    PLACES,
    CheckpointPage,
    ExpiringAmount,
    ExpiringAmountList,
    MovementTotals,
    StatementPeriod,
    WalletStatement,
    WalletStatementRow,
)
from payouts import checkpoints, merkle_tree
from payouts.statement import FORMAT, CheckpointOut, ProofCheckpoint, ProofRow, StatementProof

MAX_DAYS, DEFAULT_DAYS, EXPIRING_DAYS = 366, 30, 30
MAX_ROWS = 20_000  # in one response; a CSV file has no limit
MAX_LEAVES = 500_000  # read for one proof: half a second of one core

# A period is a range of the wallet's movements: all after the last one before its first day, up to the last one before
# the day after its last. So consecutive periods neither skip nor repeat a movement, although a movement that waited for
# a lock may have begun before its predecessor in the chain.
STATEMENT_PERIOD = text("""
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
# Of the tables of rewards only the names of ordered rewards are read.
STATEMENT_ROWS = text("""
    SELECT m.id, m.wallet_seq, m.kind, m.from_place, m.to_place, m.amount, m.at, m.pending_after, m.available_after,
        m.held_after, a.version_id, a.base, a.gross, a.amount AS accrued, a.matures_on, a.expires_on,
        f.name_ru, f.name_en, k.reason AS corrected, m.cause
    FROM movements m LEFT JOIN accruals a ON m.kind = 1 AND a.cause = m.cause AND a.cause_id = m.cause_id
    LEFT JOIN orders o ON m.cause = 8 AND o.id = m.cause_id LEFT JOIN offers f ON f.id = o.offer_id
    LEFT JOIN corrections k ON m.cause = 11 AND k.id = m.cause_id
    WHERE m.wallet_id = :wallet AND m.wallet_seq > :after AND m.wallet_seq <= :upto
    ORDER BY m.wallet_seq LIMIT :most
""")
PROVEN_ROWS = text("""
    SELECT m.id, ledger_line(m) AS line, s.upto, s.rows, encode(ledger_salt(m.id, s.secret), 'hex') AS salt
    FROM movements m
    LEFT JOIN LATERAL (SELECT upto, rows, secret FROM seals WHERE upto >= m.id ORDER BY upto LIMIT 1) AS s ON true
    WHERE m.wallet_id = :wallet AND m.wallet_seq > :after AND m.wallet_seq <= :upto ORDER BY m.wallet_seq
""")
SEALS_OVER_ROWS = text("""
    SELECT s.upto, s.previous, s.root, s.hash, s.rows, s.at, s.leaves, own.places
    FROM seals s
    CROSS JOIN LATERAL (SELECT coalesce(max(upto), 0) AS upto FROM seals WHERE upto < s.upto) AS before
    CROSS JOIN LATERAL (
        SELECT array_agg(n - 1 ORDER BY n) AS places FROM (
            SELECT id, row_number() OVER (ORDER BY id) AS n FROM movements WHERE id > before.upto AND id <= s.upto) AS r
        WHERE id = ANY(:ids)) AS own
    WHERE s.upto = ANY(:uptos) ORDER BY s.upto
""")
EXPIRING_LOTS = text("""
    SELECT expires_on, max(CASE WHEN l.pending THEN matures_on END) AS available_on, sum(remaining)::bigint AS amount
    FROM lots l WHERE wallet_id = :wallet AND remaining > 0 AND expires_on <= :upto
    GROUP BY expires_on ORDER BY expires_on
""")
HELD_UNTIL = text("SELECT spending_held_until FROM accounts WHERE id = :account")


class StatementPeriodInvalid(Invalid):
    """A statement is for at most a year, and begins before it ends."""

    code = "period_invalid"


class StatementTooLong(Invalid):
    """There are too many movements for one answer. Ask for fewer days, or take it as CSV."""

    code = "statement_too_long"


class ProofTooLong(Invalid):
    """There is too much to prove for one answer. Ask for fewer days."""

    code = "proof_too_long"


async def statement_period(
    db: Database, account_id: int, wallet_id: int, since: date | None, until: date | None
) -> StatementPeriod:
    """The range of a period in a wallet, after maturing and expiring due lots. Without days: the last thirty.

    Raises:
        WalletNotFound: the caller has no such wallet. PeriodInvalid: too long, or it ends before it begins.
    """
    parameters = {"account": account_id, "wallet": wallet_id, "since": since, "until": until, "usual": DEFAULT_DAYS}
    if since and until and not timedelta(0) <= until - since <= timedelta(MAX_DAYS):
        raise StatementPeriodInvalid
    rows = await db.rows(STATEMENT_PERIOD, **parameters)
    if rows and rows[0].due:
        await db.rows(OPEN_WALLET, account=account_id, book=rows[0].programme_id, today=rows[0].today)
        rows = await db.rows(STATEMENT_PERIOD, **parameters)
    if not rows:
        raise WalletNotFound
    if not timedelta(0) <= rows[0].until - rows[0].since <= timedelta(MAX_DAYS):
        raise StatementPeriodInvalid
    return StatementPeriod.of(rows[0])


def check_length(period: StatementPeriod, most: int = MAX_ROWS) -> None:
    """Check that a period fits into one response.

    Raises:
        StatementTooLong: it has too many movements.
    """
    if period.upto - period.after > most:
        raise StatementTooLong


async def wallet_statement(
    db: Database, versions: RuleVersionCache, period: StatementPeriod, *, proven: bool
) -> WalletStatement:
    """The complete statement.

    Raises:
        StatementTooLong, ProofTooLong: it does not fit into one response.
    """
    check_length(period)
    items = await statement_rows(db, versions, period, period.after, MAX_ROWS)
    return WalletStatement(
        FORMAT,
        period.wallet_id,
        period.programme_id,
        period.programme,
        period.brand,
        period.currency,
        period.timezone,
        period.since,
        period.until,
        period.opening,
        period.closing,
        movement_totals(items),
        items,
        period.after,
        await ledger_proof(db, period) if proven else None,
    )


async def statement_rows(
    db: Database, versions: RuleVersionCache, period: StatementPeriod, after: int, most: int
) -> list[WalletStatementRow]:
    """A page of the rows of a period after one of its movements."""
    found = await db.rows(STATEMENT_ROWS, wallet=period.wallet_id, after=after, upto=period.upto, most=most)
    known = await versions.load({row.version_id for row in found})
    texts: dict[tuple[Any, ...], str] = {}

    def text_of(row: Any) -> str:
        """Cache texts by their figures: one text costs as much as the rest of many rows."""
        key = row[10:] + row[2:5:2]
        if key not in texts:
            texts[key] = movement_text(row, known)
        return texts[key]

    return [
        WalletStatementRow(
            row.id,
            row.wallet_seq,
            KINDS[row.kind],
            PLACES[row.from_place],
            PLACES[row.to_place],
            row.amount,
            row.at,
            row.pending_after,
            row.available_after,
            row.held_after,
            text_of(row),
        )
        for row in found
    ]


def movement_totals(items: Iterable[WalletStatementRow], totals: MovementTotals | None = None) -> MovementTotals:
    """Totals by kind of movement, added to `totals`. Changes and returns `totals`."""
    totals = totals or MovementTotals()
    for item in items:
        setattr(totals, item.kind, getattr(totals, item.kind) + item.amount)
    return totals


async def ledger_proof(db: Database, period: StatementPeriod) -> StatementProof:
    """The rows in their hashed form, and paths to the roots of their seals.

    Raises:
        ProofTooLong: the seals cover too many rows.
    """
    found = await db.rows(PROVEN_ROWS, wallet=period.wallet_id, after=period.after, upto=period.upto)
    under = {row.upto: row.rows for row in found if row.upto}
    if sum(under.values()) > MAX_LEAVES:
        raise ProofTooLong
    seal_rows = await db.rows(SEALS_OVER_ROWS, uptos=list(under), ids=[row.id for row in found if row.upto])
    return await asyncio.to_thread(_build_proof, found, seal_rows)


def _build_proof(found: Sequence[Any], seal_rows: Sequence[Any]) -> StatementProof:
    """Build a proof from a wallet's rows and the seals over them, both in order."""
    own = {upto: [row for row in some if row.upto] for upto, some in groupby(found, lambda row: row.upto)}
    leaves: dict[int, str] = {}
    over_seals = []
    for seal in seal_rows:
        rows = own[seal.upto]
        # A row beyond the sealed range has no leaf; the verifier reports it.
        places = [place for place in seal.places or () if place < seal.rows]
        for row, place in zip(rows, places, strict=False):
            leaves[row.id] = seal.leaves[place * merkle_tree.HASH_BYTES : (place + 1) * merkle_tree.HASH_BYTES].hex()
        path = [part.hex() for part in merkle_tree.proof_path(seal.leaves, places)]
        parts = _seal_fields(seal)
        over_seals.append(ProofCheckpoint(**parts, first=rows[0].id, last=rows[-1].id, places=places, path=path))
    return StatementProof([ProofRow(row.line, row.salt or "", leaves.get(row.id, "")) for row in found], over_seals)


def _seal_fields(seal: Any) -> dict[str, Any]:
    hashes = {name: getattr(seal, name).hex() for name in ("previous", "root", "hash")}
    return {"upto": seal.upto, "rows": seal.rows, "at": seal.at, **hashes}


async def seal_page(db: Database, after: int | None, most: int) -> CheckpointPage:
    """A page of seals after a position."""
    found = await db.rows(checkpoints.CHECKPOINT_PAGE, after=after or 0, most=most + 1)
    items = [CheckpointOut(**_seal_fields(seal)) for seal in found[:most]]
    return CheckpointPage(items, encode_cursor(items[-1].upto) if len(found) > most else None)


async def expiring_lots(db: Database, account_id: int, wallet_id: int) -> ExpiringAmountList:
    """Lots that expire within thirty days, and the amount to spend to keep them.

    Raises:
        WalletNotFound: the caller has no such wallet.
    """
    period = await statement_period(db, account_id, wallet_id, None, None)
    found = await db.rows(EXPIRING_LOTS, wallet=wallet_id, upto=period.until + timedelta(EXPIRING_DAYS))
    held = (await db.call(HELD_UNTIL, account=account_id)).spending_held_until
    items, spend = [], 0
    for row in found:
        spend += row.amount
        last = row.expires_on - timedelta(1)
        # After signing in on a new device, spending is blocked for a day.
        can_spend = held is None or held.date() <= last
        advice = _spending_advice(spend, row, last, period.currency, can_spend=can_spend)
        items.append(ExpiringAmount(row.expires_on, last, row.amount, spend, advice, row.available_on, can_spend))
    return ExpiringAmountList(wallet_id, period.currency, spend, items)


def _spending_advice(spend: int, row: Any, last: date, currency: str, *, can_spend: bool) -> str:
    day = format_date(last, "long", language.get())
    amount = money(row.amount, currency)
    if not can_spend:
        return translate(
            "{amount} expires after {day}, before you may spend again. Nothing keeps it.", amount=amount, day=day
        )
    return translate(
        "Spend {spend} by {day}, or {amount} expires. Nothing else keeps it.",
        spend=money(spend, currency),
        day=day,
        amount=amount,
    )
