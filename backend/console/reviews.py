"""The console's page about agents whom a brand looks at before it pays."""

from datetime import datetime
from typing import Annotated, Literal

from litestar import Response, Router, delete, get, put
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody, PathParameter, QueryParameter

from backend.brands.door import REVIEWERS, Member, RoleForbids, Staff, transaction
from backend.console.paging import AfterNumber, Limit
from backend.database import Database, Db, Session
from backend.errors import Busy
from backend.programmes.offers import Books, TheBooks
from backend.receipts import review_queue, reviewing
from backend.receipts.review_schemas import DecisionIn, Figures, ReviewOut, ReviewPage
from backend.settings import Settings
from backend.wire import CursorInvalid, Now, TheSettings, raises

Number = Annotated[int, PathParameter(ge=1, le=2**63 - 1)]
CardPath = Annotated[str, PathParameter(pattern=r"^[0-9]{16}(?!\n)$", description="The agent's card number.")]
State = Annotated[Literal["open", "decided"] | None, QueryParameter(name="state", description="Both if left out.")]
PROPOSED = ResponseSpec(ReviewOut, description="It is more than one person may release: a second one is to confirm it.")


@get("/reviews", opt=REVIEWERS, responses=raises(RoleForbids, CursorInvalid))
async def list_reviews(
    staff: Staff, session: Session, wanted: State = None, after: AfterNumber = None, limit: Limit = 50
) -> ReviewPage:
    """Agents to decide about: open ones first, those with most points before the others (docs/review.md)."""
    return ReviewPage(*await review_queue.page(session, staff, wanted, after, limit))


@get("/reviews/figures", opt=REVIEWERS, responses=raises(RoleForbids))
async def get_review_figures(staff: Staff, session: Session) -> Figures:
    """How each rule does: findings, decisions, the share that people overturned, and the median time."""
    return await review_queue.figures(session, staff)


@get("/reviews/{review:int}", opt=REVIEWERS, responses=raises(RoleForbids, reviewing.ReviewUnknown))
async def get_review(
    staff: Staff, db: Db, settings: TheSettings, books: TheBooks, now: Now, review: Number
) -> ReviewOut:
    """One item: what rules saw, the agent's receipts with your goods, and what waits."""
    return await _shown(db, settings, books, staff, review, now)


@put(
    "/reviews/{review:int}/decision",
    opt=REVIEWERS,
    responses={202: PROPOSED}
    | raises(
        RoleForbids,
        reviewing.ReviewUnknown,
        reviewing.ReviewDecided,
        reviewing.SecondPersonNeeded,
        reviewing.RuleNotFound,
        Busy,
    ),
)
async def put_review_decision(
    staff: Staff, db: Db, settings: TheSettings, books: TheBooks, now: Now, review: Number, data: JSONBody[DecisionIn]
) -> Response[ReviewOut]:
    """Decide. The same again is harmless; another decision comes too late. A release above `second_person_above` is
    kept as a proposal until somebody else sends the same."""
    decided = await reviewing.decide(db, settings, books, staff, review, data, now)
    return Response(await _shown(db, settings, books, staff, review, now), status_code=200 if decided else 202)


async def _shown(
    db: Database, settings: Settings, books: Books, staff: Member, review: int, now: datetime
) -> ReviewOut:
    lines, _ = await reviewing.priced(db, books, staff, review, "release", now)
    async with transaction(db, staff) as session:
        above = settings.numbers.at("second_person_above", now.date())
        return await review_queue.one(session, staff, review, lines, above)


@delete("/freezes/{card:str}", opt=REVIEWERS, responses=raises(RoleForbids, reviewing.NotFrozen))
async def unfreeze(staff: Staff, session: Session, card: CardPath) -> None:
    """Pay an agent again without a look. What waits goes on waiting until its item is decided."""
    await reviewing.unfreeze(session, staff, card)


router = Router(
    "/",
    route_handlers=[list_reviews, get_review_figures, get_review, put_review_decision, unfreeze],
    tags=["Review"],
)
