"""Console endpoints for agents whose lines a brand reviews before it pays."""

from datetime import datetime
from typing import Annotated, Literal

from litestar import Response, Router, delete, get, put
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody, PathParameter, QueryParameter

from backend.core.db.database import Database, Db, Session
from backend.core.http.errors import Busy
from backend.core.http.models import CurrentSettings, Now
from backend.core.http.pagination import AfterNumber, CursorInvalid, Limit
from backend.core.http.problems import error_responses
from backend.core.settings import Settings
from backend.earning.receipts.review import queue as review_queue
from backend.earning.receipts.review import service as reviewing
from backend.earning.receipts.review.review_decisions import ReviewDecided, ReviewUnknown
from backend.earning.receipts.review.review_steps import SecondPersonNeeded
from backend.earning.receipts.review.schemas import FraudRuleFiguresList, ReviewDecisionIn, ReviewOut, ReviewPage
from backend.identity.brands.authentication import REVIEWERS, CurrentMember, Member, RoleForbids, brand_transaction
from backend.programmes.rules.rule_cache import CurrentRuleCache, RuleCache

Number = Annotated[int, PathParameter(ge=1, le=2**63 - 1)]
CardPath = Annotated[str, PathParameter(pattern=r"^[0-9]{16}(?!\n)$", description="The agent's card number.")]
State = Annotated[Literal["open", "decided"] | None, QueryParameter(name="state", description="Both if left out.")]
PROPOSED = ResponseSpec(
    ReviewOut, description="It is more than one person may release: a second one has to confirm it."
)


@get("/reviews", opt=REVIEWERS, responses=error_responses(RoleForbids, CursorInvalid))
async def list_reviews(
    staff: CurrentMember, session: Session, wanted: State = None, after: AfterNumber = None, limit: Limit = 50
) -> ReviewPage:
    """Agents in review: open items first, those with the most points before the others (docs/review.md)."""
    return ReviewPage(*await review_queue.review_page(session, staff, wanted, after, limit))


@get("/reviews/figures", opt=REVIEWERS, responses=error_responses(RoleForbids))
async def get_fraud_rule_figures(staff: CurrentMember, session: Session) -> FraudRuleFiguresList:
    """The figures of each rule: findings, decisions, the share that reviewers overturned, and the median time."""
    return await review_queue.rule_figures(session, staff)


@get("/reviews/{review:int}", opt=REVIEWERS, responses=error_responses(RoleForbids, ReviewUnknown))
async def get_review(
    staff: CurrentMember, db: Db, settings: CurrentSettings, rule_cache: CurrentRuleCache, now: Now, review: Number
) -> ReviewOut:
    """One item: findings of rules, the agent's receipts with your goods, and the lines in review."""
    return await _review_response(db, settings, rule_cache, staff, review, now)


@put(
    "/reviews/{review:int}/decision",
    opt=REVIEWERS,
    responses={202: PROPOSED}
    | error_responses(
        RoleForbids,
        ReviewUnknown,
        ReviewDecided,
        SecondPersonNeeded,
        reviewing.RuleNotFound,
        Busy,
    ),
)
async def put_review_decision(
    staff: CurrentMember,
    db: Db,
    settings: CurrentSettings,
    rule_cache: CurrentRuleCache,
    now: Now,
    review: Number,
    data: JSONBody[ReviewDecisionIn],
) -> Response[ReviewOut]:
    """Decide an item. Idempotent; another decision is a conflict. A release above `second_person_above` is stored as a
    proposal until another person sends the same decision."""
    decided = await reviewing.decide_review(db, settings, rule_cache, staff, review, data, now)
    return Response(
        await _review_response(db, settings, rule_cache, staff, review, now), status_code=200 if decided else 202
    )


async def _review_response(
    db: Database, settings: Settings, rule_cache: RuleCache, staff: Member, review: int, now: datetime
) -> ReviewOut:
    lines, _ = await reviewing.price_waiting_lines(db, settings, rule_cache, staff, review, "release", now)
    async with brand_transaction(db, staff) as session:
        above = settings.numbers.at("second_person_above", now.date())
        return await review_queue.review_details(session, staff, review, lines, above)


@delete("/freezes/{card:str}", opt=REVIEWERS, responses=error_responses(RoleForbids, reviewing.NotFrozen))
async def unfreeze_agent(staff: CurrentMember, session: Session, card: CardPath) -> None:
    """End a freeze. Lines in review stay there until their item is decided."""
    await reviewing.unfreeze_account(session, staff, card)


router = Router(
    "/",
    route_handlers=[list_reviews, get_fraud_rule_figures, get_review, put_review_decision, unfreeze_agent],
    tags=["Receipt review"],
)
