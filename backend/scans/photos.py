"""Pictures that are kept: those of receipts that people may have to look at, cleaned by the process that opens them."""

from collections.abc import Sequence
from datetime import datetime

import structlog

from backend import limits
from backend.accounts.door import Agent
from backend.receipts import photos
from backend.receipts.photos import PhotoKept, ReceiptDecided
from backend.scans import intake
from backend.scans.intake import Picture, PictureBroken
from backend.scans.outcomes import Outcome
from backend.scans.service import Desk

log = structlog.get_logger("scanback")


async def admit(desk: Desk, agent: Agent, now: datetime) -> None:
    """Count a picture that is about to be opened.

    Raises:
        TooManyRequests: the agent's minute is full.
    """
    most = desk.settings.numbers.at("pictures_per_minute", now.date())
    await limits.spend(desk.db, f"pictures:{agent.account_id}", seconds=60, most=most)


async def keep_scanned(desk: Desk, agent: Agent, picture: Picture, outcomes: Sequence[Outcome]) -> None:
    """Keep a scanned picture for the receipts in it that wait and have none; a repeat does what was cut off.

    Raises:
        DecoderBusy: the scan is answered already, so its repeat only keeps the photo.
    """
    ids = [row.receipt_id for row in outcomes if row.receipt_id is not None]
    places = await photos.wanting(desk.db, agent.account_id, ids, picture.digest) if ids else []
    if not places:
        return
    try:
        jpeg = await intake.clean(desk.decoder, picture)
    except PictureBroken:
        log.info("photo_not_kept", receipts=[place.receipt_id for place in places])  # its codes were read all the same
        return
    for place in places:
        try:
            await photos.keep(desk.db, desk.files, place, jpeg)
        except (PhotoKept, ReceiptDecided):
            continue  # somebody was faster: no photo is wanted any more
