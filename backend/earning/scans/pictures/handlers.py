"""The endpoint that adds a photo to a receipt that is not decided yet."""

from uuid import UUID

from litestar import Router, put
from litestar.params import FromPath

from backend.core.http.errors import Busy, TooLarge, TooManyRequests
from backend.core.http.models import Now
from backend.core.http.problems import error_responses
from backend.core.http.requests import HTTPRequest
from backend.earning.receipts import photos, receipt_list
from backend.earning.receipts.photos import PhotoExists, ReceiptDecided
from backend.earning.receipts.receipt_list import ReceiptUnknown
from backend.earning.receipts.schemas import ReceiptOut
from backend.earning.scans import intake
from backend.earning.scans.intake import PictureBroken, PictureKind, PictureTooBig
from backend.earning.scans.pictures import picture_time
from backend.earning.scans.service import CurrentScanContext
from backend.identity.accounts.authentication import CurrentAgent


@put(
    "/receipts/{key:uuid}/photo",
    operation_class=intake.PictureOperation,
    request_max_body_size=intake.MAX_BODY,
    responses=error_responses(
        ReceiptUnknown,
        ReceiptDecided,
        PhotoExists,
        PictureBroken,
        TooLarge,
        PictureTooBig,
        PictureKind,
        TooManyRequests,
        Busy,
    ),
)
async def put_receipt_photo(
    request: HTTPRequest,
    agent: CurrentAgent,
    scan_context: CurrentScanContext,
    now: Now,
    key: FromPath[UUID],
) -> ReceiptOut:
    """Add a photo of the whole receipt before its decision. It is stored small and without metadata, until 30 days
    after the decision. A receipt has one photo; sending the same again changes nothing."""
    if request.content_type[0] != "multipart/form-data":
        raise PictureKind
    picture = await intake.read_picture(request)
    place = await photos.locate_photo(scan_context.db, scan_context.files, agent.account_id, key, picture.digest)
    if not place.is_stored:
        await picture_time.admit_picture(scan_context.db, scan_context.settings, agent, now)
        jpeg = await intake.clean_picture(scan_context.decoder, picture, picture_time.payer_of(agent))
        await photos.store_photo(scan_context.db, scan_context.files, place, jpeg)
    return await receipt_list.get_receipt(scan_context.db, scan_context.versions, agent.account_id, key)


router = Router("/", route_handlers=[put_receipt_photo], tags=["Receipts"])
