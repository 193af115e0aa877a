"""The console's page about batches: making them, and turning their pallets and rolls."""

from typing import Annotated, Any
from uuid import UUID

from litestar import Request, Response, Router, get, put
from litestar.openapi.spec import Example
from litestar.params import FromPath, JSONBody, PathParameter, QueryParameter
from sqlalchemy.ext.asyncio import AsyncSession

from backend.brands.door import EDITORS, READERS, RoleForbids, Staff
from backend.database import Session
from backend.errors import BodyChanged
from backend.packages import batches, ranges, slots
from backend.packages.models import Batch
from backend.packages.schemas import BatchIn, BatchLine, BatchOut, BatchPage, RangeOut, RangePage, StateIn
from backend.programmes.models import Product
from backend.programmes.products import ProductUnknown
from backend.programmes.service import ProgrammeUnknown
from backend.wire import ETAG_HEADER, CursorInvalid, cursor, place, raises, with_etag

SHOWN_RANGES = 100
SpanPath = Annotated[
    str,
    PathParameter(
        pattern=r"^[1-9][0-9]{0,9}-[1-9][0-9]{0,9}(?!\n)$",
        description="First and last position, as in the print files.",
        examples=[Example(value="1-5000")],
    ),
]
Cursor = Annotated[str | None, QueryParameter(name="cursor", max_length=64, description="`next` of the page before.")]
Limit = Annotated[int, QueryParameter(ge=1, le=1000)]


@get("/batches", opt=READERS, responses=raises(CursorInvalid))
async def list_batches(staff: Staff, session: Session, after: Cursor = None, limit: Limit = 50) -> BatchPage:
    """The brand's batches, newest first."""
    rows = await batches.page(session, staff.brand_id, place(after), limit + 1)
    following = cursor(rows[limit - 1][0].id) if len(rows) > limit else None
    return BatchPage([BatchLine.of(batch, product) for batch, product in rows[:limit]], following)


@get("/batches/{key:uuid}", opt=READERS, responses=raises(batches.BatchUnknown), response_headers=[ETAG_HEADER])
async def get_batch(
    request: Request[Any, Any, Any], staff: Staff, session: Session, key: FromPath[UUID]
) -> Response[BatchOut]:
    """One batch: how many codes are in which state and how many are claimed."""
    return with_etag(request, await _shown(session, *await batches.get(session, staff.brand_id, key)))


@put(
    "/batches/{key:uuid}",
    opt=EDITORS,
    responses=raises(
        RoleForbids,
        BodyChanged,
        ProgrammeUnknown,
        ProductUnknown,
        batches.CountInvalid,
        batches.GtinMissing,
        slots.SlotsUsedUp,
    ),
)
async def put_batch(staff: Staff, session: Session, key: FromPath[UUID], data: JSONBody[BatchIn]) -> BatchOut:
    """Make a batch under a UUID of yours. The same again gets the same batch, another body is refused.

    A hundred million codes take no longer than one: none of them is stored.
    """
    made = await batches.create(session, staff.brand_id, key, data.wanted, staff.staff_id)
    return await _shown(session, *made)


@put(
    "/batches/{key:uuid}/state",
    opt=EDITORS,
    responses=raises(RoleForbids, batches.BatchUnknown, ranges.StateForbidden, ranges.StartInvalid),
)
async def put_batch_state(staff: Staff, session: Session, key: FromPath[UUID], data: JSONBody[StateIn]) -> BatchOut:
    """Bring all codes of a batch into a state: printed, active, closed or revoked. What is closed or revoked stays so.

    From active back to printed is a recall: the codes can be activated again.
    """
    batch = await batches.locked(session, staff.brand_id, key)
    await ranges.turn(session, batch, ranges.whole(batch, data.state, data.active_from), staff.staff_id)
    return await _shown(session, *await batches.get(session, staff.brand_id, key))


@get("/batches/{key:uuid}/ranges", opt=READERS, responses=raises(batches.BatchUnknown, CursorInvalid))
async def list_ranges(
    staff: Staff, session: Session, key: FromPath[UUID], after: Cursor = None, limit: Limit = 100
) -> RangePage:
    """The ranges of a batch, each in one state."""
    batch, _ = await batches.get(session, staff.brand_id, key)
    rows = await ranges.parts(session, batch, place(after) or 0, limit + 1)
    following = cursor(rows[limit - 1].last) if len(rows) > limit else None
    return RangePage([RangeOut.of(row) for row in rows[:limit]], following)


@put(
    "/batches/{key:uuid}/ranges/{span:str}",
    opt=EDITORS,
    responses=raises(
        RoleForbids, batches.BatchUnknown, ranges.StateForbidden, ranges.StartInvalid, ranges.PositionsUnknown
    ),
)
async def put_range(
    staff: Staff, session: Session, key: FromPath[UUID], span: SpanPath, data: JSONBody[StateIn]
) -> BatchOut:
    """Bring a pallet or roll into a state by its positions: dispatch, recall or revoke it."""
    first, last = map(int, span.split("-"))
    batch = await batches.locked(session, staff.brand_id, key)
    await ranges.turn(session, batch, ranges.Part(first, last, data.state, data.active_from), staff.staff_id)
    return await _shown(session, *await batches.get(session, staff.brand_id, key))


async def _shown(session: AsyncSession, batch: Batch, product: Product) -> BatchOut:
    parts = await ranges.parts(session, batch, 0, SHOWN_RANGES + 1)
    return BatchOut.whole(batch, product, await batches.standing(session, batch), parts, SHOWN_RANGES)


router = Router(
    "/",
    route_handlers=[list_batches, get_batch, put_batch, put_batch_state, list_ranges, put_range],
    tags=["Package codes"],
)
