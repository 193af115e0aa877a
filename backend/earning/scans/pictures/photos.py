"""Stores pictures of receipts that may need a review, cleaned by the process that opens them."""

from collections.abc import Sequence

import structlog

from backend.earning.receipts import photos
from backend.earning.receipts.photos import PhotoExists, ReceiptDecided
from backend.earning.scans import intake
from backend.earning.scans.intake import Picture, PictureBroken
from backend.earning.scans.outcomes import ScanOutcome
from backend.earning.scans.pictures import picture_time
from backend.earning.scans.service import ScanContext
from backend.identity.accounts.authentication import Agent

log = structlog.get_logger("scanback")


async def store_scanned_photo(
    context: ScanContext, agent: Agent, picture: Picture, outcomes: Sequence[ScanOutcome]
) -> None:
    """Store a scanned picture for the undecided receipts in it that have none. A repeat of the scan completes it.

    Raises:
        DecoderBusy: the scan is recorded already, so its repeat only stores the photo.
    """
    ids = [row.receipt_id for row in outcomes if row.receipt_id is not None]
    places = await photos.receipts_without_photo(context.db, agent.account_id, ids, picture.digest) if ids else []
    if not places:
        return
    try:
        jpeg = await intake.clean_picture(context.decoder, picture, picture_time.payer_of(agent))
    except PictureBroken:
        log.info(
            "photo_not_kept", receipts=[place.receipt_id for place in places]
        )  # its codes were read, so the scan succeeds
        return
    for place in places:
        try:
            await photos.store_photo(context.db, context.files, place, jpeg)
        except (PhotoExists, ReceiptDecided):
            continue  # a concurrent request stored one or decided the receipt
