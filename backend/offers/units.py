"""An agent's units: boxes he opened and marked pieces on his receipts, and until when each has its warranty."""

from datetime import date, datetime
from typing import Annotated, Any

from litestar import Request, Response, Router, get
from litestar.params import QueryParameter
from msgspec import Meta
from sqlalchemy import text

from backend.accounts.door import SignedIn
from backend.database import Database, Db
from backend.offers.schemas import named
from backend.wire import CursorInvalid, Out, cursor, place, raises, with_etag

PAGE = text("""
    SELECT m.id, p.sku, p.name_ru, p.name_en, a.programme_id, a.at,
        units_warranty(a, p.warranty_months, g.timezone) AS ends
    FROM accruals a JOIN movements m ON m.cause = a.cause AND m.cause_id = a.cause_id AND m.kind = 1
    JOIN products p ON p.id = a.product_id JOIN programmes g ON g.id = a.programme_id
    WHERE a.account_id = :account AND a.cause IN (1, 2, 3) AND m.id < :before AND NOT units_returned(a)
    ORDER BY m.id DESC LIMIT :most
""")
Cursor = Annotated[str | None, QueryParameter(name="cursor", max_length=64, description="`next` of the page before.")]


class UnitOut(Out):
    """A unit of a product. An order for a longer warranty names it by its `id`."""

    id: Annotated[int, Meta(examples=[4211])]
    sku: Annotated[str, Meta(examples=["KB-24"])]
    name: Annotated[str, Meta(examples=["Wall boiler, 24 kW"])]
    programme_id: Annotated[int, Meta(examples=[3])]
    registered_at: Annotated[datetime, Meta(tz=True, examples=["2026-11-22T10:00:00Z"])]
    warranty_until: Annotated[date | None, Meta(description="Its last day; none given without it.")] = None


class UnitPage(Out):
    """Units, newest first."""

    items: list[UnitOut]
    next: Annotated[str | None, Meta(description="Send it back as `cursor`.", examples=["WzE3XQ"])] = None


async def page(db: Database, account_id: int, before: int | None, most: int) -> list[UnitOut]:
    """Units, newest first, from a place on."""
    rows = await db.rows(PAGE, account=account_id, before=2**62 if before is None else before, most=most)
    return [UnitOut(row.id, row.sku, named(row), row.programme_id, row.at, row.ends) for row in rows]


@get("/units", responses=raises(CursorInvalid))
async def list_units(
    request: Request[Any, Any, Any],
    db: Db,
    agent: SignedIn,
    after: Cursor = None,
    limit: Annotated[int, QueryParameter(ge=1, le=100)] = 20,
) -> Response[UnitPage]:
    """The caller's units, each registered by its claim, with what orders have added to its warranty. ETag and 304."""
    found = await page(db, agent.account_id, place(after), limit + 1)
    return with_etag(request, UnitPage(found[:limit], cursor(found[limit - 1].id) if len(found) > limit else None))


router = Router("/", route_handlers=[list_units], tags=["Spending"])
