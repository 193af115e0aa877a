"""Staff endpoints for codes in stock."""

import io
from dataclasses import dataclass

from litestar import Router, get, post
from litestar.openapi.spec import OpenAPIMediaType, Operation, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIType

from backend.core.db.database import Db, Session
from backend.core.http.errors import TooLarge, TooManyRequests, Unsupported
from backend.core.http.models import CurrentSettings, Now
from backend.core.http.pagination import Key
from backend.core.http.problems import error_responses
from backend.core.http.requests import HTTPRequest
from backend.core.tabular import reader, workbook_process
from backend.core.tabular.output.table_files import XLSX
from backend.identity.approvals import service as approvals
from backend.identity.brands import import_time
from backend.identity.brands.authentication import EDITORS, READERS, CurrentMember, RoleForbids, brand_transaction
from backend.spending.rewards import service as rewards
from backend.spending.stock import file_reader as stock_reader
from backend.spending.stock import service as stock
from backend.spending.stock.schemas import StockImportReport, StockOut

CSV = "text/csv"


@dataclass
class StockOperation(Operation):
    """The body of `import_reward_stock` in the OpenAPI document: the file."""

    def __post_init__(self) -> None:
        lines = Schema(type=OpenAPIType.STRING, examples=["code,nominal,valid_until\n7KQ2-M9XJ-4T0C,1000,2027-12-31\n"])
        self.request_body = RequestBody(
            required=True, content={CSV: OpenAPIMediaType(lines), XLSX: OpenAPIMediaType(Schema())}
        )


@post(
    "/offers/{key:str}/stock",
    opt=EDITORS,
    status_code=200,
    operation_class=StockOperation,
    request_max_body_size=stock.MAX_FILE_BYTES,
    responses=error_responses(
        RoleForbids,
        rewards.RewardNotFound,
        stock.RewardWithoutStock,
        stock.StockImportRunning,
        reader.FileUnreadable,
        reader.LineBroken,
        stock_reader.StockColumnsInvalid,
        stock.StockFileTooLong,
        approvals.ApprovalRequired,
        TooLarge,
        TooManyRequests,
        Unsupported,
        workbook_process.WorkbookBusy,
    ),
)
async def import_reward_stock(
    request: HTTPRequest, staff: CurrentMember, db: Db, settings: CurrentSettings, now: Now, key: Key
) -> StockImportReport:
    """Add codes: a CSV or XLSX with the columns code, nominal (roubles) and, if they have one, valid_until (last day).

    At most 16 MiB and 200,000 rows. Valid rows are imported, rejected ones are reported with their line; the same file
    again adds nothing. Codes are encrypted on import and shown only to their buyer.
    """
    if request.content_type[0] not in (CSV, XLSX):
        raise Unsupported
    # In memory: a file on disk would contain the codes in clear.
    with io.BytesIO() as file:
        async for chunk in request.stream():
            file.write(chunk)
        time_spent = import_time.charge_time(db, settings, staff, request.state.network, now)
        async with time_spent, brand_transaction(db, staff) as session:
            return await stock.import_codes(session, settings, staff, key, file, now)


@get(
    "/offers/{key:str}/stock", opt=READERS, responses=error_responses(rewards.RewardNotFound, stock.RewardWithoutStock)
)
async def get_reward_stock(staff: CurrentMember, session: Session, now: Now, key: Key) -> StockOut:
    """Free and sold codes by face value."""
    return StockOut(await stock.stock_counts(session, staff, key, now))


router = Router("/", route_handlers=[import_reward_stock, get_reward_stock], tags=["Rewards and orders"])
