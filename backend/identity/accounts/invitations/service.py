"""Invitation of a second device: a secret, valid for minutes and once, that the first device creates and confirms.

The secret travels in a QR code, which others may photograph. It grants no access by itself: the first device confirms
with the number that the second one shows, and a thief of the secret shows another number.
"""

import secrets
from datetime import datetime, timedelta

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.db import events, rate_limits
from backend.core.db.database import Database
from backend.core.http.errors import Conflict, NotFound, TooManyRequests, Unauthenticated
from backend.core.security import tokens
from backend.core.settings import Settings
from backend.identity.accounts import holds
from backend.identity.accounts.authentication import BEARER_PREFIX, Agent
from backend.identity.accounts.invitations.schemas import InvitationCreated, PendingDeviceCreated, PendingDeviceIn
from backend.identity.accounts.models import Account, Device, DeviceInvitation

INVITATION_PREFIX = "dv"
LIFETIME = timedelta(minutes=5)
HOUR = 3600  # seconds

# One statement: of two concurrent requests with one secret, one gets a row.
PRESENT = text("""
    UPDATE device_invitations
    SET token_digest = :token, device_name = :name, check_number = :number, expires_at = :until
    WHERE secret_digest = :secret AND token_digest IS NULL AND ended_at IS NULL AND expires_at > :now RETURNING id
""")


class InvitationNotFound(NotFound):
    """There is no such invitation, or it was used or has ended. Create a new one on the first device."""

    code = "invitation_not_found"


class InvitationExpired(Conflict):
    """This invitation has expired. Create a new one."""

    code = "invitation_expired"


class InvitationNotPresented(Conflict):
    """No device has presented this invitation yet."""

    code = "invitation_not_presented"


class CheckNumberInvalid(Conflict):
    """This is not the number that the new device shows. If it shows none, someone else used the code: end the
    invitation."""

    code = "check_number_invalid"


class DevicesExhausted(Conflict):
    """You have the maximum number of devices. Sign one out first."""

    code = "devices_exhausted"


async def create_invitation(
    db: Database, session: AsyncSession, settings: Settings, agent: Agent, now: datetime
) -> InvitationCreated:
    """Create an invitation. The caller has checked the owner's proof.

    Raises:
        TooManyRequests: the account has created too many.
    """
    most = settings.numbers.at("device_invitations_per_hour", now.date())
    await rate_limits.count_request(db, f"invitations:{agent.account_id}", seconds=HOUR, limit=most)
    secret = tokens.token(INVITATION_PREFIX)
    invitation = DeviceInvitation(
        account_id=agent.account_id,
        device_id=agent.device_id,
        secret_digest=tokens.digest(secret),
        expires_at=now + LIFETIME,
    )
    session.add(invitation)
    await session.flush()
    return InvitationCreated(invitation.id, secret, invitation.expires_at)


async def present_invitation(
    db: Database, settings: Settings, network: str, sent: PendingDeviceIn, now: datetime
) -> PendingDeviceCreated:
    """Present the secret from the new device, which gets a token that is valid once the first device confirms.

    Raises:
        InvitationNotFound: whatever the reason. TooManyRequests: the same, from a network with too many failures.
    """
    token, number, until = tokens.token(BEARER_PREFIX), f"{secrets.randbelow(10_000):04}", now + LIFETIME
    is_presented = tokens.is_token(sent.secret, INVITATION_PREFIX) and await db.rows(
        PRESENT,
        secret=tokens.digest(sent.secret),
        token=tokens.digest(token),
        name=sent.device_name,
        number=number,
        until=until,
        now=now,
    )
    if is_presented:
        return PendingDeviceCreated(token, number, until)
    most = settings.numbers.at("signins_failed_per_hour_per_address", now.date())
    wait = await rate_limits.count_failure(db, f"recovery:{network}", limit=most)
    if wait:
        raise TooManyRequests(retry_after=wait)
    raise InvitationNotFound


async def presented_invitation(session: AsyncSession, token: str) -> DeviceInvitation:
    """The invitation that a new device has presented, by the token of that device.

    Raises:
        Unauthenticated: the token is unknown.
    """
    if not tokens.is_token(token, BEARER_PREFIX):
        raise Unauthenticated
    query = select(DeviceInvitation).where(DeviceInvitation.token_digest == tokens.digest(token))
    invitation = await session.scalar(query)
    if invitation is None:
        raise Unauthenticated
    return invitation


async def get_invitation(
    session: AsyncSession, agent: Agent, invitation_id: int, *, lock: bool = False
) -> DeviceInvitation:
    """An invitation of the calling device.

    Raises:
        InvitationNotFound: this device has not created it.
    """
    query = select(DeviceInvitation).where(
        DeviceInvitation.id == invitation_id,
        DeviceInvitation.account_id == agent.account_id,
        DeviceInvitation.device_id == agent.device_id,
    )
    invitation = await session.scalar(query.with_for_update() if lock else query)
    if invitation is None:
        raise InvitationNotFound
    return invitation


async def confirm_invitation(
    session: AsyncSession, settings: Settings, agent: Agent, invitation_id: int, number: str, now: datetime
) -> Device:
    """Confirm the new device by the number that it shows. Idempotent: returns the same device.

    Raises:
        InvitationNotFound, InvitationNotPresented, InvitationExpired, CheckNumberInvalid, DevicesExhausted.
        AccountHeld: a recovery has begun since.
    """
    account = await session.get_one(Account, agent.account_id, with_for_update=True)
    invitation = await get_invitation(session, agent, invitation_id, lock=True)
    if invitation.new_device_id is not None:
        return await session.get_one(Device, invitation.new_device_id)
    if invitation.ended_at is not None or invitation.expires_at <= now:
        raise InvitationExpired
    holds.check_hold(account.spending_held_until, now)
    if invitation.token_digest is None:
        raise InvitationNotPresented
    if number != invitation.check_number:
        raise CheckNumberInvalid
    await _check_device_limit(session, settings, agent, now)
    return await _create_device(session, settings, invitation, now)


async def _check_device_limit(session: AsyncSession, settings: Settings, agent: Agent, now: datetime) -> None:
    alive = Device.account_id == agent.account_id, Device.ended_at.is_(None), Device.expires_at > now
    count = await session.scalar(select(func.count()).where(*alive))
    if (count or 0) >= settings.numbers.at("devices_per_account", now.date()):
        raise DevicesExhausted


async def _create_device(
    session: AsyncSession, settings: Settings, invitation: DeviceInvitation, now: datetime
) -> Device:
    life = timedelta(days=settings.numbers.at("token_days", now.date()))
    device = Device(
        account_id=invitation.account_id,
        token_digest=invitation.token_digest,
        name=invitation.device_name,
        created_at=now,
        seen_at=now,
        expires_at=now + life,
    )
    session.add(device)
    await session.flush()
    invitation.new_device_id = device.id
    events.record(session, "account.device_added", account_id=invitation.account_id, device_id=device.id)
    return device


async def end_invitation(session: AsyncSession, agent: Agent, invitation_id: int, now: datetime) -> None:
    """End an invitation, presented or not. Idempotent. A confirmed device is ended as a device.

    Raises:
        InvitationNotFound: this device has not created it.
    """
    invitation = await get_invitation(session, agent, invitation_id, lock=True)
    invitation.ended_at = invitation.ended_at or now
