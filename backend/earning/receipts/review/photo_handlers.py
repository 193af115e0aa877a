"""The photo of a receipt, for the brand's reviewers."""

from typing import Annotated

from litestar import Response, Router, get
from litestar.params import PathParameter
from sqlalchemy import text

from backend.core.db.database import Session
from backend.core.http.problems import error_responses
from backend.core.storage.store import InjectedFiles
from backend.earning.receipts import photos
from backend.earning.receipts.photos import PHOTO, PhotoUnknown
from backend.earning.receipts.review.reviewing_brands import is_reviewing_brand
from backend.identity.brands.authentication import REVIEWERS, CurrentMember, RoleForbids

# A brand sees receipts with a line of its own, and unread receipts. Photos of closed accounts are hidden, even in the
# seconds until they are deleted.
VISIBLE_PHOTO = text("""
    SELECT r.photo FROM receipts r JOIN accounts a ON a.id = r.account_id AND a.closed_at IS NULL
    WHERE r.id = :receipt AND (
        EXISTS (SELECT FROM receipt_lines l WHERE l.receipt_id = r.id AND l.brand_id = :brand)
        OR r.state = 'review' AND NOT EXISTS (SELECT FROM receipt_claims c WHERE c.receipt_id = r.id)
            AND :is_reviewing)
""")


@get(
    "/receipts/{receipt_id:int}/photo",
    opt=REVIEWERS,
    responses={200: PHOTO} | error_responses(RoleForbids, PhotoUnknown),
)
async def get_receipt_photo_for_review(
    staff: CurrentMember,
    session: Session,
    files: InjectedFiles,
    receipt_id: Annotated[int, PathParameter(ge=1, le=2**63 - 1)],
) -> Response[bytes]:
    """The photo of a receipt with a line of the brand, or of an unread receipt."""
    is_reviewing = await is_reviewing_brand(session, staff.brand_id)
    values = {"receipt": receipt_id, "brand": staff.brand_id, "is_reviewing": is_reviewing}
    row = (await session.execute(VISIBLE_PHOTO, values)).one_or_none()
    return await photos.stream_photo(files, row.photo if row else None)  # type: ignore[return-value]  # it is streamed


router = Router("/", route_handlers=[get_receipt_photo_for_review], tags=["Receipts"])
