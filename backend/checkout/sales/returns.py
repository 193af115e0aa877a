"""Returns of sold lines, and the fiscal receipt that confirms a sale."""

import hashlib
from typing import Any

import msgspec
import psycopg
from sqlalchemy import text

from backend.checkout.sales.quote_request import reject_duplicates
from backend.checkout.sales.service import ReceiptConflict
from backend.checkout.schemas import FiscalReceiptIn, ReturnIn
from backend.core.db.database import Database
from backend.core.http.errors import BodyChanged, Conflict, Invalid, NotFound
from backend.shops.authentication import TillIdentity

MIN_QUANTITY = 0.001  # three decimals are stored, so a smaller quantity would be stored as 0
# Any till of the shop takes a return. Ids are the tills' own, so several tills may have sold under the same id.
FIND = text("""
    SELECT s.id, s.fn, s.fd, s.fp, s.answer, t.key AS till, t.id = :till AS mine,
        EXISTS (SELECT FROM sale_returns b WHERE b.sale_id = s.id AND b.key = :back AND b.digest = :digest) AS repeated
    FROM tills t JOIN sales s ON s.till_id = t.id AND s.key = :key
    WHERE t.shop_id = :shop AND (CAST(:named AS text) IS NULL OR t.key = :named) ORDER BY t.key
""")
RETURN = text("SELECT * FROM checkout_return(:sale, :key, :digest, CAST(:lines AS jsonb))")
CONFIRM = text("""
    UPDATE sales SET fn = :fn, fd = :fd, fp = :fp, confirmed_at = now() WHERE id = :sale AND fn IS NULL RETURNING id
""")


class SaleUnknown(NotFound):
    """This shop has no sale with this id."""

    code = "sale_unknown"


class SaleAmbiguous(Conflict):
    """Several tills of this shop have a sale with this id. Name the till that sold in `till`."""

    code = "sale_ambiguous"


class MoreThanSold(Conflict):
    """This is more than was sold, or the sale has no such line. Nothing was returned."""

    code = "more_than_sold"


class NothingReturned(Invalid):
    """This return has neither a quantity nor an amount."""

    code = "nothing_returned"


class QuantityInvalid(Invalid):
    """A quantity is 0 or at least 0.001."""

    code = "quantity_invalid"


async def find_sale(db: Database, till: TillIdentity, key: str, named: str | None = None) -> Any:
    """Find a sale of the till's shop: of the named till, or else this till's own, or the only one.

    Raises:
        SaleUnknown: there is none. SaleAmbiguous: other tills have several.
    """
    rows = await db.rows(FIND, shop=till.shop_id, till=till.till_id, key=key, named=named, back="", digest=b"")
    own = [row for row in rows if row.mine]
    return _single_sale(own or rows)


async def _sale_to_return(
    db: Database, till: TillIdentity, key: str, named: str | None, back: str, digest: bytes
) -> Any:
    """The sale whose lines are returned. This till's own sale has no precedence over another till's with the same id:
    the buyer holds the receipt of one of them, and money must not move for the other. A repeated request finds the same
    sale as the first, whatever was sold since.

    Raises:
        SaleUnknown: there is none. SaleAmbiguous: several tills have one.
    """
    rows = await db.rows(FIND, shop=till.shop_id, till=till.till_id, key=key, named=named, back=back, digest=digest)
    repeated = [row for row in rows if row.repeated]
    return _single_sale(repeated if len(repeated) == 1 else rows)


def _single_sale(rows: list[Any]) -> Any:
    if not rows:
        raise SaleUnknown
    if len(rows) > 1:
        refusal = SaleAmbiguous()
        refusal.errors = [("till", row.till) for row in rows]
        raise refusal
    return rows[0]


async def return_lines(db: Database, till: TillIdentity, sale_key: str, key: str, body: ReturnIn) -> dict[str, Any]:
    """Return lines of a sale. Idempotent by id.

    Raises:
        SaleUnknown, SaleAmbiguous, MoreThanSold, LineTwice, NothingReturned, QuantityInvalid, CashierNeeded,
            TokenInPages. BodyChanged: the id had another body.
    """
    till.require_cashier()
    reject_duplicates([line.line for line in body.lines])
    if not any(line.amount or line.quantity for line in body.lines):
        raise NothingReturned
    if any(0 < line.quantity < MIN_QUANTITY for line in body.lines):
        raise QuantityInvalid
    # The selling till is not part of the digest: a repeat that names it is the same return.
    same = msgspec.structs.replace(body, till=None)
    digest = hashlib.sha256(msgspec.json.encode(same, order="deterministic")).digest()[:16]
    sold = await _sale_to_return(db, till, sale_key, body.till, key, digest)
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


async def confirm_sale(
    db: Database, till: TillIdentity, key: str, fiscal: FiscalReceiptIn, named: str | None = None
) -> None:
    """Store the fiscal receipt of a sale. The same receipt again changes nothing.

    Raises:
        SaleUnknown, SaleAmbiguous, TokenInPages. ReceiptTaken: the receipt is another sale's, or the sale has another
            one.
    """
    till.require_secret_token()
    sold = await find_sale(db, till, key, named)
    try:
        if await db.rows(CONFIRM, sale=sold.id, fn=fiscal.fn, fd=fiscal.fd, fp=fiscal.fp):
            return
    except psycopg.errors.UniqueViolation as error:
        raise ReceiptConflict from error
    again = await find_sale(db, till, key, named)
    if (again.fn, again.fd, again.fp) != (fiscal.fn, fiscal.fd, fiscal.fp):
        raise ReceiptConflict
