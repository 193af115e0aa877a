"""Clawback of a line whose goods came back, or that a reviewer takes back.

Order of locks: the account -> the line -> the return's document -> wallets -> budgets.
"""

from decimal import Decimal
from typing import NamedTuple

from sqlalchemy import cast, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.types import Numeric

from backend.core.db.events import Event
from backend.core.db.locks import lock_account
from backend.earning.receipts.awards.line_awards import claw_back_awards, round_quantity
from backend.earning.receipts.awards.payment_steps import refresh_state
from backend.earning.receipts.models import Receipt, ReceiptDocument, ReceiptLine, ReceiptLineReturn


class ReturnedLine(NamedTuple):
    """A line of a return receipt. It claws back at most its quantity, from whichever lines."""

    country: str
    identity: str
    n: int
    quantity: Decimal


async def take_back(session: AsyncSession, line_id: int, returned: ReturnedLine | None = None) -> int | None:
    """Claw back a part of a line for a line of a return receipt, or all that is left of it.

    The quantity is at most what is left of the line and of the return's line, so the call is idempotent and several
    agents may send the same return. The amount is proportional to all returned so far, so many small returns come to
    the same as one large return. Returns the amount in minor units; None if it was done before.
    """
    account_id = await _account_of(session, line_id)
    await lock_account(session, account_id)
    line = await _lock_line(session, line_id)
    part = line.quantity - line.returned_quantity
    if returned is not None:
        part = min(part, await _quantity_left(session, returned))
    if part <= 0:
        return None
    line_return_id = await _insert_return(session, line_id, returned, part)
    if line_return_id is None:
        return None
    amount = await claw_back_awards(session, line, line.returned_quantity + part, line_return_id)
    await _store_amount(session, line_return_id, amount)
    await _record_return(session, account_id, line, part, amount)
    return amount


async def claw_back_late(session: AsyncSession, line_id: int) -> None:
    """Claw back what was returned of a line while it was in review.

    The line was just paid as a whole, so later returns come to the same as if it had been paid at once.
    """
    line = await _lock_line(session, line_id)
    if line.state != "paid":
        return
    last_return = select(func.max(ReceiptLineReturn.id)).where(ReceiptLineReturn.line_id == line_id)
    line_return_id = (await session.execute(last_return)).scalar_one()
    line.returned = await claw_back_awards(session, line, line.returned_quantity, line_return_id)
    await _store_amount(session, line_return_id, line.returned)
    await session.flush()


async def _account_of(session: AsyncSession, line_id: int) -> int:
    query = select(Receipt.account_id).join(ReceiptLine, ReceiptLine.receipt_id == Receipt.id)
    return (await session.execute(query.where(ReceiptLine.id == line_id))).scalar_one()


async def _lock_line(session: AsyncSession, line_id: int) -> ReceiptLine:
    query = select(ReceiptLine).where(ReceiptLine.id == line_id).with_for_update()
    # SQL functions change lines beside the session.
    return (await session.scalars(query, execution_options={"populate_existing": True})).one()


async def _quantity_left(session: AsyncSession, returned: ReturnedLine) -> Decimal:
    """What earlier clawbacks have left of a return's line."""
    document = select(ReceiptDocument.country).where(
        ReceiptDocument.country == returned.country, ReceiptDocument.identity == returned.identity
    )
    # Locked after the account and the line; no lock of another account is taken after it.
    await session.execute(document.with_for_update())
    earlier = select(func.coalesce(func.sum(ReceiptLineReturn.quantity), 0)).where(
        ReceiptLineReturn.country == returned.country,
        ReceiptLineReturn.identity == returned.identity,
        ReceiptLineReturn.n == returned.n,
    )
    return round_quantity(returned.quantity) - (await session.execute(earlier)).scalar_one()


async def _insert_return(
    session: AsyncSession, line_id: int, returned: ReturnedLine | None, part: Decimal
) -> int | None:
    """The id of the new row; None if the return's line has clawed back this line before."""
    key = {} if returned is None else {"country": returned.country, "identity": returned.identity, "n": returned.n}
    row = insert(ReceiptLineReturn).values(line_id=line_id, quantity=part, amount=0, **key)
    new_id: int | None = await session.scalar(row.on_conflict_do_nothing().returning(ReceiptLineReturn.id))
    return new_id


async def _store_amount(session: AsyncSession, line_return_id: int, amount: int) -> None:
    row = update(ReceiptLineReturn).where(ReceiptLineReturn.id == line_return_id)
    await session.execute(row.values(amount=amount))


async def _record_return(session: AsyncSession, account_id: int, line: ReceiptLine, part: Decimal, amount: int) -> None:
    """Add a return to its line and write the event. A line in review that is returned as a whole is refused."""
    was_in_review = line.state == "review"
    line.returned_quantity += part
    line.returned += amount
    if was_in_review and line.returned_quantity == line.quantity:
        line.state, line.reason = "refused", "returned"
    await session.flush()
    # The quantity is a number with three decimal places, as in the columns.
    quantity = cast(part, Numeric(14, 3))
    body = func.jsonb_build_object("receipt", line.receipt_id, "line", line.n, "quantity", quantity, "amount", amount)
    event = {"brand_id": line.brand_id, "account_id": account_id, "kind": "receipt.returned", "body": body}
    await session.execute(insert(Event).values(event))
    if was_in_review:
        await refresh_state(session, line.receipt_id, "returned", line.brand_id)
