"""The one button, and the queue of a phone that had no network."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from litestar import Request, Router, post, put
from litestar.params import FromPath, JSONBody

from backend.accounts.door import Agent, SignedIn
from backend.errors import BodyChanged, Busy, TooLarge, TooManyRequests
from backend.scans import intake, photos, receipts, service
from backend.scans.intake import Picture, PictureBroken, PictureKind, PictureTooBig
from backend.scans.outcomes import Outcome, from_picture, incoming
from backend.scans.schemas import QueueIn, QueueOut, ScanOut, picture_out, scan_out
from backend.scans.service import Desk, TheDesk
from backend.tokens import ASKS_ITSELF
from backend.wire import raises


@put(
    "/scans/{scan_id:uuid}",
    operation_class=intake.ScanOperation,
    opt=ASKS_ITSELF,
    responses=raises(BodyChanged, PictureBroken, TooLarge, PictureTooBig, PictureKind, TooManyRequests, Busy),
)
async def scan(
    request: Request[Any, Any, Any],
    scan_id: FromPath[UUID],
    agent: SignedIn,
    desk: TheDesk,
) -> ScanOut:
    """Hand in what the phone read, or a picture: the answer says what it is and what it brought.

    The id is a UUID that the phone makes. The same id with the same body gets the first answer again. A picture of a
    receipt that waits is kept for those who may look at it, without what the camera wrote into it.
    """
    now = datetime.now(UTC)
    body = await intake.read(request)
    if isinstance(body, Picture):
        outcomes = await _picture(desk, agent, scan_id, body, now)
        await photos.keep_scanned(desk, agent, body, outcomes)
        known = await desk.versions.load(row.version_id for row in outcomes)
        return picture_out(outcomes, known, await receipts.shown(desk.db, agent, outcomes, {}))
    (outcome,) = service.alone(await service.handle(desk, agent, [incoming(scan_id, body.text)], now))
    shown = await receipts.shown(desk.db, agent, [outcome], {(scan_id, 0): body.text})
    return scan_out(outcome, await desk.versions.load([outcome.version_id]), shown)


async def _picture(desk: Desk, agent: Agent, scan_id: UUID, picture: Picture, now: datetime) -> list[Outcome]:
    answered = await service.first_answer(desk, agent, scan_id, picture.digest)
    if answered:
        return answered
    await photos.admit(desk, agent, now)
    found = await intake.codes(desk.decoder, picture)
    return service.alone(await service.handle(desk, agent, from_picture(scan_id, picture.digest, found), now))


@post("/scans/batch", status_code=200, opt=ASKS_ITSELF, responses=raises(TooManyRequests, Busy))
async def scan_queue(
    data: JSONBody[QueueIn],
    agent: SignedIn,
    desk: TheDesk,
) -> QueueOut:
    """Hand in up to 200 scans that waited for a network, in any order; the whole may be sent again."""
    texts = [incoming(row.id, row.text) for row in data.scans]
    outcomes = await service.handle(desk, agent, texts, datetime.now(UTC))
    known = await desk.versions.load(row.version_id for row in outcomes)
    shown = await receipts.shown(desk.db, agent, outcomes, {(row.id, 0): row.text for row in data.scans})
    return QueueOut([scan_out(row, known, shown) for row in outcomes])


router = Router("/", route_handlers=[scan, scan_queue], tags=["Scans"])
