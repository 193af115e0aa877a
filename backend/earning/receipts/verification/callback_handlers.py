"""The endpoint for callbacks of providers. It accepts only answers to our own requests."""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
import structlog
from litestar import Router, post
from litestar.di import NamedDependency
from litestar.openapi.spec import Example
from litestar.params import PathParameter
from sqlalchemy import text

from backend.core.db.database import Database, Db
from backend.core.http.errors import NotFound, TooLarge
from backend.core.http.models import KEY
from backend.core.http.problems import error_responses
from backend.core.http.requests import HTTPRequest
from backend.core.settings import Settings
from backend.earning.receipts.providers import exchange
from backend.earning.receipts.providers.callback import REFERENCE, CallbackUnreadable, callback_valid, read_callback
from backend.earning.receipts.providers.configuration import read_settings
from backend.earning.receipts.providers.queries import ProviderAnswer
from backend.earning.receipts.verification import service as verification
from backend.earning.receipts.verification.provider_requests import FAILED_RESULTS, RECORD_RESULT, callback_secrets
from scanning.receipts.document import DocumentUnreadable

log = structlog.get_logger("scanback")

RECEIPT = text("SELECT id, country, identity FROM receipts WHERE id = :id")
# A worker that leases the receipt writes nothing more, because this changes `due_at`, which identifies the lease.
MAKE_DUE = text("""
    UPDATE receipts r SET due_at = now() WHERE r.id = :id AND r.state IN ('pending', 'review')
        AND NOT EXISTS (SELECT FROM receipt_claims c WHERE c.receipt_id = r.id)
""")
# A callback after the document was found, or during a review, changes nothing.
_IS_PENDING = """
    r.id = :id AND r.state = 'pending'
        AND NOT EXISTS (SELECT FROM receipt_documents d WHERE d.country = r.country AND d.identity = r.identity)
"""
RETRY_SOON = text(f"UPDATE receipts r SET due_at = least(due_at, now() + interval '1 minute') WHERE {_IS_PENDING}")  # noqa: S608 - our own text
REFUSE = text(f"SELECT receipts_refuse(r.id, :reason) FROM receipts r WHERE {_IS_PENDING}")  # noqa: S608
SEND_TO_REVIEW = text(f"SELECT receipts_for_people(r.id) FROM receipts r WHERE {_IS_PENDING}")  # noqa: S608
# The only `bad_request` that is final; every other one goes to review.
DATE_IN_FUTURE = "FUTURE"


class CallbackProviders(msgspec.Struct, frozen=True):
    """The providers that may call back; checks the signature of their calls."""

    providers: frozenset[str]
    settings: Settings

    @classmethod
    def of(cls, settings: Settings) -> "CallbackProviders":
        """The providers of SCANBACK_RECEIPT_PROVIDERS.

        Raises:
            SettingMissing: the file cannot be read.
        """
        named = read_settings(settings.receipt_providers) if settings.receipt_providers else []
        return cls(frozenset(provider.name for provider in named if provider.kind == "callback"), settings)

    def is_authentic(self, headers: Mapping[str, str], reference: str) -> bool:
        """Whether the headers are those that we sent with a request."""
        return any(callback_valid(secret, headers, reference) for secret in callback_secrets(self.settings))


CurrentCallbacks = NamedDependency[CallbackProviders]
Provider = Annotated[
    str,
    PathParameter(pattern=KEY, description="The provider's name in our settings.", examples=[Example(value="apm")]),
]


@post(
    "/receipts/callbacks/{provider:str}",
    status_code=204,
    request_max_body_size=exchange.MAX_REPLY_BYTES,
    responses=error_responses(NotFound, TooLarge),
)
async def receive_receipt_callback(
    request: HTTPRequest,
    db: Db,
    callbacks: CurrentCallbacks,
    provider: Provider,
) -> None:
    """A provider's answer about a receipt, with the headers that we sent with the request. Any other call gets the same
    404. A repeated or late call changes nothing."""
    reference = request.headers.get(REFERENCE, "")
    # Checked before the body is read.
    if provider not in callbacks.providers or not callbacks.is_authentic(request.headers, reference):
        raise NotFound
    try:
        answered_reference, answer = read_callback(await request.body())
    except CallbackUnreadable as error:
        raise NotFound from error
    if answered_reference != reference:
        raise NotFound
    await apply_callback(db, provider, int(reference), answer)


async def apply_callback(db: Database, provider: str, receipt_id: int, answer: ProviderAnswer) -> None:
    """Apply the answer of a callback. Idempotent; a late answer changes nothing.

    Raises:
        NotFound: there is no such receipt.
    """
    rows = await db.rows(RECEIPT, id=receipt_id)
    if not rows:
        raise NotFound
    log.info("receipt_called_back", receipt=receipt_id, provider=provider, result=answer.result, code=answer.code)
    if answer.result == "found":
        await _store_found(db, provider, rows[0], answer.raw)
    elif answer.result in FAILED_RESULTS:
        await db.rows(RECORD_RESULT, name=provider, failed=True, limited=answer.result == "limit", pause=0)
        await db.rows(RETRY_SOON, id=receipt_id)
    elif answer.result == "rejected":
        await db.rows(REFUSE, id=receipt_id, reason="not_genuine")
    elif answer.result == "bad_request" and answer.code == DATE_IN_FUTURE:
        await db.rows(REFUSE, id=receipt_id, reason="bad_request")
    elif answer.result == "bad_request":
        await db.rows(SEND_TO_REVIEW, id=receipt_id)


async def _store_found(db: Database, provider: str, row: Any, raw: object) -> None:
    """Store the document, so that the worker settles the receipt at once. An unreadable document, or one of another
    receipt, counts as a failure of the provider."""
    try:
        found = verification.read_document(raw)
    except DocumentUnreadable as problem:
        log.warning("receipt_unreadable", receipt=row.id, code=problem.code)
        await db.rows(RETRY_SOON, id=row.id)
        return
    if f"{found.fn}:{found.fd}" != row.identity:
        log.warning("receipt_of_another", receipt=row.id)
        await db.rows(RETRY_SOON, id=row.id)
        return
    await verification.store_document(db, row.country, row.identity, provider, found, raw)
    await db.rows(MAKE_DUE, id=row.id)


strangers = Router("/", route_handlers=[receive_receipt_callback], tags=["Receipts"], security=[{}])
