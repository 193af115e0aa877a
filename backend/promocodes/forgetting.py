"""What becomes of an agent's codes when he goes: nobody can use them any more, and what he wrote on them is gone."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from backend import jobs
from backend.promocodes.studio import remove_cards

CLOSE = text("UPDATE promo_codes SET closed_at = now() WHERE account_id = :account AND closed_at IS NULL")
UNNAME_RUNS = text("""
    UPDATE promo_runs SET name = '' FROM promo_codes c WHERE c.account_id = :account AND c.id = code_id AND name <> ''
""")
UNNAME = text(
    "UPDATE promo_codes SET nickname = NULL WHERE account_id = :account AND nickname IS NOT NULL RETURNING id"
)


async def forget(session: AsyncSession, account_id: int) -> None:
    """Close an account's codes, and remove his nickname, the names of his runs, and the cards that bear them.

    The words themselves stay taken: a card in somebody's drawer must not bring another agent a bonus.
    """
    account = {"account": account_id}
    await session.execute(CLOSE, account)
    await session.execute(UNNAME_RUNS, account)
    for code_id in (await session.scalars(UNNAME, account)).all():
        await jobs.enqueue(session, remove_cards, code_id=code_id)
