"""Figures of the console: what campaigns, products, shops and agents cost."""

from typing import Annotated

from litestar import Response, Router, get
from litestar.params import QueryParameter
from litestar.response import Stream

from backend.core.db.database import Db, Session
from backend.core.http.conditional_requests import ETAG_HEADER, conditional_response
from backend.core.http.problems import error_responses
from backend.core.http.requests import HTTPRequest
from backend.core.language import language
from backend.core.tabular.file_operations import FileFormat, FileOperation, file_response
from backend.identity.brands.authentication import READERS, CurrentMember
from backend.reporting.figures import files as figure_files
from backend.reporting.figures import service as figures
from backend.reporting.figures.schemas import FiguresOut
from backend.reporting.figures.service import GroupedBy
from backend.reporting.lists import query_parameters
from backend.reporting.lists.query_parameters import PERIOD_ERRORS, TheFilters

GroupedByQuery = Annotated[GroupedBy, QueryParameter(name="by", description="What the sums are grouped by.")]


@get("/figures", opt=READERS, responses=error_responses(*PERIOD_ERRORS), response_headers=[ETAG_HEADER])
async def get_figures(
    request: HTTPRequest,
    staff: CurrentMember,
    session: Session,
    wanted: TheFilters,
    by: GroupedByQuery = "campaign",
) -> Response[FiguresOut]:
    """Number, base and cost of a period's bonuses and discounts, the highest cost first.

    Bonuses are those of the ledger: awards of the period, and in `bonus_returned` clawbacks and negative corrections.
    """
    rows = await figures.aggregate_figures(session, staff, by, wanted)
    return conditional_response(request, FiguresOut.of(wanted.period, rows, figures.MAX_ROWS))


@get("/figures/export", opt=READERS, responses=error_responses(*PERIOD_ERRORS), operation_class=FileOperation)
async def export_figures(
    staff: CurrentMember, db: Db, wanted: TheFilters, by: GroupedByQuery = "campaign", kind: FileFormat = "csv"
) -> Stream:
    """All figures of a period as a file."""
    return file_response(
        figure_files.export_figures(db, staff, by, wanted, kind, language.get()), f"figures-{by}", kind
    )


router = Router(
    "/",
    route_handlers=[get_figures, export_figures],
    dependencies=query_parameters.provide(query_parameters.figure_filters),
    tags=["Reports"],
)
