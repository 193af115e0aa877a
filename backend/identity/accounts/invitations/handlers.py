"""Routes that add a second device from the first."""

from typing import Annotated

from litestar import Router, delete, get, post, put
from litestar.params import JSONBody, PathParameter

from backend.core.db.database import Db, Session
from backend.core.http.errors import TooManyRequests, Unauthenticated
from backend.core.http.models import CurrentSettings, Now
from backend.core.http.problems import error_responses
from backend.core.http.requests import HTTPRequest
from backend.core.security import tokens
from backend.core.security.passwords import InjectedPasswords
from backend.identity.accounts import ownership_proof
from backend.identity.accounts.authentication import CurrentAgent
from backend.identity.accounts.handlers import PROOF, device_response
from backend.identity.accounts.holds import AccountHeld
from backend.identity.accounts.invitations import service as invitations
from backend.identity.accounts.invitations.schemas import (
    DeviceConfirmationIn,
    InvitationCreated,
    InvitationOut,
    PendingDeviceCreated,
    PendingDeviceIn,
    PendingDeviceOut,
    invitation_status,
)
from backend.identity.accounts.ownership_proof import OwnerProof, PinHeader, RecoveryCodeHeader
from backend.identity.accounts.schemas import DeviceOut

Number = Annotated[int, PathParameter(ge=1, le=2**63 - 1)]


@post("/devices/invitations", responses=error_responses(*PROOF))
async def create_invitation(
    db: Db,
    session: Session,
    passwords: InjectedPasswords,
    settings: CurrentSettings,
    agent: CurrentAgent,
    now: Now,
    pin: PinHeader = None,
    recovery_code: RecoveryCodeHeader = None,
) -> InvitationCreated:
    """Invite a second device, with the PIN, or the recovery code where there is none.

    Show the secret as a QR code; the new device presents it (`POST /v1/devices/pending`), shows a number, and this one
    confirms it. No hold follows, and no other device ends. An invitation lives five minutes and counts once.
    """
    await ownership_proof.require_proof(db, passwords, settings, agent, OwnerProof(pin, recovery_code), now)
    return await invitations.create_invitation(db, session, settings, agent, now)


@get("/devices/invitations/{invitation_id:int}", responses=error_responses(invitations.InvitationNotFound))
async def get_invitation(session: Session, agent: CurrentAgent, now: Now, invitation_id: Number) -> InvitationOut:
    """The state of an invitation, and the name of the device that presented it. For the inviting device only."""
    return InvitationOut.of(await invitations.get_invitation(session, agent, invitation_id), now)


@put(
    "/devices/invitations/{invitation_id:int}/confirmation",
    responses=error_responses(
        invitations.InvitationNotFound,
        invitations.InvitationExpired,
        invitations.InvitationNotPresented,
        invitations.CheckNumberInvalid,
        invitations.DevicesExhausted,
        AccountHeld,
    ),
)
async def confirm_invitation(
    session: Session,
    settings: CurrentSettings,
    agent: CurrentAgent,
    now: Now,
    invitation_id: Number,
    data: JSONBody[DeviceConfirmationIn],
) -> DeviceOut:
    """Let the new device in, with the number that it shows. Only the device that invited; again is harmless."""
    device = await invitations.confirm_invitation(session, settings, agent, invitation_id, data.check_number, now)
    return device_response(device, agent, now)


@delete("/devices/invitations/{invitation_id:int}", responses=error_responses(invitations.InvitationNotFound))
async def delete_invitation(session: Session, agent: CurrentAgent, now: Now, invitation_id: Number) -> None:
    """End an invitation that is not wanted any more. A device that was let in is ended as a device."""
    await invitations.end_invitation(session, agent, invitation_id, now)


@post("/devices/pending", responses=error_responses(invitations.InvitationNotFound, TooManyRequests))
async def create_pending_device(
    request: HTTPRequest, data: JSONBody[PendingDeviceIn], db: Db, settings: CurrentSettings, now: Now
) -> PendingDeviceCreated:
    """Present the secret of an invitation on the new device. Show the number; the token opens when the first device has
    confirmed it."""
    return await invitations.present_invitation(db, settings, request.state.network, data, now)


@get("/devices/pending", responses=error_responses(Unauthenticated))
async def get_pending_device(request: HTTPRequest, session: Session, now: Now) -> PendingDeviceOut:
    """Whether the first device has confirmed: ask each second or two with the pending token as bearer."""
    invitation = await invitations.presented_invitation(session, tokens.bearer(request))
    return PendingDeviceOut(invitation_status(invitation, now), invitation.expires_at)


public_router = Router(
    "/", route_handlers=[create_pending_device, get_pending_device], tags=["Accounts"], security=[{}]
)
router = Router(
    "/",
    route_handlers=[create_invitation, get_invitation, confirm_invitation, delete_invitation],
    tags=["Accounts"],
)
