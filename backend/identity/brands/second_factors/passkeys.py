"""Passkeys of staff: they sign in without a password (with user verification), and are a second factor."""

import hmac
from datetime import datetime

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.db.database import Database
from backend.core.http.errors import Conflict, NotFound
from backend.core.security import authenticator, passkey_challenges
from backend.core.security.credentials import PasskeyAssertion, PasskeyChallengeOut, PasskeyIn
from backend.core.security.passkey_challenges import CHALLENGE_LIFETIME, PasskeyInvalid
from backend.core.settings import Settings
from backend.identity.brands.authentication import Member
from backend.identity.brands.models import Staff, StaffPasskey
from backend.identity.brands.second_factors import service as second_factors

STATEMENTS = passkey_challenges.Statements(
    insert_challenge=text(
        "INSERT INTO staff_challenges (digest, staff_id, expires_at) VALUES (:digest, :owner, :expires_at)"
    ),
    consume_challenge=text("""
        DELETE FROM staff_challenges
        WHERE digest = :digest AND staff_id IS NOT DISTINCT FROM :owner AND expires_at > now() RETURNING digest
    """),
    find_passkey=text("""
        SELECT p.id, p.staff_id AS owner_id, p.public_key, p.sign_count
        FROM staff_passkeys p JOIN staff m ON m.id = p.staff_id
        WHERE p.credential_id = :credential_id AND m.disabled_at IS NULL
    """),
    update_sign_count=text("""
        UPDATE staff_passkeys SET sign_count = :sign_count
        WHERE id = :passkey AND (sign_count < :sign_count OR sign_count = 0 AND :sign_count = 0) RETURNING id
    """),
)


class StaffPasskeyNotFound(NotFound):
    """There is no such passkey among yours."""

    code = "staff_passkey_not_found"


class StaffPasskeyConflict(Conflict):
    """This passkey belongs to another member, or you have as many passkeys as are allowed."""

    code = "staff_passkey_conflict"


async def start_registration(
    db: Database, session: AsyncSession, settings: Settings, member: Member, network: str, now: datetime
) -> PasskeyChallengeOut:
    """A challenge for a new passkey.

    Raises:
        PasskeySiteInvalid: the site's address is a number. TooManyRequests: too many challenges for the network.
    """
    site = passkey_challenges.site_of(settings)
    challenge = await passkey_challenges.create_challenge(db, settings, STATEMENTS, member.staff_id, network, now)
    staff = await session.get_one(Staff, member.staff_id)
    options = authenticator.creation_options(
        site,
        challenge,
        handle=_user_handle(settings, member.staff_id),
        user_name=staff.email,
        known=[passkey.credential_id for passkey in await list_passkeys(session, member)],
    )
    return PasskeyChallengeOut(options, now + CHALLENGE_LIFETIME)


async def start_authentication(
    db: Database, settings: Settings, member: Member | None, network: str, now: datetime
) -> PasskeyChallengeOut:
    """A challenge to sign in with any passkey, or for a member to authenticate again.

    Raises:
        PasskeySiteInvalid: the site's address is a number. TooManyRequests: too many challenges for the network.
    """
    site, staff_id = passkey_challenges.site_of(settings), member.staff_id if member else None
    challenge = await passkey_challenges.create_challenge(db, settings, STATEMENTS, staff_id, network, now)
    return PasskeyChallengeOut(authenticator.request_options(site, challenge), now + CHALLENGE_LIFETIME)


async def add_passkey(
    db: Database, session: AsyncSession, settings: Settings, member: Member, sent: PasskeyIn, now: datetime
) -> tuple[StaffPasskey, list[str]]:
    """Store a passkey that answers its challenge; returns recovery codes as well where it is the first factor. The same
    passkey again returns the stored one.

    Raises:
        PasskeyInvalid: it does not. StaffPasskeyConflict: it is another member's, or there are too many.
    """
    challenge, key = passkey_challenges.verify_registration(settings, sent)
    staff = await session.get_one(Staff, member.staff_id, with_for_update=True)
    existing = await session.scalar(select(StaffPasskey).where(StaffPasskey.credential_id == key.credential_id))
    if existing is not None and (existing.staff_id, existing.public_key) == (member.staff_id, key.public_key):
        return existing, []
    if not await passkey_challenges.consume_challenge(db, STATEMENTS, challenge, member.staff_id):
        raise PasskeyInvalid
    limit = settings.numbers.at("passkeys_per_account", now.date())
    if existing is not None or len(await list_passkeys(session, member)) >= limit:
        raise StaffPasskeyConflict
    passkey = StaffPasskey(
        staff_id=staff.id,
        credential_id=key.credential_id,
        public_key=key.public_key,
        sign_count=key.sign_count,
        created_at=now,
    )
    session.add(passkey)
    await session.flush()
    return passkey, await second_factors.record_new_factor(session, settings, member, staff, now)


async def list_passkeys(session: AsyncSession, member: Member) -> list[StaffPasskey]:
    """The member's passkeys, newest first."""
    rows = select(StaffPasskey).where(StaffPasskey.staff_id == member.staff_id)
    return list(await session.scalars(rows.order_by(StaffPasskey.id.desc())))


async def remove_passkey(session: AsyncSession, member: Member, passkey_id: int) -> None:
    """Delete a passkey.

    Raises:
        StaffPasskeyNotFound: it is not one of the caller's.
    """
    staff = await session.get_one(Staff, member.staff_id, with_for_update=True)
    query = select(StaffPasskey).where(StaffPasskey.id == passkey_id, StaffPasskey.staff_id == member.staff_id)
    passkey = await session.scalar(query)
    if passkey is None:
        raise StaffPasskeyNotFound
    await session.delete(passkey)
    await second_factors.record_removed_factor(session, member, staff)


async def verify_passkey(db: Database, settings: Settings, sent: PasskeyAssertion, staff_id: int | None) -> int | None:
    """The member whose passkey answers a challenge, or None; the challenge is consumed. `staff_id`: the member who
    asked for the challenge, None when signing in."""

    def handle(owner_id: int) -> bytes:
        return _user_handle(settings, owner_id)

    passkey = await passkey_challenges.verify_assertion(db, settings, STATEMENTS, sent, staff_id, handle)
    return passkey.owner_id if passkey else None


def _user_handle(settings: Settings, staff_id: int) -> bytes:
    """The user handle of a member (section 5.4.3): not the row's id, and never an agent's handle."""
    return hmac.digest(settings.pepper, b"staff handle:%d" % staff_id, "sha256")
