"""A gift card for its public page: brand and balance, without the agent who ordered it."""

from datetime import date
from typing import NamedTuple

from sqlalchemy import text

from backend.core.db.database import Database
from backend.core.security import gift_card_codes
from backend.core.settings import Settings

# The last day is in the programme's time zone. Used up and closed gift cards are not found.
OPEN_GIFT_CARD = text("""
    SELECT c.brand_id, b.name AS brand, c.nominal, c.balance, c.valid_until, c.single
    FROM certificates c JOIN brands b ON b.id = c.brand_id
    JOIN orders o ON o.id = c.order_id JOIN programmes g ON g.id = o.programme_id
    WHERE c.digest = :digest AND c.closed_at IS NULL AND c.balance > 0
        AND coalesce(c.valid_until >= (now() AT TIME ZONE g.timezone)::date, true)
""")


class OpenGiftCard(NamedTuple):
    """A gift card or a discount with a balance; amounts in kopecks."""

    brand_id: int
    brand: str
    nominal: int
    balance: int
    valid_until: date | None
    single: bool  # a discount: it is used once


async def find_open_gift_card(db: Database, settings: Settings, code: str) -> OpenGiftCard | None:
    """The open gift card of a code in any spelling."""
    # Text that cannot be a code is looked up as well, so that it takes the same time.
    rows = await db.rows(OPEN_GIFT_CARD, digest=gift_card_codes.digest(settings, code))
    return OpenGiftCard(*rows[0]) if rows else None
