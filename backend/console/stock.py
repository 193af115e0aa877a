"""The console's page about stocks of certificates' codes."""

import io
from dataclasses import dataclass
from typing import Any

from litestar import Request, Router, get, post
from litestar.openapi.spec import OpenAPIMediaType, Operation, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIType

from backend.brands.door import EDITORS, READERS, RoleForbids, Staff, transaction
from backend.console.paging import Key
from backend.database import Db, Session
from backend.errors import TooLarge, Unsupported
from backend.offers import keeping, stock_reader, stocking
from backend.offers.stock_schemas import StockOut, StockReport
from backend.programmes import rows_in
from backend.wire import Now, TheSettings, raises

CSV = "text/csv"


@dataclass
class StockOperation(Operation):
    """The body of `post_stock` as the OpenAPI shows it: the file as it is."""

    def __post_init__(self) -> None:
        lines = Schema(type=OpenAPIType.STRING, examples=["code,nominal,valid_until\n7KQ2-M9XJ-4T0C,1000,2027-12-31\n"])
        self.request_body = RequestBody(required=True, content={CSV: OpenAPIMediaType(lines)})


@post(
    "/offers/{key:str}/stock",
    opt=EDITORS,
    status_code=200,
    operation_class=StockOperation,
    request_max_body_size=stocking.MOST_BYTES,
    responses=raises(
        RoleForbids,
        keeping.OfferNotKept,
        stocking.NotAStock,
        stocking.StockUnderWay,
        rows_in.FileUnreadable,
        rows_in.LineBroken,
        stock_reader.StockColumns,
        stocking.StockTooLong,
        TooLarge,
        Unsupported,
    ),
)
async def post_stock(
    request: Request[Any, Any, Any], staff: Staff, db: Db, settings: TheSettings, now: Now, key: Key
) -> StockReport:
    """Add codes: a CSV with the columns code, nominal (roubles) and, where they have one, valid_until (its last day).

    At most 16 MiB and 200,000 rows. Good rows are in, each refused one is told with its line; the same file again adds
    nothing. Codes are sealed as they come in and shown to nobody but who buys one.
    """
    if request.content_type[0] != CSV:
        raise Unsupported
    # Held in memory: a file on the disk would have the codes in clear.
    with io.BytesIO() as file:
        async for chunk in request.stream():
            file.write(chunk)
        async with transaction(db, staff) as session:
            return await stocking.take(session, settings, staff, key, file, now)


@get("/offers/{key:str}/stock", opt=READERS, responses=raises(keeping.OfferNotKept, stocking.NotAStock))
async def get_stock(staff: Staff, session: Session, now: Now, key: Key) -> StockOut:
    """What is free and what was sold, by nominal."""
    return StockOut(await stocking.counted(session, staff, key, now))


router = Router("/", route_handlers=[post_stock, get_stock], tags=["Spending"])
