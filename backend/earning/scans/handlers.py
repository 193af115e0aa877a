"""Endpoints of scans: one scan, and the queue of a phone that was offline."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID

from litestar import Router, post, put
from litestar.params import FromPath, JSONBody

from backend.core.http.errors import BodyChanged, Busy, DomainError, TooLarge, TooManyRequests
from backend.core.http.problems import error_responses
from backend.core.http.requests import HTTPRequest
from backend.core.security.tokens import CHECKS_CALLER_ITSELF
from backend.earning.scans import intake, receipts, service
from backend.earning.scans.code_details import (
    CodeDetails,
    CodeKey,
    PictureCode,
    human_readable,
    load_products,
    picture_details,
)
from backend.earning.scans.intake import Picture, PictureBroken, PictureKind, PictureTooBig
from backend.earning.scans.outcomes import ScanOutcome, picture_texts, scanned_text
from backend.earning.scans.pictures import photos, picture_time
from backend.earning.scans.scan_time import scan_time
from backend.earning.scans.schemas import ScanBatchIn, ScanBatchOut, ScanDetails, ScanOut, picture_out, scan_out
from backend.earning.scans.service import CurrentScanContext, ScanContext
from backend.identity.accounts.authentication import Agent, CurrentAgent


@put(
    "/scans/{scan_id:uuid}",
    operation_class=intake.ScanOperation,
    request_max_body_size=intake.MAX_BODY,
    opt=CHECKS_CALLER_ITSELF,
    responses=error_responses(BodyChanged, PictureBroken, TooLarge, PictureTooBig, PictureKind, TooManyRequests, Busy),
)
async def put_scan(
    request: HTTPRequest,
    scan_id: FromPath[UUID],
    agent: CurrentAgent,
    scan_context: CurrentScanContext,
) -> ScanOut:
    """Send a scanned text or a picture: the response has the kind of each code and what it earned.

    The id is a UUID that the phone creates. The same id with the same body gets the first response again. A picture of
    a receipt that is not decided yet is stored for reviewers, without the metadata of the camera.
    """
    now = datetime.now(UTC)
    body = await intake.read_body(request)
    if isinstance(body, Picture):
        outcomes, codes = await _handle_picture(scan_context, agent, scan_id, body, now)
        await photos.store_scanned_photo(scan_context, agent, body, outcomes)
        return picture_out(outcomes, await _scan_details(scan_context, agent, outcomes, {}, codes))
    text = scanned_text(scan_id, body.text, scan_time(scan_context.settings, body.taken_at, now))
    (outcome,) = service.single_scan_outcomes(await service.handle_scans(scan_context, agent, [text], now))
    # Of an unknown code there is only the text that was sent.
    codes = {} if outcome.reason == "unknown_code" else {(scan_id, 0): CodeDetails(human_readable(text.payload))}
    return scan_out(outcome, await _scan_details(scan_context, agent, [outcome], {(scan_id, 0): body.text}, codes))


async def _handle_picture(
    scan_context: ScanContext, agent: Agent, scan_id: UUID, picture: Picture, now: datetime
) -> tuple[list[ScanOutcome], dict[CodeKey, CodeDetails]]:
    answered = await service.first_outcomes(scan_context, agent, scan_id, picture.digest)
    if answered:
        return answered, await _details_of_repeat(scan_context, agent, scan_id, picture, now)
    codes = await _read_picture(scan_context, agent, picture, now)
    payloads = [code.payload for code in codes]
    texts = picture_texts(scan_id, picture.digest, payloads, scan_time(scan_context.settings, picture.scanned_at, now))
    return service.single_scan_outcomes(await service.handle_scans(scan_context, agent, texts, now)), picture_details(
        scan_id, codes
    )


async def _read_picture(scan_context: ScanContext, agent: Agent, picture: Picture, now: datetime) -> list[PictureCode]:
    await picture_time.admit_picture(scan_context.db, scan_context.settings, agent, now)
    return await intake.picture_codes(scan_context.decoder, picture, picture_time.payer_of(agent))


async def _details_of_repeat(
    scan_context: ScanContext, agent: Agent, scan_id: UUID, picture: Picture, now: datetime
) -> dict[CodeKey, CodeDetails]:
    """The codes of a repeated picture. Their texts are not stored, so it is read again; if it cannot be, the stored
    outcomes are returned without them."""
    try:
        return picture_details(scan_id, await _read_picture(scan_context, agent, picture, now))
    except DomainError:
        return {}


async def _scan_details(
    scan_context: ScanContext,
    agent: Agent,
    outcomes: Sequence[ScanOutcome],
    texts: Mapping[CodeKey, str],
    codes: Mapping[CodeKey, CodeDetails],
) -> ScanDetails:
    return ScanDetails(
        await scan_context.versions.load(number for row in outcomes for number in row.version_ids),
        await receipts.receipt_details(scan_context.db, agent, outcomes, texts),
        codes,
        await load_products(scan_context.db, scan_context.product_names, agent, outcomes),
    )


@post("/scans/batch", status_code=200, opt=CHECKS_CALLER_ITSELF, responses=error_responses(TooManyRequests, Busy))
async def submit_scan_batch(
    data: JSONBody[ScanBatchIn],
    agent: CurrentAgent,
    scan_context: CurrentScanContext,
) -> ScanBatchOut:
    """Send up to 200 scans that were queued offline, in any order. Idempotent."""
    now = datetime.now(UTC)
    texts = [scanned_text(row.id, row.text, scan_time(scan_context.settings, row.taken_at, now)) for row in data.scans]
    outcomes = await service.handle_scans(scan_context, agent, texts, now)
    codes = {(text.id, 0): CodeDetails(human_readable(text.payload)) for text in texts}
    details = await _scan_details(scan_context, agent, outcomes, {(row.id, 0): row.text for row in data.scans}, codes)
    return ScanBatchOut([scan_out(row, details) for row in outcomes])


router = Router("/", route_handlers=[put_scan, submit_scan_batch], tags=["Scans"])
