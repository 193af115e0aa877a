"""Lists of the console: redemptions, scans and receipts, as pages and as files."""

from functools import partial
from operator import attrgetter

from litestar import Response, Router, get
from litestar.response import Stream

from backend.core.db.database import Db, Session
from backend.core.http.conditional_requests import ETAG_HEADER, conditional_response
from backend.core.http.pagination import AfterNumber, CursorInvalid, Limit, number_from_cursor, read_page
from backend.core.http.problems import error_responses
from backend.core.http.requests import HTTPRequest
from backend.core.language import language
from backend.core.tabular.file_operations import FileFormat, FileOperation, file_response
from backend.identity.brands.authentication import READERS, CurrentMember
from backend.reporting.lists import files as list_files
from backend.reporting.lists import query_parameters
from backend.reporting.lists import service as lists
from backend.reporting.lists.query_parameters import PERIOD_ERRORS, TheFilters
from backend.reporting.lists.schemas import (
    BrandReceiptPage,
    BrandRedemption,
    BrandRedemptionPage,
    BrandScan,
    BrandScanPage,
)
from backend.reporting.lookups.receipt_schemas import BrandReceipt

LIST_ERRORS = error_responses(CursorInvalid, *PERIOD_ERRORS)


@get("/redemptions", opt=READERS, responses=LIST_ERRORS, response_headers=[ETAG_HEADER])
async def list_brand_redemptions(
    request: HTTPRequest,
    staff: CurrentMember,
    session: Session,
    wanted: TheFilters,
    after: AfterNumber = None,
    limit: Limit = 50,
) -> Response[BrandRedemptionPage]:
    """Promo codes that were used, newest first."""
    read = partial(lists.list_rows, session, staff, lists.REDEMPTION_LIST, wanted, number_from_cursor(after))
    rows, following = await read_page(read, limit, attrgetter("id"))
    return conditional_response(request, BrandRedemptionPage([BrandRedemption.of(row) for row in rows], following))


@get("/redemptions/export", opt=READERS, responses=error_responses(*PERIOD_ERRORS), operation_class=FileOperation)
async def export_redemptions(staff: CurrentMember, db: Db, wanted: TheFilters, kind: FileFormat = "csv") -> Stream:
    """The same as a file, a line for each; sums in roubles or points."""
    chunks = list_files.export_list(db, staff, list_files.REDEMPTION_FILE, wanted, kind, language.get())
    return file_response(chunks, "redemptions", kind)


@get("/scans", opt=READERS, responses=LIST_ERRORS, response_headers=[ETAG_HEADER])
async def list_brand_scans(
    request: HTTPRequest,
    staff: CurrentMember,
    session: Session,
    wanted: TheFilters,
    after: AfterNumber = None,
    limit: Limit = 50,
) -> Response[BrandScanPage]:
    """Claims of package codes, list codes and marking codes, and later scans of claimed ones; newest first."""
    read = partial(lists.list_rows, session, staff, lists.SCAN_LIST, wanted, number_from_cursor(after))
    rows, following = await read_page(read, limit, attrgetter("id"))
    return conditional_response(request, BrandScanPage([BrandScan.of(row) for row in rows], following))


@get("/scans/export", opt=READERS, responses=error_responses(*PERIOD_ERRORS), operation_class=FileOperation)
async def export_scans(staff: CurrentMember, db: Db, wanted: TheFilters, kind: FileFormat = "csv") -> Stream:
    """The same as a file, a line for each."""
    return file_response(
        list_files.export_list(db, staff, list_files.SCAN_FILE, wanted, kind, language.get()), "scans", kind
    )


@get("/receipts/search", opt=READERS, responses=LIST_ERRORS, response_headers=[ETAG_HEADER])
async def search_receipts(
    request: HTTPRequest,
    staff: CurrentMember,
    session: Session,
    wanted: TheFilters,
    after: AfterNumber = None,
    limit: Limit = 50,
) -> Response[BrandReceiptPage]:
    """Receipts with goods of your brand in any state, by the day on which they were sent, newest first."""
    read = partial(lists.list_rows, session, staff, lists.RECEIPT_LIST, wanted, number_from_cursor(after))
    rows, following = await read_page(read, limit, attrgetter("id"))
    return conditional_response(request, BrandReceiptPage([BrandReceipt.of(row) for row in rows], following))


@get("/receipts/export", opt=READERS, responses=error_responses(*PERIOD_ERRORS), operation_class=FileOperation)
async def export_receipts(staff: CurrentMember, db: Db, wanted: TheFilters, kind: FileFormat = "csv") -> Stream:
    """The same as a file, a line for each line of your brand on a receipt; bonuses in minor units."""
    return file_response(
        list_files.export_list(db, staff, list_files.RECEIPT_FILE, wanted, kind, language.get()), "receipts", kind
    )


router = Router(
    "/",
    route_handlers=[
        Router("/", route_handlers=handlers, dependencies=query_parameters.provide(wanted))
        for wanted, handlers in (
            (query_parameters.redemption_filters, [list_brand_redemptions, export_redemptions]),
            (query_parameters.scan_filters, [list_brand_scans, export_scans]),
            (query_parameters.receipt_filters, [search_receipts, export_receipts]),
        )
    ],
    tags=["Reports"],
)
