"""Payment of lines in review as they were priced. The caller holds the account's lock and refreshes the receipts."""

from collections.abc import Sequence

from sqlalchemy import BigInteger, String, Values, cast, column, func, select, update, values
from sqlalchemy.ext.asyncio import AsyncSession

from backend.earning.receipts.awards.clawbacks import claw_back_late
from backend.earning.receipts.awards.payment_steps import award_lines
from backend.earning.receipts.awards.review_awards import RepricedLine
from backend.earning.receipts.models import ReceiptLine
from backend.identity.accounts.models import Account


async def pay_lines(session: AsyncSession, account_id: int, lines: Sequence[RepricedLine], staff_id: int) -> None:
    """Pay lines in review by their awards and refuse those without; all of them if the account is closed.

    Raises:
        PricesOutdated: the rules or a budget changed.
    """
    is_closed = await _is_closed(session, account_id)
    refused = [line for line in lines if is_closed or line.state == "refused"]
    if refused:
        await _refuse(session, refused, staff_id, "account_closed" if is_closed else None)
    if is_closed:
        return
    if payable := [line for line in lines if line.state == "paid"]:
        await award_lines(session, account_id, payable, staff_id)
    for line_id in await _partly_returned(session, lines):
        await claw_back_late(session, line_id)


def line_values(lines: Sequence[RepricedLine]) -> Values:
    """Lines with the product and the reason that an UPDATE joins."""
    columns = column("line", BigInteger), column("product", BigInteger), column("reason", String)
    return values(*columns, name="priced").data([(line.line, line.product, line.reason) for line in lines])


async def _is_closed(session: AsyncSession, account_id: int) -> bool:
    query = select(Account.id).where(Account.id == account_id, Account.closed_at.is_(None))
    return await session.scalar(query) is None


async def _refuse(session: AsyncSession, lines: Sequence[RepricedLine], staff_id: int, reason: str | None) -> None:
    """`reason`: for all lines, or None for that of each."""
    priced = line_values(lines)
    await session.execute(
        update(ReceiptLine)
        .where(ReceiptLine.id == priced.c.line, ReceiptLine.state == "review")
        .values(
            state="refused",
            reason=priced.c.reason if reason is None else reason,
            product_id=func.coalesce(cast(priced.c.product, BigInteger), ReceiptLine.product_id),
            staff_id=staff_id,
        )
        .execution_options(synchronize_session=False)
    )


async def _partly_returned(session: AsyncSession, lines: Sequence[RepricedLine]) -> Sequence[int]:
    query = select(ReceiptLine.id).where(
        ReceiptLine.id.in_([line.line for line in lines]), ReceiptLine.returned_quantity > 0
    )
    return (await session.scalars(query.order_by(ReceiptLine.id))).all()
