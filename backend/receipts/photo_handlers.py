"""What an agent adds to a receipt that waits: looking at its photo, and answering. (A photo comes in at `scans`, where
pictures are opened.)"""

from typing import Annotated
from uuid import UUID

from litestar import Response, Router, get, put
from litestar.params import FromPath, JSONBody
from msgspec import Meta
from sqlalchemy import text

from backend.accounts.door import SignedIn
from backend.database import Db
from backend.files.store import TheFiles
from backend.programmes.explain import TheVersions
from backend.receipts import answering, listing, photos
from backend.receipts.listing import ReceiptUnknown
from backend.receipts.photos import PHOTO, PhotoUnknown
from backend.receipts.schemas import ReceiptOut
from backend.wire import In, raises

MINE = text("SELECT photo FROM receipts WHERE account_id = :account AND key = :key")


class AnswerIn(In):
    """What the agent has to say about a receipt; the brand's reviewers read it."""

    text: Annotated[
        str,
        Meta(min_length=1, max_length=2000, examples=["Forty sockets are for a house of 120 m². I have the estimate."]),
    ]  # fmt: skip


@put(
    "/receipts/{key:uuid}/answer",
    responses=raises(
        ReceiptUnknown, answering.AnswerGiven, answering.AnswerEmpty, answering.NothingAsked, photos.ReceiptDecided
    ),
)
async def answer_review(
    db: Db, versions: TheVersions, agent: SignedIn, key: FromPath[UUID], data: JSONBody[AnswerIn]
) -> ReceiptOut:
    """Answer, once, while people look at the receipt. Telephone numbers and mail addresses in it are not kept."""
    await answering.answer(db, agent.account_id, key, data.text)
    return await listing.one(db, versions, agent.account_id, key)


@get("/receipts/{key:uuid}/photo", responses={200: PHOTO} | raises(PhotoUnknown))
async def get_receipt_photo(db: Db, files: TheFiles, agent: SignedIn, key: FromPath[UUID]) -> Response[bytes]:
    """The photo that is kept of a receipt, until 30 days after its decision."""
    rows = await db.rows(MINE, account=agent.account_id, key=key)
    return await photos.shown(files, rows[0].photo if rows else None)  # type: ignore[return-value]  # it streams them


router = Router("/", route_handlers=[answer_review, get_receipt_photo], tags=["Receipts"])
