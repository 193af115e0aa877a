"""Making an account, coming back to it, its devices and PIN."""

from typing import Any

from litestar import Request, Router, delete, get, post, put
from litestar.params import FromPath, JSONBody

from backend import limits
from backend.accounts import pins, service
from backend.accounts.door import SignedIn
from backend.accounts.schemas import AccountNew, DeviceList, DeviceOut, PinIn, SessionIn, SessionOut
from backend.database import Db, Session
from backend.errors import Busy, TooManyRequests
from backend.passwords import ThePasswords
from backend.wire import Now, TheSettings, raises

HOUR = 3600


@post("/accounts", responses=raises(TooManyRequests))
async def create_account(
    request: Request[Any, Any, Any], session: Session, db: Db, settings: TheSettings, now: Now
) -> AccountNew:
    """Make an account: no phone number, e-mail or name. Keep the token, write the recovery code down."""
    most = settings.numbers.at("accounts_per_hour_per_address", now.date())
    await limits.spend(db, f"accounts:{request.state.network}", seconds=HOUR, most=most)
    await limits.spend(db, "accounts", seconds=HOUR, most=settings.numbers.at("accounts_per_hour", now.date()))
    return await service.create(session, settings, now)


@post("/sessions", responses=raises(service.RecoveryUnknown, TooManyRequests))
async def create_session(
    request: Request[Any, Any, Any],
    data: JSONBody[SessionIn],
    session: Session,
    db: Db,
    settings: TheSettings,
    now: Now,
) -> SessionOut:
    """Come back on a new device with the recovery code. All other devices are signed out, spending waits a day."""
    key = f"recovery:{request.state.network}"
    most = settings.numbers.at("signins_failed_per_hour_per_address", now.date())
    await limits.check(db, key, most=most)
    try:
        return await service.recover(session, settings, now, data.recovery_code, data.device_name)
    except service.RecoveryUnknown:
        await limits.fail(db, key, most=most)
        raise


@get("/devices")
async def list_devices(session: Session, agent: SignedIn) -> DeviceList:
    """The phones that are signed in."""
    rows = await service.devices(session, agent)
    return DeviceList(
        [DeviceOut(row.id, row.name, row.created_at, row.seen_at, row.id == agent.device_id) for row in rows]
    )


@delete("/devices/{device_id:int}", responses=raises(service.DeviceUnknown))
async def end_device(session: Session, agent: SignedIn, device_id: FromPath[int]) -> None:
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
    await pins.change(db, passwords, settings, agent.account_id, data.old_pin, data.pin, now)


strangers = Router("/", route_handlers=[create_account, create_session], tags=["Account"], security=[{}])
router = Router("/", route_handlers=[list_devices, end_device, set_pin], tags=["Account"])
