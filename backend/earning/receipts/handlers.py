"""Endpoints for an agent's own receipts."""

from typing import Annotated
from uuid import UUID

from litestar import Response, Router, get, put
from litestar.datastructures import ResponseHeader
from litestar.params import FromPath, JSONBody, QueryParameter

from backend.core.db.database import Db
from backend.core.http.conditional_requests import conditional_response
from backend.core.http.errors import BodyChanged, Busy, Invalid, TooManyRequests
from backend.core.http.models import CurrentSettings, Now
from backend.core.http.pagination import CursorInvalid, encode_cursor, number_from_cursor
from backend.core.http.problems import error_responses
from backend.core.http.requests import HTTPRequest
from backend.core.language import translate
from backend.earning.receipts import receipt_list, submission
from backend.earning.receipts.reasons import FIELD_ERRORS, REASONS, TYPING_ERRORS
from backend.earning.receipts.receipt_list import ReceiptUnknown
from backend.earning.receipts.schemas import ReceiptIn, ReceiptOut, ReceiptPage
from backend.earning.receipts.submission import SubmittedReceipt
from backend.identity.accounts.authentication import CurrentAgent, translate_database_errors
from backend.notifications.watchers import CurrentWatchers, WatchedState
from backend.programmes.rules.explanation import CurrentRuleVersions
from scanning.problem import Fault, FieldsInvalid
from scanning.receipts import receipt

# Retry-After: a provider answers within seconds, its retry follows minutes later, and a review takes hours.
POLL_SECONDS, RETRY_POLL_SECONDS = {"pending": 5, "review": 900}, 300
POLL_HEADER = ResponseHeader(
    name="Retry-After",
    description="Seconds until a new state is likely, while the receipt is pending.",
    value="5",
    documentation_only=True,
)


class FieldsWrong(Invalid):
    """Some fields cannot be right. Compare them with the paper."""

    code = "fields_wrong"


class ReceiptRefused(Invalid):
    """This receipt is not accepted: {why}"""

    code = "receipt_refused"


@put(
    "/receipts/{key:uuid}",
    responses=error_responses(FieldsWrong, ReceiptRefused, BodyChanged, TooManyRequests),
)
async def put_receipt(
    db: Db,
    settings: CurrentSettings,
    versions: CurrentRuleVersions,
    now: Now,
    agent: CurrentAgent,
    key: FromPath[UUID],
    data: JSONBody[ReceiptIn],
) -> ReceiptOut:
    """Send a receipt whose QR code cannot be read, by its printed fields. It is stored at once and verified later; its
    state is returned here. The id is a UUID from the phone. Idempotent: a receipt that was sent before is returned with
    its first id."""
    submitted = _parse_fields(data)
    with translate_database_errors():
        result = await submission.submit_receipt(db, settings, agent, key, submitted, now)
    if result.changed:
        raise BodyChanged
    if result.id is None:
        raise ReceiptRefused(why=translate(REASONS[result.reason or "not_fiscal"]))
    first = (await receipt_list.receipts_by_id(db, agent.account_id, [result.id]))[result.id]
    return await receipt_list.get_receipt(db, versions, agent.account_id, first.key)


def _parse_fields(data: ReceiptIn) -> SubmittedReceipt:
    try:
        return submission.russian_receipt(receipt.typed(**data.texts(), operation=data.operation))
    except FieldsInvalid as problem:
        refusal = FieldsWrong()
        refusal.errors = [(fault.field, _fault_message(fault)) for fault in problem.faults]
        raise refusal from problem


def _fault_message(fault: Fault) -> str:
    message = translate(TYPING_ERRORS[fault.slip] if fault.slip in TYPING_ERRORS else FIELD_ERRORS[fault.code])
    return f"{message} {translate('Did you mean {text}?', text=fault.suggestion)}" if fault.suggestion else message


@get("/receipts", responses=error_responses(CursorInvalid))
async def list_receipts(
    request: HTTPRequest,
    db: Db,
    versions: CurrentRuleVersions,
    agent: CurrentAgent,
    after: Annotated[
        str | None, QueryParameter(name="cursor", max_length=64, description="`next` of the page before.")
    ] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=100)] = 20,
) -> Response[ReceiptPage]:
    """The caller's receipts, newest first, each with its lines. ETag and 304."""
    items, following = await receipt_list.receipt_page(db, versions, agent.account_id, number_from_cursor(after), limit)
    return conditional_response(request, ReceiptPage(items, encode_cursor(following) if following else None))


@get("/receipts/{key:uuid}", responses=error_responses(ReceiptUnknown), response_headers=[POLL_HEADER])
async def get_receipt(
    request: HTTPRequest, db: Db, versions: CurrentRuleVersions, agent: CurrentAgent, key: FromPath[UUID]
) -> Response[ReceiptOut]:
    """A receipt: its state, the reason, and until when it will be decided. ETag and 304. While it is undecided,
    `Retry-After` is the number of seconds until a change is likely."""
    found = await receipt_list.get_receipt(db, versions, agent.account_id, key)
    answer = conditional_response(request, found)
    if seconds := POLL_SECONDS.get(found.status):
        seconds = RETRY_POLL_SECONDS if found.reason == "not_found" else seconds
        answer.headers["Retry-After"] = str(seconds)
    return answer


@get("/receipts/{key:uuid}/stream", media_type="text/event-stream", responses=error_responses(ReceiptUnknown, Busy))
async def stream_receipt(
    request: HTTPRequest,
    db: Db,
    versions: CurrentRuleVersions,
    watchers: CurrentWatchers,
    agent: CurrentAgent,
    key: FromPath[UUID],
) -> Response[ReceiptOut]:
    """A receipt during verification and review (server-sent events): `receipt` with its state now and at each change,
    until it is decided. A comment comes every 15 seconds; after 15 minutes the stream ends and can be opened again. An
    agent may have four streams of orders and receipts at once; another one ends the oldest."""

    async def read() -> WatchedState[ReceiptOut]:
        found = await receipt_list.get_receipt(db, versions, agent.account_id, key)
        return WatchedState(found, is_final=found.decide_by is None)

    return await watchers.stream(request, agent, "receipt", read)


router = Router("/", route_handlers=[put_receipt, list_receipts, get_receipt, stream_receipt], tags=["Receipts"])
