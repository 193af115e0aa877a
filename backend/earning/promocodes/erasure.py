"""Erasure of an agent's promo codes: they are closed, and the texts that the agent wrote are removed."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.db import jobs
from backend.earning.promocodes.cards.renderer import remove_cards

CLOSE_CODES = text("UPDATE promo_codes SET closed_at = now() WHERE account_id = :account AND closed_at IS NULL")
CLEAR_RUN_NAMES = text("""
    UPDATE promo_runs SET name = '' FROM promo_codes c WHERE c.account_id = :account AND c.id = code_id AND name <> ''
""")
CLEAR_NICKNAMES = text(
    "UPDATE promo_codes SET nickname = NULL WHERE account_id = :account AND nickname IS NOT NULL RETURNING id"
)


async def erase_account_codes(session: AsyncSession, account_id: int) -> None:
    """Close an account's codes. Remove their nicknames, the names of their runs, and the cards that show them.

    Words of used codes stay reserved: a printed card must not bring another agent a bonus (words/ownership.py).
    """
    account = {"account": account_id}
    await session.execute(CLOSE_CODES, account)
    await session.execute(CLEAR_RUN_NAMES, account)
    for code_id in (await session.scalars(CLEAR_NICKNAMES, account)).all():
        await jobs.enqueue(session, remove_cards, code_id=code_id)
