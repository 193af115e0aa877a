"""Endpoints of the console for batches and their ranges (pallets and rolls)."""

from functools import partial
from operator import attrgetter
from typing import Annotated
from uuid import UUID

from litestar import Response, Router, get, put
from litestar.openapi.spec import Example
from litestar.params import FromPath, JSONBody, PathParameter
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.db.database import Session
from backend.core.http.conditional_requests import ETAG_HEADER, conditional_response
from backend.core.http.errors import BodyChanged
from backend.core.http.models import CurrentSettings
from backend.core.http.pagination import Cursor, CursorInvalid, LargeLimit, number_from_cursor, read_page
from backend.core.http.problems import error_responses
from backend.core.http.requests import HTTPRequest
from backend.earning.packages import batches, ranges, slots
from backend.earning.packages.models import Batch
from backend.earning.packages.schemas import (
    BatchIn,
    BatchOut,
    BatchPage,
    BatchSummary,
    CodeRangeOut,
    CodeRangePage,
    CodeStateIn,
)
from backend.identity.brands.authentication import (
    EDITORS,
    READERS,
    REAUTHENTICATES,
    AuthenticationExpired,
    CurrentMember,
    RoleForbids,
)
from backend.programmes.models import Product
from backend.programmes.products.service import ProductUnknown
from backend.programmes.service import ProgrammeUnknown

MAX_SHOWN_RANGES = 100
SpanPath = Annotated[
    str,
    PathParameter(
        pattern=r"^[1-9][0-9]{0,9}-[1-9][0-9]{0,9}(?!\n)$",
        description="First and last position, as in the print files.",
        examples=[Example(value="1-5000")],
    ),
]


@get("/batches", opt=READERS, responses=error_responses(CursorInvalid))
async def list_batches(
    staff: CurrentMember, session: Session, after: Cursor = None, limit: LargeLimit = 50
) -> BatchPage:
    """The brand's batches, newest first."""
    read = partial(batches.list_batches, session, staff.brand_id, number_from_cursor(after))
    rows, following = await read_page(read, limit, lambda row: row[0].id)
    return BatchPage([BatchSummary.of(batch, product) for batch, product in rows], following)


@get(
    "/batches/{key:uuid}", opt=READERS, responses=error_responses(batches.BatchUnknown), response_headers=[ETAG_HEADER]
)
async def get_batch(
    request: HTTPRequest, staff: CurrentMember, session: Session, key: FromPath[UUID]
) -> Response[BatchOut]:
    """One batch: the number of codes in each state, and of claimed codes."""
    return conditional_response(
        request, await _batch_response(session, *await batches.get_batch(session, staff.brand_id, key))
    )


@put(
    "/batches/{key:uuid}",
    opt=EDITORS | REAUTHENTICATES,
    responses=error_responses(
        RoleForbids,
        AuthenticationExpired,
        BodyChanged,
        ProgrammeUnknown,
        ProductUnknown,
        batches.CountInvalid,
        batches.GtinMissing,
        slots.SlotsUsedUp,
    ),
)
async def put_batch(
    staff: CurrentMember, session: Session, settings: CurrentSettings, key: FromPath[UUID], data: JSONBody[BatchIn]
) -> BatchOut:
    """Create a batch with a UUID of yours. Idempotent; another body under the same UUID is refused.

    A hundred million codes take no longer than one: codes are not stored.
    """
    made = await batches.create_batch(session, staff.brand_id, key, data.wanted, staff.staff_id, settings)
    return await _batch_response(session, *made)


@put(
    "/batches/{key:uuid}/state",
    opt=EDITORS,
    responses=error_responses(RoleForbids, batches.BatchUnknown, ranges.StateForbidden, ranges.StartInvalid),
)
async def put_batch_state(
    staff: CurrentMember, session: Session, key: FromPath[UUID], data: JSONBody[CodeStateIn]
) -> BatchOut:
    """Change all codes of a batch to a state: printed, active, closed or revoked. Closed and revoked are final.

    From active back to printed is a recall: the codes can be activated again.
    """
    batch = await batches.lock_batch(session, staff.brand_id, key)
    await ranges.change_state(session, batch, ranges.all_positions(batch, data.state, data.active_from), staff.staff_id)
    return await _batch_response(session, *await batches.get_batch(session, staff.brand_id, key))


@get("/batches/{key:uuid}/ranges", opt=READERS, responses=error_responses(batches.BatchUnknown, CursorInvalid))
async def list_code_ranges(
    staff: CurrentMember, session: Session, key: FromPath[UUID], after: Cursor = None, limit: LargeLimit = 100
) -> CodeRangePage:
    """The ranges of a batch, each in one state."""
    batch, _ = await batches.get_batch(session, staff.brand_id, key)
    read = partial(ranges.list_ranges, session, batch, number_from_cursor(after) or 0)
    rows, following = await read_page(read, limit, attrgetter("last"))
    return CodeRangePage([CodeRangeOut.of(row) for row in rows], following)


@put(
    "/batches/{key:uuid}/ranges/{span:str}",
    opt=EDITORS,
    responses=error_responses(
        RoleForbids, batches.BatchUnknown, ranges.StateForbidden, ranges.StartInvalid, ranges.PositionsUnknown
    ),
)
async def put_code_range(
    staff: CurrentMember, session: Session, key: FromPath[UUID], span: SpanPath, data: JSONBody[CodeStateIn]
) -> BatchOut:
    """Change a pallet or roll to a state by its positions: dispatch, recall or revoke it."""
    first, last = map(int, span.split("-"))
    batch = await batches.lock_batch(session, staff.brand_id, key)
    await ranges.change_state(
        session, batch, ranges.PositionRange(first, last, data.state, data.active_from), staff.staff_id
    )
    return await _batch_response(session, *await batches.get_batch(session, staff.brand_id, key))


async def _batch_response(session: AsyncSession, batch: Batch, product: Product) -> BatchOut:
    parts = await ranges.list_ranges(session, batch, 0, MAX_SHOWN_RANGES + 1)
    return BatchOut.whole(batch, product, await batches.batch_progress(session, batch), parts, MAX_SHOWN_RANGES)


router = Router(
    "/",
    route_handlers=[list_batches, get_batch, put_batch, put_batch_state, list_code_ranges, put_code_range],
    tags=["Package codes"],
)
