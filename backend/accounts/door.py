"""The agent's door: who is calling, by the device's token."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import psycopg
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from sqlalchemy import text

from backend import tokens
from backend.database import Database
from backend.errors import TooManyRequests, Unauthenticated
from backend.settings import Settings

PREFIX = "ls"
ENDED, FULL = "SB012", "SB020"  # what statements that ask themselves raise: a device or an account that ended; a limit
KNOWN_SECONDS = 600.0  # so that the door sees who comes (`seen_at`)
SEEN_EVERY = timedelta(hours=1)

FIND = text("""
    SELECT d.id AS device_id, d.account_id,
        d.seen_at < now() - :seen_every OR d.new_recovery_digest IS NOT NULL AS due
    FROM devices d JOIN accounts a ON a.id = d.account_id
    WHERE d.token_digest = :digest AND d.ended_at IS NULL AND d.expires_at > now() AND a.closed_at IS NULL
""")
SEEN = text("SELECT accounts_seen(:account, :device, :days)")


class Agent(msgspec.Struct, frozen=True):
    """Who calls: the account, and the device that speaks for it."""

    account_id: int
    device_id: int
    network: str


SignedIn = NamedDependency[Agent]


async def guard(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Let in agents; asked before anything of the request is read.

    Raises:
        Unauthenticated: no such token, or it has ended; the answer is the same for all.
    """
    token = tokens.bearer(connection)
    if not tokens.is_token(token, PREFIX):
        raise Unauthenticated
    digest, state = tokens.digest(token), connection.app.state
    network = connection.scope["state"]["network"]
    # A picture is costly before any statement asks: its sender shows himself at the door.
    trusting = "asks_itself" in handler.opt and connection.headers.get("content-type") == "application/json"
    if trusting and (known := state.known.get(digest)):
        connection.scope["state"]["agent"] = Agent(known.account_id, known.device_id, network)
        return
    agent = await signed_in(digest, network, state.db, state.settings)
    connection.scope["state"]["agent"] = agent
    if trusting:
        state.known.add(digest, agent)


async def signed_in(digest: bytes, network: str, db: Database, settings: Settings) -> Agent:
    """The agent that a token belongs to.

    Raises:
        Unauthenticated: there is none, or the device has ended.
    """
    rows = await db.rows(FIND, digest=digest, seen_every=SEEN_EVERY)
    if not rows:
        raise Unauthenticated
    row = rows[0]
    if row.due:
        days = settings.numbers.at("token_days", datetime.now(UTC).date())
        await db.rows(SEEN, account=row.account_id, device=row.device_id, days=days)
    return Agent(row.account_id, row.device_id, network)


def refusal(fault: str, wait: int | None) -> Unauthenticated | TooManyRequests:
    """What a statement that asks itself says of the caller, in our words; `wait` in seconds."""
    return Unauthenticated() if fault == ENDED else TooManyRequests(retry_after=wait or 60)


@contextmanager
def refusals() -> Iterator[None]:
    """What the database refused, in our words.

    Raises:
        Unauthenticated: the device or the account has ended. TooManyRequests: a limit, with its wait.
    """
    try:
        yield
    except psycopg.Error as error:
        if error.sqlstate not in (ENDED, FULL):
            raise
        raise refusal(error.sqlstate, int(error.diag.message_detail or 0)) from error
