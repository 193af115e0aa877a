"""The console's page about wordings of shops that are not clear, and about receipts that only people can read."""

from datetime import datetime
from typing import Annotated, Literal

from litestar import Router, get, put
from litestar.params import JSONBody, PathParameter, QueryParameter
from msgspec import Meta

from backend.brands.door import REVIEWERS, RoleForbids, Staff
from backend.console.paging import AfterNumber, Limit
from backend.database import Db, Session
from backend.errors import Busy
from backend.programmes.offers import TheBooks
from backend.programmes.products import ProductUnknown
from backend.receipts import by_hand, wordings
from backend.receipts.review_schemas import Id, Minor, Moment
from backend.receipts.schemas import SlipOut, slip_out
from backend.receipts.wording_schemas import NamedIn, NamedOut, ReadIn, WordingPage
from backend.wire import CursorInvalid, Now, Out, TheSettings, cursor, place, raises

Number = Annotated[int, PathParameter(ge=1, le=2**63 - 1)]
InReview = Annotated[Literal["review"], QueryParameter(name="state", description="Those that wait.")]
Waits = Annotated[Literal["waiting"], QueryParameter(name="state", description="Those that nobody has read.")]


class WaitingReceipt(Out):
    """A receipt that only people can read; whose it is is not shown."""

    id: Id
    receipt: SlipOut
    sent_at: Moment
    decide_by: Annotated[datetime, Meta(tz=True, examples=["2026-11-27T15:31:00Z"])]
    has_photo: Annotated[bool, Meta(examples=[True])]
    answer: Annotated[str | None, Meta(description="What the agent wrote.", examples=["Bought for a flat."])] = None


class WaitingPage(Out):
    """Receipts, those with a photo or an answer first, and of each the oldest."""

    items: list[WaitingReceipt]
    next: Annotated[str | None, Meta(description="Send it back as `cursor`.", examples=["WzE3XQ"])] = None


class ReadOut(Out):
    """What became of a receipt, and what your brand paid for it."""

    status: Annotated[Literal["review", "credited", "refused"], Meta(examples=["credited"])]
    amount: Minor
    reason: Annotated[str | None, Meta(examples=[None])] = None


@get("/receipt-lines", opt=REVIEWERS, responses=raises(RoleForbids, CursorInvalid))
async def list_receipt_lines(
    staff: Staff, session: Session, wanted: InReview = "review", after: AfterNumber = None, limit: Limit = 50
) -> WordingPage:  # fmt: skip
    """Lines whose wording is not clear, together by shop and wording, those that wait longest first."""
    del wanted  # the only one there is
    items, following = await wordings.page(session, staff, place(after), limit)
    return WordingPage(items, cursor(following) if following else None)


@put(
    "/receipt-lines/{line:int}/product",
    opt=REVIEWERS,
    responses=raises(RoleForbids, wordings.LineUnknown, ProductUnknown, Busy),
)
async def put_receipt_line_product(
    staff: Staff, db: Db, settings: TheSettings, books: TheBooks, now: Now, line: Number, data: JSONBody[NamedIn]
) -> NamedOut:
    """Say which product a line means, or that it is none of yours. From now on it goes for this shop's wording, and all
    lines that wait for it are decided. The same again is harmless; a change of mind counts for what comes later."""
    return await wordings.name(db, settings, books, staff, line, data.sku, now)


@get("/receipts", opt=REVIEWERS, responses=raises(RoleForbids, CursorInvalid))
async def list_waiting_receipts(
    staff: Staff, session: Session, wanted: Waits = "waiting", after: AfterNumber = None, limit: Limit = 50
) -> WaitingPage:
    """Receipts that no provider can show. Brands whose campaigns pay for receipts see them, and the first that reads
    goods of its own off one has it."""
    del wanted  # the only one there is
    rows, following = await by_hand.page(session, staff, after, limit)
    return WaitingPage(
        [WaitingReceipt(row.id, slip_out(row), row.sent_at, row.decide_by, row.photo is not None, row.answer)
         for row in rows],
        following,
    )  # fmt: skip


@put(
    "/receipts/{receipt:int}/lines",
    opt=REVIEWERS,
    responses=raises(
        RoleForbids,
        by_hand.ReceiptNotWaiting,
        by_hand.ReceiptDecided,
        by_hand.AmountsTooLarge,
        by_hand.QuantityInvalid,
        ProductUnknown,
        Busy,
    ),
)
async def put_receipt_lines(
    staff: Staff, db: Db, settings: TheSettings, books: TheBooks, now: Now, receipt: Number, data: JSONBody[ReadIn]
) -> ReadOut:
    """Say what of a receipt is yours: it is the agent's then, once in the world, and pays. No lines: nothing is yours.
    Then it leaves your list, and is refused when no brand is left to look at it. The same again is harmless."""
    row = await by_hand.read(db, settings, books, staff, receipt, data.lines, now)
    return ReadOut(row.state, int(row.amount), row.reason)


router = Router(
    "/",
    route_handlers=[list_receipt_lines, put_receipt_line_product, list_waiting_receipts, put_receipt_lines],
    tags=["Review"],
)
