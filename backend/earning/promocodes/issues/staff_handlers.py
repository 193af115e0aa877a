"""Staff endpoints of bulk issues of promo codes. The file has the codes themselves: only owners and managers get it."""

from functools import partial
from uuid import UUID

from litestar import Response, Router, get, put
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Example
from litestar.params import FromPath, JSONBody
from litestar.response import Stream

from backend.core.db.database import Db, Session
from backend.core.http.errors import BodyChanged
from backend.core.http.models import CurrentSettings
from backend.core.http.pagination import Cursor, CursorInvalid, LargeLimit, number_from_cursor, read_page
from backend.core.http.problems import error_responses
from backend.earning.promocodes.issues import service as issues
from backend.earning.promocodes.issues.schemas import PromoCodeBatchIn, PromoCodeBatchOut, PromoCodeBatchPage
from backend.earning.promocodes.words.code_words import RequestedWordForbidden
from backend.identity.brands.authentication import EDITORS, READERS, CurrentMember, RoleForbids, brand_transaction
from backend.programmes.campaigns.service import CampaignEnded, CampaignUnknown

CSV = "text/csv"
FILE = ResponseSpec(
    str,
    media_type=CSV,
    description="One line per code.",
    generate_examples=False,
    examples=[Example(value="code,url,code_id\r\n7KQ2M04TX,https://scanback.example/p/7KQ2M04TX,17\r\n")],
)
COMPLETE = ResponseSpec(PromoCodeBatchOut, description="All codes are made.")


@get("/promo-issues", opt=READERS, responses=error_responses(CursorInvalid))
async def list_promo_code_batches(
    staff: CurrentMember, session: Session, after: Cursor = None, limit: LargeLimit = 50
) -> PromoCodeBatchPage:
    """The brand's issues, newest first."""
    read = partial(issues.list_issues, session, staff.brand_id, number_from_cursor(after))
    rows, next_cursor = await read_page(read, limit, lambda row: row[0].id)
    return PromoCodeBatchPage([PromoCodeBatchOut.of(*row) for row in rows], next_cursor)


@get("/promo-issues/{key:uuid}", opt=READERS, responses=error_responses(issues.IssueUnknown))
async def get_promo_code_batch(staff: CurrentMember, session: Session, key: FromPath[UUID]) -> PromoCodeBatchOut:
    """An issue and its progress."""
    return PromoCodeBatchOut.of(*await issues.get_issue(session, staff.brand_id, key))


@put(
    "/promo-issues/{key:uuid}",
    opt=EDITORS,
    status_code=202,
    responses={200: COMPLETE}
    | error_responses(
        RoleForbids,
        BodyChanged,
        CampaignUnknown,
        CampaignEnded,
        issues.CampaignWithoutPromo,
        issues.PrefixInvalid,
        issues.LikePackageCodes,
        RequestedWordForbidden,
        issues.CodesTooShort,
    ),
)
async def put_promo_code_batch(
    staff: CurrentMember,
    session: Session,
    settings: CurrentSettings,
    key: FromPath[UUID],
    data: JSONBody[PromoCodeBatchIn],
) -> Response[PromoCodeBatchOut]:
    """Order codes under a UUID of your choice; the worker makes them. Idempotent: a repeat returns the progress.

    The count is exact, and all codes are new.
    """
    issue = await issues.order_issue(session, settings, staff.brand_id, key, data.order, staff.staff_id)
    answer = PromoCodeBatchOut.of(*issue)
    return Response(answer, status_code=200 if answer.state == "done" else 202)


@get(
    "/promo-issues/{key:uuid}/codes.csv",
    opt=EDITORS,
    responses={200: FILE} | error_responses(RoleForbids, issues.IssueUnknown, issues.IssueUnfinished),
)
async def download_promo_code_batch(
    staff: CurrentMember, db: Db, settings: CurrentSettings, key: FromPath[UUID]
) -> Stream:
    """Download all codes of a finished issue with their links. The download is recorded in the events."""
    async with brand_transaction(db, staff) as session:
        issue = await issues.start_download(session, staff.brand_id, key, staff.staff_id)
    headers = {
        "Content-Disposition": f'attachment; filename="promo-codes-{key}.csv"',
        "Cache-Control": "private, no-store",
    }
    return Stream(issues.csv_lines(db, issue, settings.base_url), media_type=CSV, headers=headers)


router = Router(
    "/",
    route_handlers=[list_promo_code_batches, get_promo_code_batch, put_promo_code_batch, download_promo_code_batch],
    tags=["Promo code batches"],
)
