"""Settlement of a verified receipt in one transaction: its claim, what fraud rules find, and the payment of its lines.

Order of locks: the account -> the receipt -> the claim's key -> reviews -> units -> wallets -> budgets.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.earning import fraud_rules
from backend.earning.fraud_rules import FoundSignal
from backend.earning.receipts.awards.payment_steps import execute_priced
from backend.earning.receipts.awards.pricing import SettlementLine
from backend.earning.receipts.awards.signals import SignalLimits, insert_signals, open_review, receipt_counts
from backend.earning.receipts.models import Freeze

CLAIM = text("SELECT receipts_claim(:receipt, CAST(:claim AS jsonb))")
PAY = text("SELECT receipts_pay_lines(:receipt, CAST(:lines AS jsonb), CAST(:held AS bigint[]), :decide_by)")


class ClaimFields(msgspec.Struct, frozen=True):
    """What a claim stores of a receipt, as `receipts_claim` reads it. `is_quick`: sent at once after the sale."""

    seller_inn: str | None
    till: str
    region: str | None
    bought_at: datetime
    number: int
    is_quick: bool = msgspec.field(name="quick")


class Settlement(msgspec.Struct, frozen=True):
    """A verified receipt with its priced lines, and the signals that were found before the transaction."""

    receipt_id: int
    claim: ClaimFields
    lines: Sequence[SettlementLine]
    signals: Sequence[FoundSignal]
    limits: SignalLimits
    decide_by: datetime


async def settle(session: AsyncSession, settlement: Settlement) -> None:
    """Claim a receipt for its sender, once in the world; its lines are paid or go to review. Idempotent.

    Raises:
        PricesOutdated: the rules or a budget changed.
    """
    claim = {"receipt": settlement.receipt_id, "claim": _to_json(settlement.claim)}
    account_id: int | None = await session.scalar(CLAIM, claim)
    if account_id is None:
        return
    counts = await receipt_counts(session, settlement.receipt_id)
    thresholds, fields = settlement.limits.thresholds, settlement.claim
    found = fraud_rules.receipt_signals(counts, thresholds, fields.till, is_quick=fields.is_quick)
    held = await _hold_brands(session, account_id, settlement, [*settlement.signals, *found])
    await execute_priced(
        session,
        PAY,
        {
            "receipt": settlement.receipt_id,
            "lines": _to_json(settlement.lines),
            "held": held,
            "decide_by": settlement.decide_by,
        },
    )


async def _hold_brands(
    session: AsyncSession, account_id: int, settlement: Settlement, signals: Sequence[FoundSignal]
) -> list[int]:
    """Store the signals for each brand with lines. Returns the brands that review the lines before they are paid."""
    brands = sorted({line.brand for line in settlement.lines if line.state != "refused"})
    freezes = select(Freeze.brand_id).where(Freeze.account_id == account_id, Freeze.brand_id.in_(brands))
    frozen = {*(await session.scalars(freezes)).all()}
    held = []
    for brand_id in brands:
        shadow = settlement.limits.shadow_for(brand_id)
        points, review_id = fraud_rules.points_of(signals, shadow), None
        if points > 0 or brand_id in frozen:
            held.append(brand_id)
            review_id = await open_review(session, brand_id, account_id, points, settlement.decide_by)
        await insert_signals(session, brand_id, settlement.receipt_id, review_id, signals, shadow)
    return held


def _to_json(value: object) -> str:
    return msgspec.json.encode(value).decode()
