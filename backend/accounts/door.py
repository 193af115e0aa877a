"""The agent's door: who is calling, by the device's token."""

from datetime import datetime, timedelta
from typing import Any

import msgspec
from litestar import Request
from litestar.di import NamedDependency
from sqlalchemy import text

from backend import tokens
from backend.database import Db
from backend.errors import Unauthenticated

PREFIX = "ls"
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


async def signed_in(request: Request[Any, Any, Any], db: Db, now: datetime) -> Agent:
    """The agent that a token belongs to.

    Raises:
        Unauthenticated: no such token, or it has ended; the answer is the same for all.
    """
    token = tokens.bearer(request)
    if not tokens.is_token(token, PREFIX):
        raise Unauthenticated
    rows = await db.rows(FIND, digest=tokens.digest(token), seen_every=SEEN_EVERY)
    if not rows:
        raise Unauthenticated
    row = rows[0]
    if row.due:
        days = request.app.state.settings.numbers.at("token_days", now.date())
        await db.rows(SEEN, account=row.account_id, device=row.device_id, days=days)
    return Agent(row.account_id, row.device_id, request.state.network)
