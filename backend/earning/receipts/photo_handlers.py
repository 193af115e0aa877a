"""The photo of an agent's receipt, and the agent's answer. (`scans` accepts photos, because it opens pictures.)"""

from typing import Annotated
from uuid import UUID

from litestar import Response, Router, get, put
from litestar.params import FromPath, JSONBody
from msgspec import Meta
from sqlalchemy import text

from backend.core.db.database import Db
from backend.core.http.models import RequestModel
from backend.core.http.problems import error_responses
from backend.core.storage.store import InjectedFiles
from backend.earning.receipts import agent_answers, photos, receipt_list
from backend.earning.receipts.photos import PHOTO, PhotoUnknown
from backend.earning.receipts.receipt_list import ReceiptUnknown
from backend.earning.receipts.schemas import ReceiptOut
from backend.identity.accounts.authentication import CurrentAgent
from backend.programmes.rules.explanation import CurrentRuleVersions

OWN_PHOTO = text("SELECT photo FROM receipts WHERE account_id = :account AND key = :key")


class ReceiptAnswerIn(RequestModel):
    """The agent's answer about a receipt; the brand's reviewers read it."""

    text: Annotated[
        str,
        Meta(min_length=1, max_length=2000, examples=["Forty sockets are for a house of 120 m². I have the estimate."]),
    ]


@put(
    "/receipts/{key:uuid}/answer",
    responses=error_responses(
        ReceiptUnknown,
        agent_answers.AnswerGiven,
        agent_answers.AnswerEmpty,
        agent_answers.AnswerNotExpected,
        photos.ReceiptDecided,
    ),
)
async def answer_receipt_review(
    db: Db, versions: CurrentRuleVersions, agent: CurrentAgent, key: FromPath[UUID], data: JSONBody[ReceiptAnswerIn]
) -> ReceiptOut:
    """Answer once while the receipt is in review. Telephone numbers and mail addresses are removed."""
    await agent_answers.give_answer(db, agent.account_id, key, data.text)
    return await receipt_list.get_receipt(db, versions, agent.account_id, key)


@get("/receipts/{key:uuid}/photo", responses={200: PHOTO} | error_responses(PhotoUnknown))
async def get_receipt_photo(db: Db, files: InjectedFiles, agent: CurrentAgent, key: FromPath[UUID]) -> Response[bytes]:
    """The photo of a receipt, stored until 30 days after its decision."""
    rows = await db.rows(OWN_PHOTO, account=agent.account_id, key=key)
    return await photos.stream_photo(files, rows[0].photo if rows else None)  # type: ignore[return-value]  # it is streamed


router = Router("/", route_handlers=[answer_receipt_review, get_receipt_photo], tags=["Receipts"])
