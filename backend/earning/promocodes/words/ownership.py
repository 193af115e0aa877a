"""The owner of a promo code's word. A closed code without uses releases its word; its agent may reclaim it.

The row stays with the word in `shown`; its `code` becomes a text that cannot be typed.
"""

import re
from datetime import timedelta

from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from backend.earning.promocodes.models import PromoCode
from backend.earning.promocodes.words.code_words import RequestedWordForbidden
from scanning.codes import symbols

RELEASED_PREFIX = "~"  # of the code of a row without a word
BRAND_NAMES = text("SELECT name FROM brands")
# A used code keeps its word for good: its cards exist, and another agent would get the bonus. Its own agent may move
# the word to another offer only: within one offer a new row would reset the code's uses.
# The word of an unused code is blocked for some days after closing, since cards may exist. It is free at once for its
# own agent, and for all if the code was closed within an hour and its page has no view.
RELEASE_WORD = text("""
    UPDATE promo_codes c SET code = :gone || c.id, shown = coalesce(c.shown, c.code)
    WHERE c.code = :code AND c.closed_at IS NOT NULL AND c.account_id IS NOT NULL AND CASE
        WHEN c.used > 0 OR EXISTS (SELECT FROM promo_runs r WHERE r.code_id = c.id AND r.came > 0)
            THEN c.account_id = :account AND c.campaign_id <> :campaign
        ELSE c.account_id = :account OR c.closed_at < now() - CAST(:rest AS interval)
            OR c.closed_at < c.created_at + interval '1 hour'
                AND NOT EXISTS (SELECT FROM promo_views v WHERE v.code_id = c.id) END
    RETURNING c.id
""")
RECLAIM_WORD = text("UPDATE promo_codes SET code = :code WHERE id = :id")


async def release_word(session: AsyncSession, code: str, account_id: int, campaign_id: int, rest: timedelta) -> bool:
    """Release the word of a closed code for an agent's new code, if it may be released. Returns whether it is free."""
    values = {"code": code, "account": account_id, "campaign": campaign_id, "rest": rest, "gone": RELEASED_PREFIX}
    return bool((await session.execute(RELEASE_WORD, values)).all())


async def reclaim_word(session: AsyncSession, promo_code: PromoCode) -> bool:
    """Give a code its released word again. Returns whether the code has it."""
    if not promo_code.code.startswith(RELEASED_PREFIX):
        return True
    try:
        async with session.begin_nested():
            await session.execute(RECLAIM_WORD, {"code": symbols.fold(promo_code.shown or ""), "id": promo_code.id})
    except IntegrityError:
        return False
    return True


async def is_own_word(session: AsyncSession, code: str, account_id: int) -> bool:
    """Whether a code of the agent has this word."""
    row = select(PromoCode.id).where(PromoCode.code == code, PromoCode.account_id == account_id)
    return await session.scalar(row) is not None


async def check_brand_names(session: AsyncSession, code: str) -> None:
    """Refuse a word that is the name of a brand.

    Raises:
        RequestedWordForbidden: it is.
    """
    names = await session.scalars(BRAND_NAMES)
    if any(symbols.fold(re.sub(r"[\W_]+", "", name)) == code for name in names):
        raise RequestedWordForbidden
