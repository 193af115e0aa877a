"""An agent's units: claimed boxes and marked units on receipts, with the end of each warranty."""

from collections.abc import Callable
from datetime import date, datetime
from functools import partial
from operator import attrgetter
from typing import Annotated, Any

from litestar import Response, Router, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter, SkipValidation
from msgspec import Meta
from sqlalchemy import text

from backend.core.db.database import Database, Db
from backend.core.http.conditional_requests import conditional_response
from backend.core.http.models import ResponseModel
from backend.core.http.pagination import CursorInvalid, number_from_cursor, read_page
from backend.core.http.problems import error_responses
from backend.core.http.requests import HTTPRequest
from backend.core.language import localized
from backend.identity.accounts.authentication import CurrentAgent

PACKAGE_CAUSE = 1  # the code inside a box
PackageCodes = Callable[[int], str]  # the printed code by cause_id; it needs the keys of backend.earning.packages
CurrentPackageCodes = NamedDependency[SkipValidation[PackageCodes]]

UNITS_PAGE = text("""
    SELECT m.id, p.sku, p.name_ru, p.name_en, a.programme_id, a.at,
        units_warranty(a, p.warranty_months, g.timezone) AS ends, a.cause, a.cause_id, u.gtin, u.serial
    FROM accruals a JOIN movements m ON m.cause = a.cause AND m.cause_id = a.cause_id AND m.kind = 1
    JOIN products p ON p.id = a.product_id JOIN programmes g ON g.id = a.programme_id
    LEFT JOIN marked_units u ON a.cause = 3 AND u.id = a.cause_id
    WHERE a.account_id = :account AND a.cause IN (1, 2, 3) AND m.id < :before AND NOT units_returned(a)
    ORDER BY m.id DESC LIMIT :most
""")
Cursor = Annotated[str | None, QueryParameter(name="cursor", max_length=64, description="`next` of the page before.")]


class UnitOut(ResponseModel):
    """A unit of a product. An order that extends the warranty refers to its `id`."""

    id: Annotated[int, Meta(examples=[4211])]
    sku: Annotated[str, Meta(examples=["KB-24"])]
    name: Annotated[str, Meta(examples=["Wall boiler, 24 kW"])]
    programme_id: Annotated[int, Meta(examples=[3])]
    registered_at: Annotated[datetime, Meta(tz=True, examples=["2026-11-22T10:00:00Z"])]
    warranty_until: Annotated[date | None, Meta(description="Its last day; absent without a warranty.")] = None
    code: Annotated[
        str | None,
        Meta(description="As it is printed; absent for codes printed elsewhere.", examples=["0A7K-2M9X-J4T0-C8WN"]),
    ] = None
    serial: Annotated[
        str | None, Meta(description="Of goods under state marking.", examples=[None, "5abcDEF1234xy"])
    ] = None


class UnitPage(ResponseModel):
    """Units, newest first."""

    items: list[UnitOut]
    next: Annotated[str | None, Meta(description="Send it back as `cursor`.", examples=["WzE3XQ"])] = None


async def find_units(
    db: Database, pack_codes: PackageCodes, account_id: int, before: int | None, most: int
) -> list[UnitOut]:
    """An agent's units, newest first, before a cursor."""
    rows = await db.rows(UNITS_PAGE, account=account_id, before=2**62 if before is None else before, most=most)
    return [
        UnitOut(
            row.id,
            row.sku,
            localized(row),
            row.programme_id,
            row.at,
            row.ends,
            code=_printed_code(pack_codes, row),
            serial=row.serial,
        )
        for row in rows
    ]


def _printed_code(pack_codes: PackageCodes, row: Any) -> str | None:
    """The code in the box or on the unit. Of a code printed elsewhere only a hash is stored."""
    if row.cause == PACKAGE_CAUSE:
        return pack_codes(row.cause_id)
    return f"(01){row.gtin}(21){row.serial}" if row.serial is not None else None


@get("/units", responses=error_responses(CursorInvalid))
async def list_units(
    request: HTTPRequest,
    db: Db,
    pack_codes: CurrentPackageCodes,
    agent: CurrentAgent,
    after: Cursor = None,
    limit: Annotated[int, QueryParameter(ge=1, le=100)] = 20,
) -> Response[UnitPage]:
    """The caller's units, each registered by its claim, with warranty extensions by orders. ETag and 304."""
    read = partial(find_units, db, pack_codes, agent.account_id, number_from_cursor(after))
    units, following = await read_page(read, limit, attrgetter("id"))
    return conditional_response(request, UnitPage(list(units), following))


router = Router("/", route_handlers=[list_units], tags=["Rewards and orders"])
