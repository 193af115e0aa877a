"""Routes of accounts: creation, recovery, devices, PIN and passkeys."""

from datetime import datetime
from typing import Annotated

from litestar import Router, delete, get, post, put
from litestar.params import JSONBody, PathParameter

from backend.core.db.database import Db, Session
from backend.core.http.errors import Busy, TooManyRequests
from backend.core.http.models import CurrentSettings, Now
from backend.core.http.problems import error_responses
from backend.core.http.requests import HTTPRequest
from backend.core.security.credentials import PasskeyChallengeOut, PasskeyIn
from backend.core.security.passkey_challenges import PasskeyInvalid, PasskeySiteInvalid
from backend.core.security.passwords import InjectedPasswords
from backend.identity.accounts import holds, ownership_proof, passkeys, pins, recovery, service
from backend.identity.accounts.authentication import Agent, CurrentAgent
from backend.identity.accounts.models import Device
from backend.identity.accounts.ownership_proof import OwnerProof, PinHeader, RecoveryCodeHeader
from backend.identity.accounts.schemas import (
    AccountCreated,
    AccountRecoveryOut,
    DeviceList,
    DeviceOut,
    PasskeyList,
    PasskeyOut,
    PinIn,
    RecoveryCodeOut,
    SessionIn,
    SessionOut,
)

# Errors of routes that require the PIN or the recovery code.
PROOF = (
    ownership_proof.RecoveryCodeNeeded,
    ownership_proof.RecoveryCodeWrong,
    pins.PinNeeded,
    pins.PinWrong,
    pins.PinBlocked,
    holds.AccountHeld,
    TooManyRequests,
    Busy,
)
Number = Annotated[int, PathParameter(ge=1, le=2**63 - 1)]


@post("/accounts", responses=error_responses(TooManyRequests))
async def create_account(
    request: HTTPRequest, session: Session, db: Db, settings: CurrentSettings, now: Now
) -> AccountCreated:
    """Make an account: no phone number, e-mail or name. Keep the token, write the recovery code down."""
    await service.count_creation(db, settings, now, request.state.network)
    return await service.create_account(session, settings, now)


@post("/sessions", responses=error_responses(recovery.RecoveryUnknown, PasskeySiteInvalid, TooManyRequests))
async def create_session(
    request: HTTPRequest, data: JSONBody[SessionIn], db: Db, settings: CurrentSettings, now: Now
) -> SessionOut:
    """Come back on a new device with the recovery code or a passkey.

    Spending waits a day, and so does showing what was bought before. Until then the old recovery code goes on opening
    and undoes this, and devices that were signed in before can object (`DELETE /v1/me/recovery`); afterwards they are
    signed out, and the new code replaces the old one at the new device's first call. The PIN stays.

    A passkey that is older than a day signs in at once on a device that shows its `device_token`: no hold, no new code.
    """
    return await recovery.create_session(db, settings, now, request.state.network, data)


@post("/sessions/challenges", responses=error_responses(PasskeySiteInvalid, TooManyRequests))
async def create_session_challenge(
    request: HTTPRequest, db: Db, settings: CurrentSettings, now: Now
) -> PasskeyChallengeOut:
    """Ask for a challenge to come back with a passkey."""
    return await passkeys.start_authentication(db, settings, now, request.state.network)


def device_response(row: Device, agent: Agent, now: datetime) -> DeviceOut:
    """A device as its account sees it."""
    held_until = row.held_until if row.held_until and row.held_until > now else None
    return DeviceOut(
        row.id, row.name, row.created_at, row.seen_at, row.id == agent.device_id, held_until, row.replaced_at
    )


@get("/devices")
async def list_devices(session: Session, agent: CurrentAgent, now: Now) -> DeviceList:
    """The phones that are signed in."""
    rows = await service.list_devices(session, agent.account_id)
    return DeviceList([device_response(row, agent, now) for row in rows])


@delete("/devices/{device_id:int}", responses=error_responses(service.DeviceUnknown, *PROOF))
async def delete_device(
    db: Db,
    session: Session,
    passwords: InjectedPasswords,
    settings: CurrentSettings,
    agent: CurrentAgent,
    now: Now,
    device_id: Number,
    pin: PinHeader = None,
    recovery_code: RecoveryCodeHeader = None,
) -> None:
    """Sign a phone out: this one, or another with the PIN, or with the recovery code where there is none."""
    if device_id != agent.device_id:
        await service.check_device(session, agent, device_id)
        await ownership_proof.require_proof(db, passwords, settings, agent, OwnerProof(pin, recovery_code), now)
    await service.end_device(session, agent, device_id)


@get("/me/recovery", responses=error_responses(holds.RecoveryNotFound))
async def get_recovery(session: Session, agent: CurrentAgent, now: Now) -> AccountRecoveryOut:
    """The recovery that can still be undone: which device came back, and when its hold ends."""
    recovery_hold = await holds.current_recovery(session, agent.account_id, now)
    return AccountRecoveryOut(recovery_hold.device.name, recovery_hold.device.created_at, recovery_hold.until)


@delete("/me/recovery", responses=error_responses(*PROOF))
async def cancel_recovery(
    db: Db,
    session: Session,
    passwords: InjectedPasswords,
    settings: CurrentSettings,
    agent: CurrentAgent,
    now: Now,
    pin: PinHeader = None,
    recovery_code: RecoveryCodeHeader = None,
) -> None:
    """Object to a recovery from a device that was signed in before: who came back is signed out, and all is as it was.

    Wants the PIN, or the recovery code where there is none. Then remove what was used: the passkey, or the code by
    `POST /v1/me/recovery-code`. To object again is harmless.
    """
    await holds.check_device_hold(db, agent, now)
    await ownership_proof.check_proof(db, passwords, settings, agent, OwnerProof(pin, recovery_code), now)
    await holds.undo_recovery(session, settings, agent)


@post("/me/recovery-code", responses=error_responses(*PROOF))
async def create_recovery_code(
    db: Db,
    session: Session,
    passwords: InjectedPasswords,
    settings: CurrentSettings,
    agent: CurrentAgent,
    now: Now,
    pin: PinHeader = None,
    recovery_code: RecoveryCodeHeader = None,
) -> RecoveryCodeOut:
    """Replace the recovery code, with the PIN or, where there is none, the old code."""
    await ownership_proof.require_proof(db, passwords, settings, agent, OwnerProof(pin, recovery_code), now)
    return RecoveryCodeOut(await recovery.replace_recovery_code(session, settings, agent))


@put(
    "/me/pin",
    status_code=204,
    responses=error_responses(
        pins.PinNeeded,
        pins.PinWrong,
        pins.PinBlocked,
        ownership_proof.RecoveryCodeWrong,
        holds.AccountHeld,
        TooManyRequests,
        Busy,
    ),
)
async def put_pin(
    data: JSONBody[PinIn],
    db: Db,
    passwords: InjectedPasswords,
    settings: CurrentSettings,
    agent: CurrentAgent,
    now: Now,
) -> None:
    """Set, replace or (with null) remove the PIN that is asked for when value leaves the wallet.

    A forgotten one: come back with the recovery code, wait for the end of the hold, and send the new PIN with the
    recovery code.
    """
    if data.recovery_code is not None:
        await holds.check_account_hold(db, agent.account_id, now)
        await ownership_proof.check_recovery_code(db, settings, agent, data.recovery_code, now)
    change = pins.PinChange(data.old_pin, data.pin, data.recovery_code is not None)
    await pins.change_pin(db, passwords, settings, agent, change, now)


@post("/passkeys/challenges", responses=error_responses(PasskeySiteInvalid, TooManyRequests))
async def create_passkey_challenge(
    db: Db, session: Session, settings: CurrentSettings, agent: CurrentAgent, now: Now
) -> PasskeyChallengeOut:
    """Ask for a challenge to make a passkey: a way back that needs no paper."""
    return await passkeys.start_registration(db, session, settings, agent.account_id, now, agent.network)


@post(
    "/passkeys",
    responses=error_responses(
        PasskeyInvalid, passkeys.PasskeyConflict, passkeys.PasskeysFull, PasskeySiteInvalid, *PROOF
    ),
)
async def create_passkey(
    data: JSONBody[PasskeyIn],
    db: Db,
    session: Session,
    passwords: InjectedPasswords,
    settings: CurrentSettings,
    agent: CurrentAgent,
    now: Now,
    pin: PinHeader = None,
    recovery_code: RecoveryCodeHeader = None,
) -> PasskeyOut:
    """Create a passkey from the response to its challenge. Requires the PIN, or the recovery code without a PIN."""
    await ownership_proof.require_proof(db, passwords, settings, agent, OwnerProof(pin, recovery_code), now)
    row = await passkeys.add_passkey(db, session, settings, agent.account_id, data, now)
    return PasskeyOut(row.id, row.created_at)


@get("/passkeys")
async def list_passkeys(session: Session, agent: CurrentAgent) -> PasskeyList:
    """The passkeys that open this account."""
    rows = await passkeys.list_passkeys(session, agent.account_id)
    return PasskeyList([PasskeyOut(row.id, row.created_at) for row in rows])


@delete("/passkeys/{passkey_id:int}", responses=error_responses(passkeys.PasskeyUnknown, *PROOF))
async def delete_passkey(
    db: Db,
    session: Session,
    passwords: InjectedPasswords,
    settings: CurrentSettings,
    agent: CurrentAgent,
    now: Now,
    passkey_id: Number,
    pin: PinHeader = None,
    recovery_code: RecoveryCodeHeader = None,
) -> None:
    """Let a passkey open nothing any more. Wants the PIN, or the recovery code where there is none."""
    await passkeys.check_owner(session, agent.account_id, passkey_id)
    await ownership_proof.require_proof(db, passwords, settings, agent, OwnerProof(pin, recovery_code), now)
    await passkeys.end_passkey(session, agent.account_id, passkey_id)


public_router = Router(
    "/",
    route_handlers=[create_account, create_session, create_session_challenge],
    tags=["Accounts"],
    security=[{}],
)
router = Router(
    "/",
    route_handlers=[
        list_devices,
        delete_device,
        get_recovery,
        cancel_recovery,
        create_recovery_code,
        put_pin,
        create_passkey_challenge,
        create_passkey,
        list_passkeys,
        delete_passkey,
    ],
    tags=["Accounts"],
)
