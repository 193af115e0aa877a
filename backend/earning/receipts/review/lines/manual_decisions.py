"""A brand's decision about a receipt that people read, in one transaction.

Order of locks: the account -> the receipt -> the claim's key, and what follows in a settlement.
"""

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.db import events
from backend.core.db.locks import lock_account
from backend.core.http.errors import Conflict
from backend.earning.receipts.awards.line_awards import round_quantity
from backend.earning.receipts.awards.payment_steps import refuse_receipt
from backend.earning.receipts.awards.receipt_claims import Settlement, settle
from backend.earning.receipts.models import Receipt, ReceiptClaim, ReceiptLine, ReceiptPass
from backend.earning.receipts.review.reviewing_brands import is_any_brand_left
from backend.identity.brands.authentication import Member


class ReceiptDecided(Conflict):
    """This receipt has already been decided."""

    code = "receipt_decided"


async def settle_manual_lines(session: AsyncSession, member: Member, settlement: Settlement) -> None:
    """Claim and pay a receipt by the lines that a member of staff read off it. Idempotent: the same lines of the brand
    change nothing.

    Raises:
        ReceiptDecided: it was decided differently. PricesOutdated: the rules or a budget changed.
    """
    receipt = await _lock_receipt(session, settlement.receipt_id)
    if not await _is_undecided(session, receipt):
        if not await _has_lines(session, member, settlement):
            raise ReceiptDecided
        return
    await settle(session, settlement)
    own_lines = ReceiptLine.receipt_id == receipt.id, ReceiptLine.brand_id == member.brand_id
    await session.execute(update(ReceiptLine).where(*own_lines).values(staff_id=member.staff_id))
    _record(session, member, receipt, "receipt.read", lines=len(settlement.lines))


async def pass_receipt(session: AsyncSession, member: Member, receipt_id: int) -> None:
    """None of the goods are the brand's: the receipt leaves its list, and is refused when no brand is left. Idempotent.

    Raises:
        ReceiptDecided: it was decided differently.
    """
    receipt = await _lock_receipt(session, receipt_id)
    if await session.get(ReceiptPass, (member.brand_id, receipt_id)):
        return
    if not await _is_undecided(session, receipt):
        raise ReceiptDecided
    session.add(ReceiptPass(brand_id=member.brand_id, receipt_id=receipt_id, staff_id=member.staff_id))
    _record(session, member, receipt, "receipt.passed")
    await session.flush()
    if not await is_any_brand_left(session, receipt_id):
        await refuse_receipt(session, receipt_id, "rejected")


async def _lock_receipt(session: AsyncSession, receipt_id: int) -> Receipt:
    """A receipt, locked after its account."""
    account = select(Receipt.account_id).where(Receipt.id == receipt_id)
    await lock_account(session, (await session.execute(account)).scalar_one())
    return (await session.scalars(select(Receipt).where(Receipt.id == receipt_id).with_for_update())).one()


async def _is_undecided(session: AsyncSession, receipt: Receipt) -> bool:
    claim = select(ReceiptClaim.receipt_id).where(ReceiptClaim.receipt_id == receipt.id)
    return receipt.state == "review" and await session.scalar(claim) is None


async def _has_lines(session: AsyncSession, member: Member, settlement: Settlement) -> bool:
    """Whether the brand recorded these lines before."""
    query = select(ReceiptLine.product_id, ReceiptLine.quantity, ReceiptLine.sum).where(
        ReceiptLine.receipt_id == settlement.receipt_id,
        ReceiptLine.brand_id == member.brand_id,
        ReceiptLine.how == "manual",
    )
    stored = [tuple(row) for row in await session.execute(query.order_by(ReceiptLine.n))]
    return stored == [(line.product, round_quantity(line.quantity), line.sum) for line in settlement.lines]


def _record(session: AsyncSession, member: Member, receipt: Receipt, kind: str, **body: int) -> None:
    events.record(
        session,
        kind,
        brand_id=member.brand_id,
        account_id=receipt.account_id,
        staff_id=member.staff_id,
        receipt=receipt.id,
        **body,
    )
