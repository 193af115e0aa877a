"""The one answer that an agent may give while a receipt is in review."""

from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.db.database import Database
from backend.core.http.errors import Conflict, Invalid
from backend.earning.receipts.models import Receipt
from backend.earning.receipts.photos import ReceiptDecided
from backend.earning.receipts.receipt_list import ReceiptUnknown
from scanning.receipts import personal


class AnswerGiven(Conflict):
    """You have already answered. Only one answer is possible."""

    code = "answer_given"


class AnswerEmpty(Invalid):
    """This answer is empty. Telephone numbers and mail addresses are removed."""

    code = "answer_empty"


class AnswerNotExpected(Conflict):
    """This receipt is not in review: there is nothing to answer."""

    code = "nothing_asked"


async def give_answer(db: Database, account_id: int, key: UUID, answer: str) -> None:
    """Store an answer, without telephone numbers and mail addresses. Idempotent.

    Raises:
        ReceiptUnknown: the account has no such receipt. AnswerGiven: it has another answer. AnswerEmpty: nothing is
        left of it. AnswerNotExpected: the receipt is not in review. ReceiptDecided: it is decided.
    """
    cleaned = personal.without_contacts(answer)
    if not cleaned:
        raise AnswerEmpty
    async with db.begin() as session:
        await _store_answer(session, account_id, key, cleaned)


async def _store_answer(session: AsyncSession, account_id: int, key: UUID, answer: str) -> None:
    # Locked, so that one of two concurrent answers is the first.
    query = select(Receipt).where(Receipt.account_id == account_id, Receipt.key == key).with_for_update()
    receipt = await session.scalar(query)
    if receipt is None:
        raise ReceiptUnknown
    if receipt.answered_at is not None:
        if receipt.answer == answer:
            return
        raise AnswerGiven
    if receipt.decided_at is not None:
        raise ReceiptDecided
    if receipt.state == "pending":
        raise AnswerNotExpected
    receipt.answer, receipt.answered_at = answer, (await session.execute(text("SELECT now()"))).scalar_one()
