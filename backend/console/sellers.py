"""The console's page about shops whose receipts pay, or don't."""

from typing import Annotated

from litestar import Router, delete, get, put
from litestar.params import JSONBody, PathParameter
from msgspec import Meta

from backend.brands.door import REVIEWERS, RoleForbids, Staff
from backend.console.paging import AfterKey, Limit
from backend.database import Session
from backend.receipts import sellers
from backend.receipts.models import Seller
from backend.wire import LINE_OR_NOTHING, CursorInvalid, In, Out, cursor, raises, word

Inn = Annotated[str, PathParameter(pattern=r"^[0-9]{10}([0-9]{2})?(?!\n)$", description="ИНН of the shop.")]
Note = Annotated[str, Meta(max_length=200, pattern=LINE_OR_NOTHING, examples=["Sells to itself."])]


class SellerIn(In):
    """Whether its receipts pay. Once one shop is allowed, those of which nothing is said are not."""

    allowed: Annotated[bool, Meta(examples=[False])]
    note: Note = ""


class SellerOut(Out):
    """What your brand said about a shop."""

    inn: Annotated[str, Meta(examples=["7707083893"])]
    allowed: Annotated[bool, Meta(examples=[False])]
    note: Note

    @classmethod
    def of(cls, row: Seller) -> "SellerOut":
        return cls(row.inn, row.allowed, row.note)


class SellerPage(Out):
    """Shops by tax number."""

    items: list[SellerOut]
    next: Annotated[str | None, Meta(description="Send it back as `cursor`.", examples=["WyI3NzA3MDgzODkzIl0"])] = None


@get("/sellers", opt=REVIEWERS, responses=raises(RoleForbids, CursorInvalid))
async def list_sellers(staff: Staff, session: Session, after: AfterKey = None, limit: Limit = 50) -> SellerPage:
    """Shops whose receipts pay, or don't."""
    rows = await sellers.page(session, staff, word(after), limit + 1)
    following = cursor(rows[limit - 1].inn) if len(rows) > limit else None
    return SellerPage([SellerOut.of(row) for row in rows[:limit]], following)


@get("/sellers/{inn:str}", opt=REVIEWERS, responses=raises(RoleForbids, sellers.SellerUnknown))
async def get_seller(staff: Staff, session: Session, inn: Inn) -> SellerOut:
    """What your brand said about one shop."""
    return SellerOut.of(await sellers.get(session, staff, inn))


@put("/sellers/{inn:str}", opt=REVIEWERS, responses=raises(RoleForbids, sellers.InnInvalid))
async def put_seller(staff: Staff, session: Session, inn: Inn, data: JSONBody[SellerIn]) -> SellerOut:
    """Say whether receipts of a shop pay, as the till's owner or as the supplier of a line."""
    return SellerOut.of(await sellers.put(session, staff, inn, allowed=data.allowed, note=data.note))


@delete("/sellers/{inn:str}", opt=REVIEWERS, responses=raises(RoleForbids, sellers.SellerUnknown))
async def delete_seller(staff: Staff, session: Session, inn: Inn) -> None:
    """Say nothing about a shop any more."""
    await sellers.forget(session, staff, inn)


router = Router("/", route_handlers=[list_sellers, get_seller, put_seller, delete_seller], tags=["Sellers"])
