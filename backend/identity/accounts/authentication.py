"""Authentication of agents by the token of their device."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import msgspec
import psycopg
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from sqlalchemy import text

from backend.core.db.database import Database
from backend.core.http.errors import TooManyRequests, Unauthenticated
from backend.core.http.requests import HTTPConnection
from backend.core.security import tokens
from backend.core.settings import Settings

BEARER_PREFIX = "ls"
# SQLSTATEs of functions that authenticate the caller themselves.
DEVICE_ENDED, LIMIT_EXCEEDED = "SB012", "SB020"
CACHE_SECONDS = 600.0  # short, so that `seen_at` is updated
ACTIVITY_INTERVAL = timedelta(hours=1)

FIND_DEVICE = text("""
    SELECT d.id AS device_id, d.account_id,
        d.seen_at < now() - :seen_every
            OR d.new_recovery_digest IS NOT NULL AND (d.held_until IS NULL OR d.held_until <= now()) AS due
    FROM devices d JOIN accounts a ON a.id = d.account_id
    WHERE d.token_digest = :digest AND d.ended_at IS NULL AND d.expires_at > now() AND a.closed_at IS NULL
""")
RECORD_ACTIVITY = text("SELECT accounts_seen(:account, :device, :days)")


class Agent(msgspec.Struct, frozen=True):
    """The caller: an account and one of its devices."""

    account_id: int
    device_id: int
    network: str


CurrentAgent = NamedDependency[Agent]


async def guard(connection: HTTPConnection, handler: BaseRouteHandler) -> None:
    """Authenticate the agent, before the request is read.

    Raises:
        Unauthenticated: the token is unknown or has ended; the response does not distinguish these.
    """
    token = tokens.bearer(connection)
    if not tokens.is_token(token, BEARER_PREFIX):
        raise Unauthenticated
    digest, state = tokens.digest(token), connection.app.state
    network = connection.scope["state"]["network"]
    # A picture is expensive before its first statement runs, so its sender is authenticated here.
    uses_cache = "checks_caller_itself" in handler.opt and connection.headers.get("content-type") == "application/json"
    if uses_cache and (cached := state.known.get(digest)):
        connection.scope["state"]["agent"] = Agent(cached.account_id, cached.device_id, network)
        return
    agent = await authenticate(digest, network, state.db, state.settings)
    connection.scope["state"]["agent"] = agent
    if uses_cache:
        state.known.add(digest, agent)


async def authenticate(digest: bytes, network: str, db: Database, settings: Settings) -> Agent:
    """The agent that a token belongs to.

    Raises:
        Unauthenticated: the token is unknown, or the device has ended.
    """
    rows = await db.rows(FIND_DEVICE, digest=digest, seen_every=ACTIVITY_INTERVAL)
    if not rows:
        raise Unauthenticated
    row = rows[0]
    if row.due:
        days = settings.numbers.at("token_days", datetime.now(UTC).date())
        await db.rows(RECORD_ACTIVITY, account=row.account_id, device=row.device_id, days=days)
    return Agent(row.account_id, row.device_id, network)


def error_from_sqlstate(sqlstate: str, wait: int | None) -> Unauthenticated | TooManyRequests:
    """The error for an SQLSTATE of a function that authenticates the caller; `wait` in seconds."""
    return Unauthenticated() if sqlstate == DEVICE_ENDED else TooManyRequests(retry_after=wait or 60)


@contextmanager
def translate_database_errors() -> Iterator[None]:
    """Translate these SQLSTATEs of the block into errors.

    Raises:
        Unauthenticated: the device or the account has ended. TooManyRequests: a limit, with its wait.
    """
    try:
        yield
    except psycopg.Error as error:
        if error.sqlstate not in (DEVICE_ENDED, LIMIT_EXCEEDED):
            raise
        raise error_from_sqlstate(error.sqlstate, int(error.diag.message_detail or 0)) from error
