"""How a held order ends or goes on: in the ledger, in the yearly sum, in the stock and in the order's row.

Order of locks: the account (advisory) -> the order's row -> the wallet and its lots -> the reward's stock count, as in
the placing of an order (sql/48_orders.sql). So a decision of staff, a supplier's response, a deadline and a
cancellation never take effect together.
"""

from datetime import date
from typing import NamedTuple

from msgspec import Struct
from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.db.locks import lock_account
from backend.spending.accounting.tax import is_at_limit, tax_year
from backend.spending.models import GiftCard, Order, Reward, StockCode, YearlySum
from payouts import ledger
from payouts.ledger import Cause, WalletKey

ORDER_CAUSE = 8  # of an order's movements in the ledger
BY_STAFF = "person"  # as the supplier's name of an order that staff ended
# The body of an order's event is that of its placing.
RECORD_END = text("""
    INSERT INTO events (brand_id, account_id, kind, body)
    SELECT o.brand_id, o.account_id, 'order.' || o.state, orders_told(o, f)
    FROM orders o JOIN offers f ON f.id = o.offer_id WHERE o.id = :order
""")
# Counts without a limit, as the placing of an order counts within one.
COUNT_IN_YEAR = text("SELECT orders_count_year(:account, :brand, :year, :tax, :amount, NULL)")


class OrderEnd(Struct, frozen=True):
    """How an order ends: done, with what the agent gets, or refused for a reason."""

    done: bool
    reason: str | None = None
    secret: bytes | None = None
    supplier: str | None = None
    supplier_reference: str | None = None
    valid_until: date | None = None


class NewGiftCard(NamedTuple):
    """A gift card for an order: its code's digest, the code encrypted for the agent, and its last day."""

    digest: bytes
    secret: bytes
    valid_until: date | None


async def lock_order(session: AsyncSession, order_id: int) -> Order:
    """Lock the account of an order, then the order, and return it as it is under the locks."""
    account_id = (await session.scalars(select(Order.account_id).where(Order.id == order_id))).one()
    await lock_account(session, account_id)
    return await session.get_one(Order, order_id, with_for_update=True, populate_existing=True)


async def end_order(session: AsyncSession, order: Order, end: OrderEnd, today: date) -> bool:
    """End a held order: its price is settled, or released. False: it has ended already, and nothing changes.

    The caller holds the order's locks.
    """
    if order.state != "held":
        return False
    reward = await session.get_one(Reward, order.offer_id)
    wallet, cause = WalletKey(order.account_id, order.programme_id, today), Cause(ORDER_CAUSE, order.id)
    if end.done:
        await ledger.settle(session, wallet, order.price, cause)
        if is_at_limit(order.state, order.reason):
            await _count_in_year(session, order, reward)
    else:
        await ledger.release(session, wallet, order.price, cause)
        if not is_at_limit(order.state, order.reason):
            await _subtract_from_year(session, order, reward)
        await _return_stock(session, order)
    await _write_end(session, order, end)
    await session.execute(RECORD_END, {"order": order.id})
    return True


async def allow_order(session: AsyncSession, order: Order, gift_card: NewGiftCard | None, today: date) -> None:
    """Continue an order that waits at a legal limit. It counts in its year, above the limit.

    What we deliver ourselves is delivered at once: the code that was reserved for the order, or a new gift card. The
    caller holds the order's locks and has checked that it waits at a limit.
    """
    reward = await session.get_one(Reward, order.offer_id)
    if reward.fulfilment in ("supplier", "person"):
        await _count_in_year(session, order, reward)
        is_due = reward.fulfilment == "supplier"
        await _update(session, order, reason=None, for_person=not is_due, due_at=func.now() if is_due else None)
        return
    secret = gift_card.secret if gift_card else None
    valid_until = gift_card.valid_until if gift_card else None
    end = OrderEnd(done=True, secret=secret, supplier=reward.fulfilment, valid_until=valid_until)
    await end_order(session, order, end, today)
    if gift_card:
        session.add(_gift_card_of(order, reward, gift_card))
        await session.flush()


def _gift_card_of(order: Order, reward: Reward, gift_card: NewGiftCard) -> GiftCard:
    return GiftCard(
        brand_id=order.brand_id,
        order_id=order.id,
        digest=gift_card.digest,
        single=reward.kind == "discount",
        nominal=order.nominal,
        balance=order.nominal,
        valid_until=gift_card.valid_until,
    )


async def _count_in_year(session: AsyncSession, order: Order, reward: Reward) -> None:
    values = {"account": order.account_id, "brand": order.brand_id, "year": tax_year(order.placed_at)}
    await session.execute(COUNT_IN_YEAR, values | {"tax": reward.tax, "amount": order.nominal})


async def _subtract_from_year(session: AsyncSession, order: Order, reward: Reward) -> None:
    of_order = (
        YearlySum.account_id == order.account_id,
        YearlySum.brand_id == order.brand_id,
        YearlySum.year == tax_year(order.placed_at),
        YearlySum.tax == reward.tax,
    )
    await session.execute(update(YearlySum).where(*of_order).values(amount=YearlySum.amount - order.nominal))


async def _return_stock(session: AsyncSession, order: Order) -> None:
    """Free the code that was reserved for an order, or its unit."""
    await session.execute(update(StockCode).where(StockCode.order_id == order.id).values(order_id=None))
    limited = (Reward.id == order.offer_id, Reward.stock.is_not(None))
    await session.execute(update(Reward).where(*limited).values(stock=Reward.stock + 1))


async def _write_end(session: AsyncSession, order: Order, end: OrderEnd) -> None:
    await _update(
        session,
        order,
        state="done" if end.done else "refused",
        reason=end.reason,
        done_at=func.now(),
        due_at=None,
        for_person=False,
        unknown=False,
        secret=(end.secret or order.secret) if end.done else None,
        supplier_name=end.supplier or order.supplier_name,
        supplier_reference=end.supplier_reference or order.supplier_reference,
        valid_until=end.valid_until or order.valid_until,
    )


async def _update(session: AsyncSession, order: Order, **values: object) -> None:
    """Write columns of an order, at the database's time as `placed_at` is, and update the object."""
    written = update(Order).where(Order.id == order.id).values(**values).returning(Order)
    options = {"synchronize_session": False, "populate_existing": True}
    (await session.scalars(written, execution_options=options)).one()
