"""Returns of sold lines, and the fiscal receipt that confirms a sale."""

import hashlib
from typing import Any

import msgspec
import psycopg
from sqlalchemy import text

from backend.checkout.asking import once
from backend.checkout.schemas import Fiscal, ReturnIn
from backend.checkout.service import ReceiptTaken
from backend.database import Database
from backend.errors import BodyChanged, Conflict, Invalid, NotFound
from backend.shops.door import TillAt

# A sale comes back to any till of its shop; ids are the tills' own, so this till's goes before another's.
FIND = text("""
    SELECT id, fn, fd, fp, answer FROM sales WHERE shop_id = :shop AND key = :key
    ORDER BY till_id = :till DESC, id DESC LIMIT 1
""")
RETURN = text("SELECT * FROM checkout_return(:sale, :key, :digest, CAST(:lines AS jsonb))")
CONFIRM = text("""
    UPDATE sales SET fn = :fn, fd = :fd, fp = :fp, confirmed_at = now() WHERE id = :sale AND fn IS NULL RETURNING id
""")


class SaleUnknown(NotFound):
    """This shop has no sale with this id."""


class MoreThanSold(Conflict):
    """This is more than was sold, or the sale has no such line. Nothing was returned."""


class NothingReturned(Invalid):
    """This return has neither a quantity nor an amount."""


async def sale(db: Database, till: TillAt, key: str) -> Any:
    """A sale of the till's shop.

    Raises:
        SaleUnknown: there is none.
    """
    rows = await db.rows(FIND, shop=till.shop_id, till=till.till_id, key=key)
    if not rows:
        raise SaleUnknown
    return rows[0]


async def take_back(db: Database, till: TillAt, sale_key: str, key: str, body: ReturnIn) -> dict[str, Any]:
    """Take lines back; the same id again gives the first answer.

    Raises:
        SaleUnknown, MoreThanSold, LineTwice, NothingReturned, CashierNeeded, TokenInPages. BodyChanged: the id had
            another body.
    """
    till.need_seller()
    once([line.line for line in body.lines])
    if not any(line.amount or line.quantity for line in body.lines):
        raise NothingReturned
    sold = await sale(db, till, sale_key)
    digest = hashlib.sha256(msgspec.json.encode(body, order="deterministic")).digest()[:16]
    lines = [{"line": row.line, "quantity": round(row.quantity, 3), "amount": row.amount} for row in body.lines]
    try:
        row = await db.call(RETURN, sale=sold.id, key=key, digest=digest, lines=msgspec.json.encode(lines).decode())
    except psycopg.Error as error:
        if error.sqlstate != "SB041":
            raise
        raise MoreThanSold from error
    if row.changed:
        raise BodyChanged
    answer: dict[str, Any] = row.answer
    return answer


async def confirm(db: Database, till: TillAt, key: str, fiscal: Fiscal) -> None:
    """Note the fiscal receipt of a sale; the same again changes nothing.

    Raises:
        SaleUnknown, TokenInPages. ReceiptTaken: the receipt is another sale's, or the sale has another one.
    """
    till.need_secret()
    sold = await sale(db, till, key)
    try:
        if await db.rows(CONFIRM, sale=sold.id, fn=fiscal.fn, fd=fiscal.fd, fp=fiscal.fp):
            return
    except psycopg.errors.UniqueViolation as error:
        raise ReceiptTaken from error
    again = await sale(db, till, key)
    if (again.fn, again.fd, again.fp) != (fiscal.fn, fiscal.fd, fiscal.fp):
        raise ReceiptTaken
