"""Console endpoints for unclear wordings of shops, and for receipts that only people can read."""

from datetime import datetime
from typing import Annotated, Literal

from litestar import Router, get, put
from litestar.params import JSONBody, PathParameter, QueryParameter
from msgspec import Meta

from backend.core.db.database import Db, Session
from backend.core.http.errors import Busy
from backend.core.http.models import CurrentSettings, Now, ResponseModel
from backend.core.http.pagination import AfterNumber, CursorInvalid, Limit, encode_cursor, number_from_cursor
from backend.core.http.problems import error_responses
from backend.earning.receipts.review.lines import manual_lines, wordings
from backend.earning.receipts.review.lines.manual_decisions import ReceiptDecided
from backend.earning.receipts.review.lines.schemas import (
    ManualReceiptLinesIn,
    ReceiptWordingPage,
    WordingProductIn,
    WordingProductOut,
)
from backend.earning.receipts.review.schemas import Id, Minor, Moment
from backend.earning.receipts.schemas import FiscalReceiptOut, requisites_out
from backend.identity.brands.authentication import REVIEWERS, CurrentMember, RoleForbids
from backend.programmes.products.service import ProductUnknown
from backend.programmes.rules.rule_cache import CurrentRuleCache

Number = Annotated[int, PathParameter(ge=1, le=2**63 - 1)]
ReviewState = Annotated[Literal["review"], QueryParameter(name="state", description="Lines in review.")]
UnreadState = Annotated[Literal["waiting"], QueryParameter(name="state", description="Unread receipts.")]


class PendingReceipt(ResponseModel):
    """A receipt that only people can read; its agent is not shown."""

    id: Id
    receipt: FiscalReceiptOut
    sent_at: Moment
    decide_by: Annotated[datetime, Meta(tz=True, examples=["2026-11-27T15:31:00Z"])]
    has_photo: Annotated[bool, Meta(examples=[True])]
    answer: Annotated[str | None, Meta(description="What the agent wrote.", examples=["Bought for a flat."])] = None


class PendingReceiptPage(ResponseModel):
    """Receipts, those with a photo or an answer first, then by age."""

    items: list[PendingReceipt]
    next: Annotated[str | None, Meta(description="Send it back as `cursor`.", examples=["WzE3XQ"])] = None


class ManualReceiptLinesOut(ResponseModel):
    """The state of a receipt, and what your brand paid for it."""

    status: Annotated[Literal["review", "credited", "refused"], Meta(examples=["credited"])]
    amount: Minor
    reason: Annotated[str | None, Meta(examples=[None])] = None


@get("/receipt-lines", opt=REVIEWERS, responses=error_responses(RoleForbids, CursorInvalid))
async def list_receipt_wordings(
    staff: CurrentMember, session: Session, wanted: ReviewState = "review", after: AfterNumber = None, limit: Limit = 50
) -> ReceiptWordingPage:
    """Lines with an unclear wording, grouped by shop and wording, the oldest first."""
    del wanted  # the only value
    items, following = await wordings.wording_page(session, staff, number_from_cursor(after), limit)
    return ReceiptWordingPage(items, encode_cursor(following) if following else None)


@put(
    "/receipt-lines/{line:int}/product",
    opt=REVIEWERS,
    responses=error_responses(RoleForbids, wordings.LineUnknown, ProductUnknown, Busy),
)
async def put_wording_product(
    staff: CurrentMember,
    db: Db,
    settings: CurrentSettings,
    rule_cache: CurrentRuleCache,
    now: Now,
    line: Number,
    data: JSONBody[WordingProductIn],
) -> WordingProductOut:
    """Set the product of a line, or that it is none of yours.

    The decision applies to this shop's wording from now on; with `everywhere`, to the wording in all shops without a
    decision of their own. All lines in review with this wording are decided. Idempotent; a changed decision applies to
    later receipts."""
    return await wordings.decide_wording(db, settings, rule_cache, staff, line, data, now)


@get("/receipts", opt=REVIEWERS, responses=error_responses(RoleForbids, CursorInvalid))
async def list_pending_receipts(
    staff: CurrentMember,
    session: Session,
    wanted: UnreadState = "waiting",
    after: AfterNumber = None,
    limit: Limit = 50,
) -> PendingReceiptPage:
    """Receipts that no provider can verify. Brands whose campaigns pay for receipts see them; the first that reads its
    own goods off a receipt claims it."""
    del wanted  # the only value
    rows, following = await manual_lines.unread_receipts(session, staff, after, limit)
    return PendingReceiptPage(
        [
            PendingReceipt(row.id, requisites_out(row), row.sent_at, row.decide_by, row.photo is not None, row.answer)
            for row in rows
        ],
        following,
    )


@put(
    "/receipts/{receipt:int}/lines",
    opt=REVIEWERS,
    responses=error_responses(
        RoleForbids,
        manual_lines.ReceiptNotWaiting,
        ReceiptDecided,
        manual_lines.AmountsTooLarge,
        manual_lines.QuantityInvalid,
        ProductUnknown,
        Busy,
    ),
)
async def put_manual_receipt_lines(
    staff: CurrentMember,
    db: Db,
    settings: CurrentSettings,
    rule_cache: CurrentRuleCache,
    now: Now,
    receipt: Number,
    data: JSONBody[ManualReceiptLinesIn],
) -> ManualReceiptLinesOut:
    """Record your goods on a receipt: this claims it for the agent and pays. Without lines nothing is yours: it
    leaves your list, and is refused when no brand is left to read it. Idempotent."""
    row = await manual_lines.record_lines(db, settings, rule_cache, staff, receipt, data.lines, now)
    return ManualReceiptLinesOut(row.state, int(row.amount), row.reason)


router = Router(
    "/",
    route_handlers=[list_receipt_wordings, put_wording_product, list_pending_receipts, put_manual_receipt_lines],
    tags=["Receipt review"],
)
