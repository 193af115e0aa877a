"""Look-up of a receipt by its number, its text or its printed numbers, limited to the lines of the brand."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.db.rows import read_row, read_rows
from backend.core.http.errors import Invalid, NotFound
from backend.earning.receipts import submission
from backend.identity.brands.authentication import Member
from backend.reporting.lookups.receipt_rows import ReceiptRow
from backend.reporting.lookups.receipt_schemas import ReceiptLookupIn
from scanning.problem import Problem

COLUMNS = """
    SELECT r.id, r.key, r.country, r.identity, r.fp, r.at, r.total, r.operation, r.state, r.reason, r.sent_at,
        r.decided_at, a.card_number, d.document ->> 'seller' AS shop, coalesce((
            SELECT jsonb_agg(jsonb_build_object('n', l.n, 'name', l.name, 'quantity', trim_scale(l.quantity)::text,
                'sum', l.sum, 'state', l.state, 'sku', p.sku, 'amount', l.amount, 'returned', l.returned,
                'reason', l.reason) ORDER BY l.n)
            FROM receipt_lines l LEFT JOIN products p ON p.id = l.product_id
            WHERE l.receipt_id = r.id AND l.brand_id = :brand), '[]') AS lines
    FROM receipts r JOIN accounts a ON a.id = r.account_id LEFT JOIN receipt_claims c ON c.receipt_id = r.id
    LEFT JOIN receipt_documents d ON d.country = c.country AND d.identity = c.identity
"""
OURS = "EXISTS (SELECT FROM receipt_lines l WHERE l.receipt_id = r.id AND l.brand_id = :brand)"
FIND_RECEIPT = text(f"{COLUMNS} WHERE r.id = :receipt AND {OURS}")
# The fiscal sign proves possession of the paper receipt, so the state of a pending or refused receipt may be shown.
FIND_PRINTED_RECEIPTS = text(f"""
    {COLUMNS} WHERE r.country = :country AND r.identity = :identity
        AND ({OURS} OR r.fp = CAST(:fp AS bigint) AND NOT reporting_has_lines(r.id))
    ORDER BY r.id LIMIT 20
""")


class ReceiptNotFound(NotFound):
    """Your brand has no such receipt: it was not sent, or it has none of your products."""

    code = "receipt_not_found"


class ReceiptLookupInvalid(Invalid):
    """Send the text of the receipt's QR code as `text`, or its `fn`, `i` and `fp`."""

    code = "receipt_lookup_invalid"


async def get_receipt(session: AsyncSession, member: Member, receipt: int) -> ReceiptRow:
    """A receipt with products of the brand.

    Raises:
        ReceiptNotFound: there is none with this number.
    """
    row = await read_row(session, ReceiptRow, FIND_RECEIPT, {"brand": member.brand_id, "receipt": receipt})
    if row is None:
        raise ReceiptNotFound
    return row


async def find_receipts(session: AsyncSession, member: Member, lookup: ReceiptLookupIn) -> list[ReceiptRow]:
    """The receipts with these numbers, one for each agent who sent it.

    Raises:
        ReceiptLookupInvalid: the numbers are incomplete. ReceiptNotFound: it was not sent, or is other brands'.
    """
    country, identity, fp = _parse_lookup(lookup)
    values = {"brand": member.brand_id, "country": country, "identity": identity, "fp": fp}
    rows = await read_rows(session, ReceiptRow, FIND_PRINTED_RECEIPTS, values)
    if not rows:
        raise ReceiptNotFound
    return rows


def _parse_lookup(lookup: ReceiptLookupIn) -> tuple[str, str, int | None]:
    if lookup.text is not None:
        try:
            slip = submission.parse_receipt(lookup.text)
        except Problem as problem:
            raise ReceiptLookupInvalid from problem
        return slip.country, slip.identity, slip.fp
    if lookup.fn is None or lookup.i is None or lookup.fp is None:
        raise ReceiptLookupInvalid
    return "RU", f"{lookup.fn}:{int(lookup.i)}", int(lookup.fp)
