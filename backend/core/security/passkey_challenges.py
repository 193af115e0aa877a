"""Ceremonies of Web Authentication (level 3, section 7) with the database, for agents and for staff: a challenge is
answered once, and a signature counter only grows."""

import hashlib
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import TextClause

from backend.core.db import rate_limits
from backend.core.db.database import Database
from backend.core.http.errors import Conflict, Invalid
from backend.core.security import authenticator
from backend.core.security.authenticator import KnownKey, NewKey, Site, SiteIsNumber, Unproven
from backend.core.security.credentials import PasskeyAssertion, PasskeyIn
from backend.core.settings import Settings

CHALLENGE_LIFETIME = timedelta(minutes=5)
CHALLENGE_BYTES = 32
HOUR = 3600  # seconds


class PasskeyInvalid(Invalid):
    """This passkey does not answer a challenge of ours. Please ask for a new one and try again."""

    code = "passkey_invalid"


class PasskeySiteInvalid(Conflict):
    """Passkeys need a site with a name, and this site's address is a number. Please sign in another way."""

    code = "passkey_site_invalid"


class PasskeyRow(NamedTuple):
    """A passkey and its owner, an agent or a member of staff."""

    id: int
    owner_id: int
    public_key: bytes
    sign_count: int


class Statements(NamedTuple):
    """The same statements over the tables of agents and over those of staff, named by their parameters."""

    insert_challenge: TextClause  # digest, owner, expires_at
    consume_challenge: TextClause  # digest, owner; a row where it was valid
    find_passkey: TextClause  # credential_id; a `PasskeyRow`
    update_sign_count: TextClause  # passkey, sign_count; a row where it may be so


def site_of(settings: Settings) -> Site:
    """The site of the passkeys.

    Raises:
        PasskeySiteInvalid: the installation's address is a number.
    """
    try:
        return Site.of(settings.base_url)
    except SiteIsNumber as error:
        raise PasskeySiteInvalid from error


async def create_challenge(
    db: Database, settings: Settings, statements: Statements, owner_id: int | None, network: str, now: datetime
) -> bytes:
    """A challenge for an owner, or for an unknown caller who signs in (None).

    Raises:
        TooManyRequests: the network has asked for very many.
    """
    limit = settings.numbers.at("challenges_per_hour_per_address", now.date())
    await rate_limits.count_request(db, f"challenges:{network}", seconds=HOUR, limit=limit)
    challenge = secrets.token_bytes(CHALLENGE_BYTES)
    expires_at = now + CHALLENGE_LIFETIME
    await db.rows(
        statements.insert_challenge, digest=_challenge_digest(challenge), owner=owner_id, expires_at=expires_at
    )
    return challenge


async def consume_challenge(db: Database, statements: Statements, challenge: bytes, owner_id: int | None) -> bool:
    """Whether the challenge was valid; it is consumed."""
    return bool(await db.rows(statements.consume_challenge, digest=_challenge_digest(challenge), owner=owner_id))


def verify_registration(settings: Settings, sent: PasskeyIn) -> tuple[bytes, NewKey]:
    """The challenge that a new passkey answers, not consumed yet, and the passkey's public half.

    Raises:
        PasskeyInvalid: it is not signed for this site. PasskeySiteInvalid: the installation's address is a number.
    """
    site = site_of(settings)
    try:
        challenge = authenticator.challenge_of(sent.response.client_data)
        return challenge, authenticator.check_new(site, sent.as_sent(), challenge)
    except Unproven as error:
        raise PasskeyInvalid from error


async def verify_assertion(
    db: Database,
    settings: Settings,
    statements: Statements,
    sent: PasskeyAssertion,
    owner_id: int | None,
    user_handle: Callable[[int], bytes],
) -> PasskeyRow | None:
    """The `find_passkey` row of the passkey that answers a challenge of `owner_id`, or None; the challenge is consumed.

    Raises:
        PasskeySiteInvalid: the installation's address is a number.
    """
    site = site_of(settings)
    try:
        challenge, credential_id = authenticator.challenge_of(sent.response.client_data), authenticator.raw(sent.raw_id)
    except Unproven:
        return None
    # Consumed before the answer is checked: an answer counts once, right or wrong.
    is_valid = await consume_challenge(db, statements, challenge, owner_id)
    rows = [PasskeyRow(*row) for row in await db.rows(statements.find_passkey, credential_id=credential_id)]
    if not is_valid or not rows or owner_id not in (None, rows[0].owner_id):
        return None
    passkey = rows[0]
    known = KnownKey(bytes(passkey.public_key), passkey.sign_count, user_handle(passkey.owner_id))
    try:
        sign_count = authenticator.check_known(site, sent.as_sent(), challenge, known)
    except Unproven:
        return None
    # Of two answers at the same time with the same counter one comes from a copy of the key.
    counted = await db.rows(statements.update_sign_count, passkey=passkey.id, sign_count=sign_count)
    return passkey if counted else None


def _challenge_digest(challenge: bytes) -> bytes:
    return hashlib.sha256(challenge).digest()
