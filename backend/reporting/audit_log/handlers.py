"""Routes of the audit log."""

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
from backend.identity.brands.authentication import EDITORS, CurrentMember, RoleForbids
from backend.reporting.audit_log import service as audit_log
from backend.reporting.audit_log.service import AuditEntryOut, AuditEntryPage
from backend.reporting.lists import query_parameters
from backend.reporting.lists.query_parameters import PERIOD_ERRORS, TheAuditFilters


@get(
    "/audit-log",
    opt=EDITORS,
    responses=error_responses(RoleForbids, CursorInvalid, *PERIOD_ERRORS),
    response_headers=[ETAG_HEADER],
)
async def list_audit_entries(
    request: HTTPRequest,
    staff: CurrentMember,
    session: Session,
    wanted: TheAuditFilters,
    after: AfterNumber = None,
    limit: Limit = 50,
) -> Response[AuditEntryPage]:
    """What your staff did, newest first. The log is append-only and sealed: `scanback books check` names entries that
    were altered or removed."""
    read = partial(audit_log.list_entries, session, staff, wanted, number_from_cursor(after))
    rows, following = await read_page(read, limit, attrgetter("id"))
    return conditional_response(request, AuditEntryPage([AuditEntryOut.of(row) for row in rows], following))


@get(
    "/audit-log/export",
    opt=EDITORS,
    responses=error_responses(RoleForbids, *PERIOD_ERRORS),
    operation_class=FileOperation,
)
async def export_audit_entries(
    staff: CurrentMember, db: Db, wanted: TheAuditFilters, form: FileFormat = "csv"
) -> Stream:
    """The same as a file."""
    return file_response(audit_log.export_entries(db, staff, wanted, form, language.get()), "audit-log", form)


router = Router(
    "/",
    route_handlers=[list_audit_entries, export_audit_entries],
    dependencies=query_parameters.provide(query_parameters.audit_filters),
    tags=["Audit log"],
)
