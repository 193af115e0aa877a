"""Everything we hold, and being forgotten."""

from typing import Annotated

from litestar import Response, Router, delete, get
from litestar.params import HeaderParameter
from litestar.response import Stream

from backend.accounts import pins
from backend.accounts.door import SignedIn
from backend.accounts.schemas import PIN
from backend.database import Db, Session
from backend.errors import Busy, TooManyRequests
from backend.passwords import ThePasswords
from backend.privacy import export, service
from backend.privacy.schemas import Export
from backend.programmes.explain import TheVersions
from backend.wire import Now, TheSettings, raises

PinHeader = Annotated[
    str | None, HeaderParameter(name="Scanback-Pin", pattern=PIN, description="Where the account has one.")
]
FILE = {"Content-Disposition": 'attachment; filename="scanback.json"', "Cache-Control": "no-store"}


@get("/me/export", responses=raises(TooManyRequests))
async def export_me(
    db: Db, settings: TheSettings, versions: TheVersions, agent: SignedIn, now: Now
) -> Response[Export]:
    """Everything we hold about the caller: account, devices, wallets, movements with their explanations, scans,
    receipts, promo codes and what was redeemed with them."""
    await service.admit_export(db, settings, agent.account_id, now)
    pieces = export.pieces(db, versions, agent.account_id, settings.base_url)
    # The annotation is what the stream holds; the framework's own says only that it streams.
    return Stream(pieces, media_type="application/json", headers=FILE)  # type: ignore[return-value]


@delete(
    "/me",
    responses=raises(pins.PinNeeded, pins.PinWrong, pins.PinBlocked, service.OrderOpen, TooManyRequests, Busy),
)
async def forget_me(
    db: Db,
    session: Session,
    settings: TheSettings,
    passwords: ThePasswords,
    agent: SignedIn,
    now: Now,
    pin: PinHeader = None,
) -> None:
    """Be forgotten, at once and for good. What is in the wallets is lost; tokens, recovery code and passkeys open
    nothing any more; photos and answers are deleted; movements stay under a number that is nobody's."""
    await pins.require(db, passwords, settings, agent, pin, now)
    await service.forget(session, agent.account_id)


router = Router("/", route_handlers=[export_me, forget_me], tags=["Account"])
