"""The console's page about promo codes in bulk. Whoever has the file has the codes: owners and managers take it."""

from uuid import UUID

from litestar import Response, Router, get, put
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Example
from litestar.params import FromPath, JSONBody
from litestar.response import Stream

from backend.brands.door import EDITORS, READERS, RoleForbids, Staff, transaction
from backend.console.batches import Cursor, Limit
from backend.database import Db, Session
from backend.errors import BodyChanged
from backend.programmes.campaigns import CampaignEnded, CampaignUnknown
from backend.promocodes import issues
from backend.promocodes.issue_schemas import IssueIn, IssueOut, IssuePage
from backend.promocodes.wishes import WishForbidden
from backend.wire import CursorInvalid, TheSettings, cursor, place, raises

CSV = "text/csv"
FILE = ResponseSpec(
    str,
    media_type=CSV,
    description="A line for each code.",
    generate_examples=False,
    examples=[Example(value="code,url\r\n7KQ2M04TX,https://scanback.example/p/7KQ2M04TX\r\n")],
)
COMPLETE = ResponseSpec(IssueOut, description="All codes are made.")


@get("/promo-issues", opt=READERS, responses=raises(CursorInvalid))
async def list_promo_issues(staff: Staff, session: Session, after: Cursor = None, limit: Limit = 50) -> IssuePage:
    """What the brand ordered, newest first."""
    rows = await issues.page(session, staff.brand_id, place(after), limit + 1)
    following = cursor(rows[limit - 1][0].id) if len(rows) > limit else None
    return IssuePage([IssueOut.of(*row) for row in rows[:limit]], following)


@get("/promo-issues/{key:uuid}", opt=READERS, responses=raises(issues.IssueUnknown))
async def get_promo_issue(staff: Staff, session: Session, key: FromPath[UUID]) -> IssueOut:
    """How far an issue has come."""
    return IssueOut.of(*await issues.get(session, staff.brand_id, key))


@put(
    "/promo-issues/{key:uuid}",
    opt=EDITORS,
    status_code=202,
    responses={200: COMPLETE}
    | raises(
        RoleForbids,
        BodyChanged,
        CampaignUnknown,
        CampaignEnded,
        issues.CampaignWithoutPromo,
        issues.PrefixInvalid,
        issues.LikePackageCodes,
        WishForbidden,
        issues.CodesTooShort,
    ),
)
async def put_promo_issue(
    staff: Staff, session: Session, settings: TheSettings, key: FromPath[UUID], data: JSONBody[IssueIn]
) -> Response[IssueOut]:
    """Order codes under a UUID of yours; the worker makes them. Ordered again, it is the same order and its progress.

    The count is kept exactly, and no code is made that anybody has already.
    """
    ordered = await issues.order(session, settings, staff.brand_id, key, data.wanted, staff.staff_id)
    answer = IssueOut.of(*ordered)
    return Response(answer, status_code=200 if answer.state == "done" else 202)


@get(
    "/promo-issues/{key:uuid}/codes.csv",
    opt=EDITORS,
    responses={200: FILE} | raises(RoleForbids, issues.IssueUnknown, issues.IssueUnfinished),
)
async def get_promo_issue_codes(staff: Staff, db: Db, settings: TheSettings, key: FromPath[UUID]) -> Stream:
    """Take all codes of a finished issue, each with its link. Who takes them is written down."""
    async with transaction(db, staff) as session:
        issue = await issues.take(session, staff.brand_id, key, staff.staff_id)
    headers = {
        "Content-Disposition": f'attachment; filename="promo-codes-{key}.csv"',
        "Cache-Control": "private, no-store",
    }
    return Stream(issues.lines(db, issue.id, settings.base_url), media_type=CSV, headers=headers)


router = Router(
    "/",
    route_handlers=[list_promo_issues, get_promo_issue, put_promo_issue, get_promo_issue_codes],
    tags=["Promo issues"],
)
