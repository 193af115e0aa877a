"""Routes of export and erasure."""

from litestar import Response, Router, delete, get
from litestar.response import Stream

from backend.core.db.database import Db, Session
from backend.core.http.errors import Busy, TooManyRequests
from backend.core.http.models import CurrentSettings, Now
from backend.core.http.problems import error_responses
from backend.core.security.passwords import InjectedPasswords
from backend.earning.units import CurrentPackageCodes
from backend.identity.accounts import holds, pins
from backend.identity.accounts.authentication import CurrentAgent
from backend.identity.accounts.ownership_proof import PinHeader
from backend.privacy import export, service
from backend.privacy.schemas import PersonalDataExport
from backend.programmes.rules.explanation import CurrentRuleVersions

FILE = {"Content-Disposition": 'attachment; filename="scanback.json"', "Cache-Control": "no-store"}


@get("/me/export", responses=error_responses(TooManyRequests))
async def export_account(
    db: Db,
    settings: CurrentSettings,
    versions: CurrentRuleVersions,
    pack_codes: CurrentPackageCodes,
    agent: CurrentAgent,
    now: Now,
) -> Response[PersonalDataExport]:
    """Everything we hold about the caller: account, devices, wallets, movements with their explanations, scans,
    receipts, promo codes and what was redeemed with them."""
    await service.count_export(db, settings, agent.account_id, now)
    pieces = export.export_chunks(db, versions, pack_codes, agent.account_id, settings.base_url)
    # The annotation is the type of the content, for OpenAPI; the framework's own is only `Stream`.
    return Stream(pieces, media_type="application/json", headers=FILE)  # type: ignore[return-value]


@delete(
    "/me",
    responses=error_responses(
        pins.PinNeeded, pins.PinWrong, pins.PinBlocked, holds.AccountHeld, service.OrderOpen, TooManyRequests, Busy
    ),
)
async def delete_account(
    db: Db,
    session: Session,
    settings: CurrentSettings,
    passwords: InjectedPasswords,
    agent: CurrentAgent,
    now: Now,
    pin: PinHeader = None,
) -> None:
    """Erase the account, at once and for good. The points in the wallets are lost; tokens, recovery code and passkeys
    are no longer valid; photos and answers are deleted; movements stay under an id that identifies no person."""
    await pins.require_pin(db, passwords, settings, agent, pin, now)
    await service.erase_account(session, agent.account_id)


router = Router("/", route_handlers=[export_account, delete_account], tags=["Accounts"])
