"""The one button, and the queue of a phone that had no network."""

from uuid import UUID

from litestar import Router, post, put
from litestar.params import FromPath, JSONBody

from backend.accounts.door import SignedIn
from backend.database import Db
from backend.errors import BodyChanged, Busy, TooManyRequests
from backend.programmes.explain import TheVersions
from backend.programmes.offers import TheBooks
from backend.scans import service
from backend.scans.schemas import QueueIn, QueueOut, ScanIn, ScanOut, scan_out
from backend.scans.service import Desk
from backend.wire import Now, TheSettings, raises


@put("/scans/{scan_id:uuid}", responses=raises(BodyChanged, TooManyRequests, Busy))
async def scan(
    data: JSONBody[ScanIn], scan_id: FromPath[UUID], agent: SignedIn, db: Db, settings: TheSettings, books: TheBooks, versions: TheVersions,
    now: Now,
) -> ScanOut:  # fmt: skip
    """Hand in what the phone read: the answer says what it is and what it brought."""
    text = service.incoming(scan_id, data.text, ())
    (outcome,) = await service.handle(Desk(db, settings, books), agent, [text], now)
    return scan_out(outcome, await versions.load([outcome.version_id]))


@post("/scans/batch", status_code=200, responses=raises(TooManyRequests, Busy))
async def scan_queue(
    data: JSONBody[QueueIn],
    agent: SignedIn,
    db: Db,
    settings: TheSettings,
    books: TheBooks,
    versions: TheVersions,
    now: Now,
) -> QueueOut:
    """Hand in up to 200 scans that waited for a network, in any order; the whole may be sent again."""
    texts = [service.incoming(row.id, row.text, ()) for row in data.scans]
    outcomes = await service.handle(Desk(db, settings, books), agent, texts, now)
    known = await versions.load(row.version_id for row in outcomes)
    return QueueOut([scan_out(row, known) for row in outcomes])


router = Router("/", route_handlers=[scan, scan_queue], tags=["Scans"])
