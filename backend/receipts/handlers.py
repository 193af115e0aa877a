"""The agents' receipts: typing one in, looking at them."""

from typing import Annotated, Any
from uuid import UUID

from litestar import Request, Response, Router, get, put
from litestar.params import FromPath, JSONBody, QueryParameter

from backend.accounts.door import SignedIn, refusals
from backend.database import Db
from backend.errors import BodyChanged, Invalid, TooManyRequests
from backend.language import say
from backend.programmes.explain import TheVersions
from backend.receipts import listing, sending
from backend.receipts.listing import ReceiptUnknown
from backend.receipts.reasons import FIELDS, REASONS, SLIPS
from backend.receipts.schemas import ReceiptIn, ReceiptOut, ReceiptPage
from backend.receipts.sending import Slip
from backend.wire import CursorInvalid, Now, TheSettings, cursor, place, raises, with_etag
from scanning import receipt
from scanning.problem import Fault, FieldsInvalid


class FieldsWrong(Invalid):
    """Some fields cannot be right. Compare them with the paper."""


class ReceiptRefused(Invalid):
    """This receipt is not taken: {why}"""


@put(
    "/receipts/{key:uuid}",
    responses=raises(FieldsWrong, ReceiptRefused, BodyChanged, TooManyRequests),
)
async def put_receipt(
    db: Db, settings: TheSettings, versions: TheVersions, now: Now, agent: SignedIn, key: FromPath[UUID],
    data: JSONBody[ReceiptIn],
) -> ReceiptOut:  # fmt: skip
    """Send a receipt whose QR code cannot be read, by its printed fields. It is taken at once and verified later: look
    at it again here. The id is a UUID that the phone makes; the same again is harmless, and a receipt that was sent
    before is answered under its first id."""
    slip = _typed(data)
    with refusals():
        sent = await sending.send(db, settings, agent, key, slip, now)
    if sent.changed:
        raise BodyChanged
    if sent.id is None:
        raise ReceiptRefused(why=say(REASONS[sent.reason or "not_fiscal"]))
    first = (await listing.by_id(db, agent.account_id, [sent.id]))[sent.id]
    return await listing.one(db, versions, agent.account_id, first.key)


def _typed(data: ReceiptIn) -> Slip:
    try:
        return sending.of_russia(receipt.typed(**data.texts(), operation=data.operation))
    except FieldsInvalid as problem:
        wrong = FieldsWrong()
        wrong.errors = [(fault.field, _said(fault)) for fault in problem.faults]
        raise wrong from problem


def _said(fault: Fault) -> str:
    said = say(SLIPS[fault.slip] if fault.slip in SLIPS else FIELDS[fault.code])
    return f"{said} {say('Did you mean {text}?', text=fault.suggestion)}" if fault.suggestion else said


@get("/receipts", responses=raises(CursorInvalid))
async def list_receipts(
    request: Request[Any, Any, Any],
    db: Db,
    versions: TheVersions,
    agent: SignedIn,
    after: Annotated[
        str | None, QueryParameter(name="cursor", max_length=64, description="`next` of the page before.")
    ] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=100)] = 20,
) -> Response[ReceiptPage]:
    """The caller's receipts, newest first, each with the lines that pay. ETag and 304."""
    items, following = await listing.page(db, versions, agent.account_id, place(after), limit)
    return with_etag(request, ReceiptPage(items, cursor(following) if following else None))


@get("/receipts/{key:uuid}", responses=raises(ReceiptUnknown))
async def get_receipt(
    request: Request[Any, Any, Any], db: Db, versions: TheVersions, agent: SignedIn, key: FromPath[UUID]
) -> Response[ReceiptOut]:
    """A receipt: what became of it, why, and until when it will be decided. ETag and 304."""
    return with_etag(request, await listing.one(db, versions, agent.account_id, key))


router = Router("/", route_handlers=[put_receipt, list_receipts, get_receipt], tags=["Receipts"])
