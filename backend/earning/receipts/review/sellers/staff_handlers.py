"""Console endpoints for shops whose receipts pay or do not."""

from functools import partial
from operator import attrgetter
from typing import Annotated

from litestar import Router, delete, get, put
from litestar.params import JSONBody, PathParameter
from msgspec import Meta

from backend.core.db.database import Session
from backend.core.http.models import LINE_OR_NOTHING, RequestModel, ResponseModel
from backend.core.http.pagination import AfterKey, CursorInvalid, Limit, read_page, text_from_cursor
from backend.core.http.problems import error_responses
from backend.earning.receipts.models import ReceiptSeller
from backend.earning.receipts.review.sellers import service as sellers
from backend.identity.brands.authentication import REVIEWERS, CurrentMember, RoleForbids

Inn = Annotated[str, PathParameter(pattern=r"^[0-9]{10}([0-9]{2})?(?!\n)$", description="ИНН of the shop.")]
Note = Annotated[str, Meta(max_length=200, pattern=LINE_OR_NOTHING, examples=["Sells to itself."])]


class SellerIn(RequestModel):
    """Whether its receipts pay. Once one shop is allowed, shops without a decision are not."""

    allowed: Annotated[bool, Meta(examples=[False])]
    note: Note = ""


class SellerOut(ResponseModel):
    """Your brand's decision about a shop."""

    inn: Annotated[str, Meta(examples=["7707083893"])]
    allowed: Annotated[bool, Meta(examples=[False])]
    note: Note

    @classmethod
    def of(cls, row: ReceiptSeller) -> "SellerOut":
        return cls(row.inn, row.allowed, row.note)


class SellerPage(ResponseModel):
    """Shops by tax number."""

    items: list[SellerOut]
    next: Annotated[str | None, Meta(description="Send it back as `cursor`.", examples=["WyI3NzA3MDgzODkzIl0"])] = None


@get("/sellers", opt=REVIEWERS, responses=error_responses(RoleForbids, CursorInvalid))
async def list_sellers(staff: CurrentMember, session: Session, after: AfterKey = None, limit: Limit = 50) -> SellerPage:
    """Shops whose receipts pay or do not."""
    read = partial(sellers.list_sellers, session, staff, text_from_cursor(after))
    rows, following = await read_page(read, limit, attrgetter("inn"))
    return SellerPage([SellerOut.of(row) for row in rows], following)


@get("/sellers/{inn:str}", opt=REVIEWERS, responses=error_responses(RoleForbids, sellers.SellerUnknown))
async def get_seller(staff: CurrentMember, session: Session, inn: Inn) -> SellerOut:
    """Your brand's decision about one shop."""
    return SellerOut.of(await sellers.get_seller(session, staff, inn))


@put("/sellers/{inn:str}", opt=REVIEWERS, responses=error_responses(RoleForbids, sellers.InnInvalid))
async def put_seller(staff: CurrentMember, session: Session, inn: Inn, data: JSONBody[SellerIn]) -> SellerOut:
    """Set whether receipts of a shop pay, as the till's owner or as the supplier of a line."""
    return SellerOut.of(await sellers.put_seller(session, staff, inn, allowed=data.allowed, note=data.note))


@delete("/sellers/{inn:str}", opt=REVIEWERS, responses=error_responses(RoleForbids, sellers.SellerUnknown))
async def delete_seller(staff: CurrentMember, session: Session, inn: Inn) -> None:
    """Remove the decision about a shop."""
    await sellers.delete_seller(session, staff, inn)


router = Router("/", route_handlers=[list_sellers, get_seller, put_seller, delete_seller], tags=["Sellers"])
