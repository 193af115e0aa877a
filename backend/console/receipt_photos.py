"""The photo of a receipt, for those of the brand who review it."""

from typing import Annotated

from litestar import Response, Router, get
from litestar.params import PathParameter
from sqlalchemy import text

from backend.brands.door import REVIEWERS, RoleForbids, Staff
from backend.database import Session
from backend.files.store import TheFiles
from backend.receipts import photos
from backend.receipts.photos import PHOTO, PhotoUnknown
from backend.wire import raises

# A brand sees receipts with a line of its own, and those that wait for whoever can read them off the paper. What was
# an agent's who has gone is shown no more, even in the seconds until it is deleted.
SEEN = text("""
    SELECT r.photo FROM receipts r JOIN accounts a ON a.id = r.account_id AND a.closed_at IS NULL
    WHERE r.id = :receipt AND (
        EXISTS (SELECT FROM receipt_lines l WHERE l.receipt_id = r.id AND l.brand_id = :brand)
        OR r.state = 'review' AND NOT EXISTS (SELECT FROM receipt_claims c WHERE c.receipt_id = r.id)
            AND :brand IN (SELECT receipts_lookers()))
""")


@get("/receipts/{receipt_id:int}/photo", opt=REVIEWERS, responses={200: PHOTO} | raises(RoleForbids, PhotoUnknown))
async def get_photo_for_review(
    staff: Staff, session: Session, files: TheFiles, receipt_id: Annotated[int, PathParameter(ge=1, le=2**63 - 1)]
) -> Response[bytes]:
    """The photo of a receipt with a line of the brand's, or of one that waits for a person to read it."""
    row = (await session.execute(SEEN, {"receipt": receipt_id, "brand": staff.brand_id})).one_or_none()
    return await photos.shown(files, row.photo if row else None)  # type: ignore[return-value]  # it streams them


router = Router("/", route_handlers=[get_photo_for_review], tags=["Receipts"])
