"""Passkeys of agents. The private key is in the phone's hardware or its maker's cloud; we store the public key."""

from datetime import datetime

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.db.database import Database
from backend.core.http.errors import Conflict, NotFound, Unauthenticated
from backend.core.security import authenticator, passkey_challenges
from backend.core.security.credentials import PasskeyAssertion, PasskeyChallengeOut, PasskeyIn
from backend.core.security.passkey_challenges import CHALLENGE_LIFETIME, PasskeyInvalid
from backend.core.settings import Settings
from backend.identity.accounts import holds
from backend.identity.accounts.models import Account, Passkey

STATEMENTS = passkey_challenges.Statements(
    insert_challenge=text(
        "INSERT INTO challenges (digest, account_id, expires_at) VALUES (:digest, :owner, :expires_at)"
    ),
    consume_challenge=text("""
        DELETE FROM challenges
        WHERE digest = :digest AND account_id IS NOT DISTINCT FROM :owner AND expires_at > now() RETURNING digest
    """),
    find_passkey=text("""
        SELECT id, account_id AS owner_id, public_key, sign_count FROM passkeys
        WHERE credential_id = :credential_id AND ended_at IS NULL
    """),
    update_sign_count=text("""
        UPDATE passkeys SET sign_count = :sign_count
        WHERE id = :passkey AND (sign_count < :sign_count OR sign_count = 0 AND :sign_count = 0) RETURNING id
    """),
)


class PasskeyUnknown(NotFound):
    """There is no such passkey among yours."""

    code = "passkey_unknown"


class PasskeyConflict(Conflict):
    """This passkey belongs to another account."""

    code = "passkey_taken"


class PasskeysFull(Conflict):
    """You have the maximum number of passkeys. Remove one first."""

    code = "passkeys_full"


async def start_registration(
    db: Database, session: AsyncSession, settings: Settings, account_id: int, now: datetime, network: str
) -> PasskeyChallengeOut:
    """A challenge for the registration of a passkey.

    Raises:
        PasskeySiteInvalid: the site's address is a number. TooManyRequests: too many challenges for the network.
    """
    site = passkey_challenges.site_of(settings)
    challenge = await passkey_challenges.create_challenge(db, settings, STATEMENTS, account_id, network, now)
    account = await session.get_one(Account, account_id)
    registered = [passkey.credential_id for passkey in await list_passkeys(session, account_id)]
    options = authenticator.creation_options(
        site,
        challenge,
        handle=authenticator.user_handle(settings.pepper, account_id),
        user_name=account.card_number or "",
        known=registered,
    )
    return PasskeyChallengeOut(options, now + CHALLENGE_LIFETIME)


async def start_authentication(db: Database, settings: Settings, now: datetime, network: str) -> PasskeyChallengeOut:
    """A challenge for signing in with a passkey, which names its account.

    Raises:
        PasskeySiteInvalid: the site's address is a number. TooManyRequests: too many challenges for the network.
    """
    site = passkey_challenges.site_of(settings)
    challenge = await passkey_challenges.create_challenge(db, settings, STATEMENTS, None, network, now)
    return PasskeyChallengeOut(authenticator.request_options(site, challenge), now + CHALLENGE_LIFETIME)


async def add_passkey(
    db: Database, session: AsyncSession, settings: Settings, account_id: int, sent: PasskeyIn, now: datetime
) -> Passkey:
    """Store a passkey that has answered its challenge. Idempotent: returns the stored passkey.

    Raises:
        PasskeyInvalid: the challenge is not answered. PasskeyConflict: another account has the passkey.
        PasskeysFull: too many. AccountHeld: a recovery has begun since.
    """
    challenge, key = passkey_challenges.verify_registration(settings, sent)
    # The lock serialises these requests: the number of passkeys is exact, and a repeated request finds the first one.
    account = await session.get_one(Account, account_id, with_for_update=True)
    if account.closed_at is not None:
        raise Unauthenticated
    holds.check_hold(account.spending_held_until, now)
    existing = await session.scalar(select(Passkey).where(Passkey.credential_id == key.credential_id))
    if existing is not None and (existing.account_id, existing.public_key) == (account_id, key.public_key):
        return existing
    if not await passkey_challenges.consume_challenge(db, STATEMENTS, challenge, account_id):
        raise PasskeyInvalid
    if existing is not None:
        raise PasskeyConflict
    if len(await list_passkeys(session, account_id)) >= settings.numbers.at("passkeys_per_account", now.date()):
        raise PasskeysFull
    passkey = Passkey(
        account_id=account_id,
        created_at=now,
        credential_id=key.credential_id,
        public_key=key.public_key,
        sign_count=key.sign_count,
    )
    session.add(passkey)
    await session.flush()
    return passkey


async def list_passkeys(session: AsyncSession, account_id: int) -> list[Passkey]:
    """The active passkeys of an account, newest first."""
    alive = select(Passkey).where(Passkey.account_id == account_id, Passkey.ended_at.is_(None))
    return list(await session.scalars(alive.order_by(Passkey.id.desc())))


async def check_owner(session: AsyncSession, account_id: int, passkey_id: int) -> None:
    """Check that a passkey is one of the caller's.

    Raises:
        PasskeyUnknown: it is not.
    """
    query = select(Passkey.id).where(Passkey.id == passkey_id, Passkey.account_id == account_id)
    if await session.scalar(query) is None:
        raise PasskeyUnknown


async def end_passkey(session: AsyncSession, account_id: int, passkey_id: int) -> None:
    """End a passkey. Idempotent.

    Raises:
        PasskeyUnknown: it is not one of the caller's.
    """
    passkey = await session.scalar(
        select(Passkey).where(Passkey.id == passkey_id, Passkey.account_id == account_id).with_for_update()
    )
    if passkey is None:
        raise PasskeyUnknown
    passkey.ended_at = passkey.ended_at or func.now()


async def verify_passkey(db: Database, settings: Settings, sent: PasskeyAssertion) -> int | None:
    """The id of the passkey that answers a challenge for signing in, or None; the challenge is consumed."""

    def handle(account_id: int) -> bytes:
        return authenticator.user_handle(settings.pepper, account_id)

    passkey = await passkey_challenges.verify_assertion(db, settings, STATEMENTS, sent, None, handle)
    return passkey.id if passkey else None
