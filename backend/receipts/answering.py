"""The one answer that an agent may give while people look at his receipt."""

from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.database import Database
from backend.errors import Conflict, Invalid
from backend.receipts.listing import ReceiptUnknown
from backend.receipts.models import Receipt
from backend.receipts.photos import ReceiptDecided
from scanning import personal


class AnswerGiven(Conflict):
    """You have answered already; one answer counts."""


class AnswerEmpty(Invalid):
    """This answer says nothing. Telephone numbers and mail addresses are not kept."""


class NothingAsked(Conflict):
    """Nobody looks at this receipt now: there is nothing to answer."""


async def answer(db: Database, account_id: int, key: UUID, said: str) -> None:
    """Keep an answer, without telephone numbers and mail addresses; the same one again is harmless.

    Raises:
        ReceiptUnknown: the account has no such receipt. AnswerGiven: it has another answer. AnswerEmpty: nothing is
        left of it. NothingAsked: it is not with a person. ReceiptDecided: it is decided.
    """
    kept = personal.without_contacts(said)
    if not kept:
        raise AnswerEmpty
    async with db.begin() as session:
        await _answer(session, account_id, key, kept)


async def _answer(session: AsyncSession, account_id: int, key: UUID, kept: str) -> None:
    # Locked, so that of two answers at once one is the first.
    mine = select(Receipt).where(Receipt.account_id == account_id, Receipt.key == key).with_for_update()
    receipt = await session.scalar(mine)
    if receipt is None:
        raise ReceiptUnknown
    if receipt.answered_at is not None:
        if receipt.answer == kept:
            return
        raise AnswerGiven
    if receipt.decided_at is not None:
        raise ReceiptDecided
    if receipt.state == "pending":
        raise NothingAsked
    receipt.answer, receipt.answered_at = kept, (await session.execute(text("SELECT now()"))).scalar_one()
