"""Adding a photo to a receipt that waits."""

from typing import Any
from uuid import UUID

from litestar import Request, Router, put
from litestar.params import FromPath

from backend.accounts.door import SignedIn
from backend.errors import Busy, TooLarge, TooManyRequests
from backend.receipts import listing
from backend.receipts import photos as kept
from backend.receipts.listing import ReceiptUnknown
from backend.receipts.photos import PhotoKept, ReceiptDecided
from backend.receipts.schemas import ReceiptOut
from backend.scans import intake, photos
from backend.scans.intake import PictureBroken, PictureKind, PictureTooBig
from backend.scans.service import TheDesk
from backend.wire import Now, raises


@put(
    "/receipts/{key:uuid}/photo",
    operation_class=intake.PictureOperation,
    responses=raises(
        ReceiptUnknown, ReceiptDecided, PhotoKept, PictureBroken, TooLarge, PictureTooBig, PictureKind,
        TooManyRequests, Busy,
    ),
)  # fmt: skip
async def put_receipt_photo(
    request: Request[Any, Any, Any], agent: SignedIn, desk: TheDesk, now: Now, key: FromPath[UUID]
) -> ReceiptOut:
    """Add a photo of the whole receipt while it waits for its decision. It is kept small and without what the camera
    wrote into it, until 30 days after the decision. One photo is kept: the same again is harmless."""
    if request.content_type[0] != "multipart/form-data":
        raise PictureKind
    picture = await intake.picture_of(request)
    place = await kept.place(desk.db, desk.files, agent.account_id, key, picture.digest)
    if not place.is_stored:
        await photos.admit(desk, agent, now)
        await kept.keep(desk.db, desk.files, place, await intake.clean(desk.decoder, picture))
    return await listing.one(desk.db, desk.versions, agent.account_id, key)


router = Router("/", route_handlers=[put_receipt_photo], tags=["Receipts"])
