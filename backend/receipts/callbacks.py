"""The door of providers that call back: only an answer that we asked for is heard, and only once it matters."""

from typing import Annotated, Any

import msgspec
import structlog
from litestar import Request, Router, post
from litestar.di import NamedDependency
from litestar.openapi.spec import Example
from litestar.params import PathParameter
from sqlalchemy import text

from backend.database import Database, Db
from backend.errors import NotFound, TooLarge
from backend.receipts import verifying
from backend.receipts.asking import ASKED, TROUBLE, callback_secret
from backend.receipts.providers import exchange
from backend.receipts.providers.answers import Answer
from backend.receipts.providers.asking import read_settings
from backend.receipts.providers.callback import REFERENCE, CallbackUnreadable, callback_valid, read_callback
from backend.settings import Settings
from backend.wire import KEY, raises
from scanning.document import DocumentUnreadable

log = structlog.get_logger("scanback")

ONE = text("SELECT id, country, identity FROM receipts WHERE id = :id")
# A worker that holds the receipt writes nothing more once this has changed what it holds it by.
DUE = text("""
    UPDATE receipts r SET due_at = now() WHERE r.id = :id AND r.state IN ('pending', 'review')
        AND NOT EXISTS (SELECT FROM receipt_claims c WHERE c.receipt_id = r.id)
""")
# What comes after the document, or after people were asked, changes nothing.
_WAITS = """
    r.id = :id AND r.state = 'pending'
        AND NOT EXISTS (SELECT FROM receipt_documents d WHERE d.country = r.country AND d.identity = r.identity)
"""
SOON = text(f"UPDATE receipts r SET due_at = least(due_at, now() + interval '1 minute') WHERE {_WAITS}")  # noqa: S608 - our own text
REFUSE = text(f"SELECT receipts_refuse(r.id, :reason) FROM receipts r WHERE {_WAITS}")  # noqa: S608
FOR_PEOPLE = text(f"SELECT receipts_for_people(r.id) FROM receipts r WHERE {_WAITS}")  # noqa: S608
# Their word that nobody can mend; about every other `bad_request` a person has to look.
HOPELESS = "FUTURE"


class Callbacks(msgspec.Struct, frozen=True):
    """Which providers may call back, and the key under which their calls are known to be answers to us."""

    providers: frozenset[str]
    secret: bytes

    @classmethod
    def of(cls, settings: Settings) -> "Callbacks":
        """Those of SCANBACK_RECEIPT_PROVIDERS.

        Raises:
            SettingMissing: the file cannot be read.
        """
        named = read_settings(settings.receipt_providers) if settings.receipt_providers else []
        return cls(frozenset(one.name for one in named if one.kind == "callback"), callback_secret(settings))


TheCallbacks = NamedDependency[Callbacks]
Provider = Annotated[
    str,
    PathParameter(pattern=KEY, description="The provider's name in our settings.", examples=[Example(value="apm")]),
]


@post(
    "/receipts/callbacks/{provider:str}",
    status_code=204,
    request_max_body_size=exchange.MOST_READ,
    responses=raises(NotFound, TooLarge),
)
async def receipt_callback(
    request: Request[Any, Any, Any],
    db: Db,
    callbacks: TheCallbacks,
    provider: Provider,
) -> None:
    """What a provider found out about a receipt, with the headers that we gave it when we asked. Whatever does not fit
    gets the same 404; the same call again, or one that comes too late, changes nothing."""
    reference = request.headers.get(REFERENCE, "")
    # Known to be ours before a byte of the body is read.
    if provider not in callbacks.providers or not callback_valid(callbacks.secret, request.headers, reference):
        raise NotFound
    try:
        told, answer = read_callback(await request.body())
    except CallbackUnreadable as error:
        raise NotFound from error
    if told != reference:
        raise NotFound
    await take(db, provider, int(reference), answer)


async def take(db: Database, provider: str, receipt_id: int, answer: Answer) -> None:
    """Go by an answer that was called back; again, or late, it is harmless.

    Raises:
        NotFound: there is no such receipt.
    """
    rows = await db.rows(ONE, id=receipt_id)
    if not rows:
        raise NotFound
    log.info("receipt_called_back", receipt=receipt_id, provider=provider, result=answer.result, code=answer.code)
    if answer.result == "found":
        await _found(db, provider, rows[0], answer.raw)
    elif answer.result in TROUBLE:
        await db.rows(ASKED, name=provider, failed=True, limited=answer.result == "limit", pause=0)
        await db.rows(SOON, id=receipt_id)
    elif answer.result == "rejected":
        await db.rows(REFUSE, id=receipt_id, reason="not_genuine")
    elif answer.result == "bad_request" and answer.code == HOPELESS:
        await db.rows(REFUSE, id=receipt_id, reason="bad_request")
    elif answer.result == "bad_request":
        await db.rows(FOR_PEOPLE, id=receipt_id)


async def _found(db: Database, provider: str, row: Any, raw: object) -> None:
    """The document is kept, and the worker settles the receipt at once. One that cannot be read, or is of another
    receipt, is their trouble."""
    try:
        found = verifying.read(raw)
    except DocumentUnreadable as problem:
        log.warning("receipt_unreadable", receipt=row.id, code=problem.code)
        await db.rows(SOON, id=row.id)
        return
    if f"{found.fn}:{found.fd}" != row.identity:
        log.warning("receipt_of_another", receipt=row.id)
        await db.rows(SOON, id=row.id)
        return
    await verifying.keep(db, row.country, row.identity, provider, found, raw)
    await db.rows(DUE, id=row.id)


strangers = Router("/", route_handlers=[receipt_callback], tags=["Receipts"], security=[{}])
