"""Making an account, coming back to it, its devices, PIN and passkeys."""

from typing import Annotated, Any

from litestar import Request, Router, delete, get, post, put
from litestar.params import JSONBody, PathParameter

from backend.accounts import passkeys, pins, recovery, service
from backend.accounts.door import SignedIn
from backend.accounts.schemas import (
    AccountNew,
    ChallengeOut,
    DeviceList,
    DeviceOut,
    PasskeyIn,
    PasskeyList,
    PasskeyOut,
    PinIn,
    SessionIn,
    SessionOut,
)
from backend.database import Db, Session
from backend.errors import Busy, TooManyRequests
from backend.passwords import ThePasswords
from backend.wire import Now, TheSettings, raises

Number = Annotated[int, PathParameter(ge=1, le=2**63 - 1)]


@post("/accounts", responses=raises(TooManyRequests))
async def create_account(
    request: Request[Any, Any, Any], session: Session, db: Db, settings: TheSettings, now: Now
) -> AccountNew:
    """Make an account: no phone number, e-mail or name. Keep the token, write the recovery code down."""
    await service.admit(db, settings, now, request.state.network)
    return await service.create(session, settings, now)


@post("/sessions", responses=raises(recovery.RecoveryUnknown, TooManyRequests))
async def create_session(
    request: Request[Any, Any, Any], data: JSONBody[SessionIn], db: Db, settings: TheSettings, now: Now
) -> SessionOut:
    """Come back on a new device with the recovery code or a passkey.

    All other devices are signed out, the PIN is removed, and spending waits a day. There is a new recovery code: the
    old one stands until the new token is first used, so that an answer lost on the way locks nobody out.
    """
    return await recovery.come_back(db, settings, now, request.state.network, data)


@post("/sessions/challenges", responses=raises(TooManyRequests))
async def create_session_challenge(
    request: Request[Any, Any, Any], db: Db, settings: TheSettings, now: Now
) -> ChallengeOut:
    """Ask for a challenge to come back with a passkey."""
    return await passkeys.offer(db, settings, now, request.state.network)


@get("/devices")
async def list_devices(session: Session, agent: SignedIn) -> DeviceList:
    """The phones that are signed in."""
    rows = await service.devices(session, agent.account_id)
    return DeviceList(
        [DeviceOut(row.id, row.name, row.created_at, row.seen_at, row.id == agent.device_id) for row in rows]
    )


@delete("/devices/{device_id:int}", responses=raises(service.DeviceUnknown))
async def end_device(session: Session, agent: SignedIn, device_id: Number) -> None:
    """Sign a phone out, this one or another."""
    await service.end_device(session, agent, device_id)


@put(
    "/me/pin",
    status_code=204,
    responses=raises(pins.PinNeeded, pins.PinWrong, pins.PinBlocked, TooManyRequests, Busy),
)
async def set_pin(
    data: JSONBody[PinIn], db: Db, passwords: ThePasswords, settings: TheSettings, agent: SignedIn, now: Now
) -> None:
    """Set, replace or (with null) remove the PIN that is asked for when value leaves the wallet."""
    await pins.change(db, passwords, settings, agent, data.old_pin, data.pin, now)


@post("/passkeys/challenges", responses=raises(TooManyRequests))
async def create_passkey_challenge(
    db: Db, session: Session, settings: TheSettings, agent: SignedIn, now: Now
) -> ChallengeOut:
    """Ask for a challenge to make a passkey: a way back that needs no paper."""
    return await passkeys.offer_new(db, session, settings, agent.account_id, now, agent.network)


@post("/passkeys", responses=raises(passkeys.PasskeyInvalid, passkeys.PasskeyTaken, passkeys.PasskeysFull))
async def create_passkey(
    data: JSONBody[PasskeyIn], db: Db, session: Session, settings: TheSettings, agent: SignedIn, now: Now
) -> PasskeyOut:
    """Keep a passkey that has answered its challenge."""
    row = await passkeys.add(db, session, settings, agent.account_id, data, now)
    return PasskeyOut(row.id, row.created_at)


@get("/passkeys")
async def list_passkeys(session: Session, agent: SignedIn) -> PasskeyList:
    """The passkeys that open this account."""
    rows = await passkeys.listed(session, agent.account_id)
    return PasskeyList([PasskeyOut(row.id, row.created_at) for row in rows])


@delete("/passkeys/{passkey_id:int}", responses=raises(passkeys.PasskeyUnknown))
async def end_passkey(session: Session, agent: SignedIn, passkey_id: Number) -> None:
    """Let a passkey open nothing any more."""
    await passkeys.end(session, agent.account_id, passkey_id)


strangers = Router(
    "/",
    route_handlers=[create_account, create_session, create_session_challenge],
    tags=["Account"],
    security=[{}],
)
router = Router(
    "/",
    route_handlers=[
        list_devices, end_device, set_pin, create_passkey_challenge, create_passkey, list_passkeys, end_passkey,
    ],
    tags=["Account"],
)  # fmt: skip
