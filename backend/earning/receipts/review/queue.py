"""Queries of the review queue: its pages, an item with its details, and the figures of each rule."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.http.pagination import CursorInvalid, split_page, text_from_cursor
from backend.earning.receipts.awards.review_awards import RepricedLine
from backend.earning.receipts.review.review_decisions import ReviewUnknown
from backend.earning.receipts.review.schemas import (
    FraudRuleFigures,
    FraudRuleFiguresList,
    LinkedAgent,
    ReviewItem,
    ReviewLine,
    ReviewOut,
    ReviewReceipt,
    ReviewSignalOut,
    ReviewStepOut,
)
from backend.identity.brands.authentication import Member

ITEM = """
    SELECT v.id, a.card_number, v.points, v.opened_at, v.decide_by, v.decided_at, v.decision, v.account_id,
        (v.decided_at IS NULL)::int AS open, CASE WHEN v.decided_at IS NULL THEN v.points ELSE 0 END AS rank,
        (SELECT count(*) FROM receipts r JOIN receipt_lines l ON l.receipt_id = r.id
            WHERE r.account_id = v.account_id AND l.brand_id = v.brand_id AND l.state = 'review'
                AND l.reason = 'checked' AND v.decided_at IS NULL) AS waiting,
        EXISTS (SELECT FROM freezes f WHERE f.brand_id = v.brand_id AND f.account_id = v.account_id) AS frozen
    FROM reviews v JOIN accounts a ON a.id = v.account_id WHERE v.brand_id = :brand
"""
PAGE = text(f"""
    SELECT * FROM ({ITEM}) AS x
    WHERE (open, rank, id) < (:open, :rank, :id) AND (CAST(:only AS int) IS NULL OR open = :only)
    ORDER BY open DESC, rank DESC, id DESC LIMIT :limit
""")  # noqa: S608 - constants
REVIEW = text(f"{ITEM} AND v.id = :review")
FINDINGS = text("""
    SELECT rule, version, shadow, points, inputs, receipt_id, at FROM receipt_signals
    WHERE review_id = :review AND brand_id = :brand ORDER BY id
""")
STEPS = text("""
    SELECT s.action, s.rule, s.note, s.amount, m.email, s.final, s.at
    FROM review_steps s JOIN staff m ON m.id = s.staff_id
    WHERE s.review_id = :review AND s.brand_id = :brand ORDER BY s.id
""")
RECEIPTS = text("""
    SELECT r.id, r.sent_at, c.bought_at, d.document ->> 'seller' AS shop, r.photo IS NOT NULL AS has_photo, r.answer
    FROM receipts r JOIN receipt_claims c ON c.receipt_id = r.id
    LEFT JOIN receipt_documents d ON d.country = c.country AND d.identity = c.identity
    JOIN (SELECT l.receipt_id, bool_or(l.state = 'review') AS waits FROM receipt_lines l
        JOIN receipts o ON o.id = l.receipt_id WHERE o.account_id = :account AND l.brand_id = :brand
        GROUP BY l.receipt_id) AS l ON l.receipt_id = r.id
    WHERE r.account_id = :account ORDER BY l.waits DESC, r.id DESC LIMIT 500
""")
LINES = text("""
    SELECT id, receipt_id, name, quantity, sum, state, reason, amount - returned AS amount FROM receipt_lines
    WHERE receipt_id = ANY(:receipts) AND brand_id = :brand ORDER BY receipt_id, n
""")
LINKED = text("""
    SELECT a.card_number, c.till, count(DISTINCT c.receipt_id) AS receipts
    FROM receipt_claims c JOIN receipt_lines l ON l.receipt_id = c.receipt_id AND l.brand_id = :brand
    JOIN accounts a ON a.id = c.account_id
    WHERE c.till = ANY(:tills) AND c.account_id <> :account AND c.bought_at > now() - interval '90 days'
    GROUP BY a.id, a.card_number, c.till ORDER BY receipts DESC, a.id LIMIT 20
""")
FIGURES = text("""
    SELECT s.rule, count(*) AS findings, count(*) FILTER (WHERE s.shadow) AS in_shadow,
        count(v.decided_at) AS decided,
        count(*) FILTER (WHERE v.decision = 'release'
            OR v.decision = 'rule_wrong' AND coalesce(p.rule, s.rule) = s.rule) AS overturned,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM v.decided_at - v.opened_at) / 3600) AS hours
    FROM receipt_signals s LEFT JOIN reviews v ON v.id = s.review_id AND v.brand_id = s.brand_id
    LEFT JOIN review_steps p ON p.review_id = v.id AND p.final
    WHERE s.brand_id = :brand GROUP BY s.rule ORDER BY s.rule
""")
MAX_RECEIPTS = 100
CURSOR = re.compile(r"([01])\.([0-9]{1,9})\.([0-9]{1,18})")
FIRST_POSITION = (2, 0, 0)


async def review_page(
    session: AsyncSession, member: Member, state: str | None, after: str | None, limit: int
) -> tuple[list[ReviewItem], str | None]:
    """A page of the queue and the next cursor: open items first, those with the most points before the others.

    Raises:
        CursorInvalid: the cursor is not one of ours.
    """
    opened, rank, number = _position(after)
    only = {"open": 1, "decided": 0}.get(state or "")
    values = {"brand": member.brand_id, "open": opened, "rank": rank, "id": number, "only": only, "limit": limit + 1}
    rows = (await session.execute(PAGE, values)).all()
    page, following = split_page(rows, limit, lambda row: f"{row.open}.{row.rank}.{row.id}")
    return [_item(row) for row in page], following


def _position(after: str | None) -> tuple[int, int, int]:
    position = text_from_cursor(after)
    if position is None:
        return FIRST_POSITION
    match = CURSOR.fullmatch(position)
    if match is None:
        raise CursorInvalid
    opened, rank, number = map(int, match.groups())
    return opened, rank, number


def _item(row: Any) -> ReviewItem:
    return ReviewItem(
        row.id,
        row.card_number,
        "open" if row.open else "decided",
        row.points,
        row.opened_at,
        row.decide_by,
        row.waiting,
        frozen=row.frozen,
        decision=row.decision,
        decided_at=row.decided_at,
    )


async def review_details(
    session: AsyncSession, member: Member, review: int, priced: Sequence[RepricedLine], above: int
) -> ReviewOut:
    """An item with its details. `above`: minor units beyond which a release needs two people.

    Raises:
        ReviewUnknown: the brand has no item with this number.
    """
    values = {"brand": member.brand_id, "review": review}
    row = (await session.execute(REVIEW, values)).one_or_none()
    if row is None:
        raise ReviewUnknown
    findings = (await session.execute(FINDINGS, values)).all()
    steps = (await session.execute(STEPS, values)).all()
    would_pay = sum(line.worth for line in priced)
    return ReviewOut(
        _item(row),
        [ReviewSignalOut(f.rule, f.version, f.shadow, f.points, f.inputs, f.receipt_id, f.at) for f in findings],
        await _review_receipts(session, member, row.account_id, {line.line: line.worth for line in priced}),
        await _linked_accounts(session, member, row.account_id, findings),
        [ReviewStepOut(s.action, s.rule, s.note, s.amount, s.email, s.final, s.at) for s in steps],
        would_pay,
        second_person=would_pay > above,
    )


async def _review_receipts(
    session: AsyncSession, member: Member, account: int, gross: Mapping[int, int]
) -> list[ReviewReceipt]:
    rows = (await session.execute(RECEIPTS, {"brand": member.brand_id, "account": account})).all()
    waits = {"brand": member.brand_id, "receipts": [row.id for row in rows]}
    lines: dict[int, list[ReviewLine]] = {row.id: [] for row in rows}
    for line in (await session.execute(LINES, waits)).all():
        lines[line.receipt_id].append(_review_line(line, gross))
    shown = [
        row for n, row in enumerate(rows) if n < MAX_RECEIPTS or any(line.state == "review" for line in lines[row.id])
    ]
    return [
        ReviewReceipt(row.id, row.sent_at, row.bought_at, row.shop or "", row.has_photo, row.answer, lines[row.id])
        for row in sorted(shown, key=lambda row: -row.id)
    ]


def _review_line(row: Any, gross: Mapping[int, int]) -> ReviewLine:
    return ReviewLine(
        row.id, row.name, row.quantity.normalize(), row.sum, row.state, row.reason, row.amount, gross.get(row.id)
    )


async def _linked_accounts(
    session: AsyncSession, member: Member, account: int, findings: Sequence[Any]
) -> list[LinkedAgent]:
    tills = sorted({str(row.inputs["till"]) for row in findings if "till" in row.inputs})
    values = {"brand": member.brand_id, "tills": tills, "account": account}
    rows = (await session.execute(LINKED, values)).all() if tills else []
    return [LinkedAgent(row.card_number, row.till, row.receipts) for row in rows]


async def rule_figures(session: AsyncSession, member: Member) -> FraudRuleFiguresList:
    """The figures of each rule: findings, decisions, the share that reviewers overturned, and the median time."""
    rows = (await session.execute(FIGURES, {"brand": member.brand_id})).all()
    return FraudRuleFiguresList(
        [
            FraudRuleFigures(
                row.rule,
                row.findings,
                row.in_shadow,
                row.decided,
                round(row.overturned / row.decided, 4) if row.decided else None,
                None if row.hours is None else round(float(row.hours), 2),
            )
            for row in rows
        ]
    )
