"""Passkeys: a second way back. The key is in the phone's hardware or its maker's cloud, we keep the public half."""

import hashlib
import secrets
from datetime import datetime, timedelta

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from backend import limits
from backend.accounts import authenticator
from backend.accounts.authenticator import KnownKey, NewKey, Site, Unproven
from backend.accounts.models import Account, Passkey
from backend.accounts.schemas import Assertion, ChallengeOut, PasskeyIn
from backend.database import Database
from backend.errors import Conflict, Invalid, NotFound, Unauthenticated
from backend.settings import Settings

LIFE = timedelta(minutes=5)
CHALLENGE_BYTES = 32
HOUR = 3600  # seconds

CHALLENGE = text("INSERT INTO challenges (digest, account_id, expires_at) VALUES (:digest, :account, :expires_at)")
# Taken before it is looked at: an answer counts once, right or wrong.
TAKE = text("""
    DELETE FROM challenges
    WHERE digest = :digest AND account_id IS NOT DISTINCT FROM :account AND expires_at > now() RETURNING digest
""")
KEY = text("""
    SELECT id, account_id, public_key, sign_count FROM passkeys
    WHERE credential_id = :credential_id AND ended_at IS NULL
""")
# Of two answers at once with the same counter only one is the key's owner.
COUNT = text("""
    UPDATE passkeys SET sign_count = :sign_count
    WHERE id = :passkey AND (sign_count < :sign_count OR sign_count = 0 AND :sign_count = 0) RETURNING id
""")


class PasskeyInvalid(Invalid):
    """This passkey does not answer a challenge of ours. Please ask for a new one and try again."""


class PasskeyUnknown(NotFound):
    """There is no such passkey among yours."""


class PasskeyTaken(Conflict):
    """This passkey belongs to another account."""


class PasskeysFull(Conflict):
    """You have as many passkeys as we keep. Remove one first."""


async def offer_new(db: Database, session: AsyncSession, settings: Settings, account_id: int, now: datetime,
                    network: str) -> ChallengeOut:  # fmt: skip
    """A challenge for making a passkey.

    Raises:
        TooManyRequests: this network has asked for very many.
    """
    challenge = await _challenge(db, settings, account_id, now, network)
    account = await session.get_one(Account, account_id)
    known = [passkey.credential_id for passkey in await listed(session, account_id)]
    options = authenticator.creation_options(
        Site.of(settings.base_url),
        challenge,
        handle=authenticator.user_handle(settings.pepper, account_id),
        card_number=account.card_number or "",
        known=known,
    )
    return ChallengeOut(options, now + LIFE)


async def offer(db: Database, settings: Settings, now: datetime, network: str) -> ChallengeOut:
    """A challenge for coming back with a passkey; whose, the passkey will say.

    Raises:
        TooManyRequests: this network has asked for very many.
    """
    challenge = await _challenge(db, settings, None, now, network)
    return ChallengeOut(authenticator.request_options(Site.of(settings.base_url), challenge), now + LIFE)


async def _challenge(db: Database, settings: Settings, account_id: int | None, now: datetime, network: str) -> bytes:
    most = settings.numbers.at("challenges_per_hour_per_address", now.date())
    await limits.spend(db, f"challenges:{network}", seconds=HOUR, most=most)
    challenge = secrets.token_bytes(CHALLENGE_BYTES)
    await db.rows(CHALLENGE, digest=_digest(challenge), account=account_id, expires_at=now + LIFE)
    return challenge


def _digest(challenge: bytes) -> bytes:
    return hashlib.sha256(challenge).digest()


async def add(db: Database, session: AsyncSession, settings: Settings, account_id: int, sent: PasskeyIn,
              now: datetime) -> Passkey:  # fmt: skip
    """Keep a passkey that has answered its challenge; the same one again is the first one.

    Raises:
        PasskeyInvalid: it has not. PasskeyTaken: another account has it. PasskeysFull: too many.
    """
    challenge = _challenge_of(sent)
    key = _checked(settings, sent, challenge)
    # The row's lock lets one in after the other: the number of passkeys is right, and so is the first of two repeats.
    account = await session.get_one(Account, account_id, with_for_update=True)
    if account.closed_at is not None:
        raise Unauthenticated
    known = await session.scalar(select(Passkey).where(Passkey.credential_id == key.credential_id))
    if known is not None and (known.account_id, known.public_key) == (account_id, key.public_key):
        return known
    if not await db.rows(TAKE, digest=_digest(challenge), account=account_id):
        raise PasskeyInvalid
    if known is not None:
        raise PasskeyTaken
    if len(await listed(session, account_id)) >= settings.numbers.at("passkeys_per_account", now.date()):
        raise PasskeysFull
    passkey = Passkey(account_id=account_id, created_at=now, credential_id=key.credential_id,
                      public_key=key.public_key, sign_count=key.sign_count)  # fmt: skip
    session.add(passkey)
    await session.flush()
    return passkey


def _challenge_of(sent: PasskeyIn) -> bytes:
    try:
        return authenticator.challenge_of(sent.response.client_data)
    except Unproven as error:
        raise PasskeyInvalid from error


def _checked(settings: Settings, sent: PasskeyIn, challenge: bytes) -> NewKey:
    try:
        return authenticator.check_new(Site.of(settings.base_url), sent.as_sent(), challenge)
    except Unproven as error:
        raise PasskeyInvalid from error


async def listed(session: AsyncSession, account_id: int) -> list[Passkey]:
    """The passkeys that open an account, newest first."""
    alive = select(Passkey).where(Passkey.account_id == account_id, Passkey.ended_at.is_(None))
    return list(await session.scalars(alive.order_by(Passkey.id.desc())))


async def end(session: AsyncSession, account_id: int, passkey_id: int) -> None:
    """Let a passkey open nothing any more; ending it again is harmless.

    Raises:
        PasskeyUnknown: it is not one of the caller's.
    """
    passkey = await session.scalar(
        select(Passkey).where(Passkey.id == passkey_id, Passkey.account_id == account_id).with_for_update()
    )
    if passkey is None:
        raise PasskeyUnknown
    passkey.ended_at = passkey.ended_at or func.now()


async def prove(db: Database, settings: Settings, sent: Assertion) -> int | None:
    """The number of the passkey that has answered a challenge for coming back, or None; the challenge is used up."""
    try:
        challenge = authenticator.challenge_of(sent.response.client_data)
        credential_id = authenticator.raw(sent.raw_id)
    except Unproven:
        return None
    taken = await db.rows(TAKE, digest=_digest(challenge), account=None)
    keys = await db.rows(KEY, credential_id=credential_id)
    if not taken or not keys:
        return None
    (key,) = keys
    known = KnownKey(key.public_key, key.sign_count, authenticator.user_handle(settings.pepper, key.account_id))
    try:
        sign_count = authenticator.check_known(Site.of(settings.base_url), sent.as_sent(), challenge, known)
    except Unproven:
        return None
    return key.id if await db.rows(COUNT, passkey=key.id, sign_count=sign_count) else None
