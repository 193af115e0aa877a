"""How the worker sends what is due: claim it, post it with no transaction open, write down what came of it."""

import asyncio
import time
from typing import Any, NamedTuple

import structlog
from cryptography.exceptions import InvalidTag
from sqlalchemy import text

from backend import jobs
from backend.database import Database
from backend.settings import Settings
from backend.webhooks import posting, signing, targets
from backend.webhooks.posting import Outcome
from backend.webhooks.targets import Resolve

log = structlog.get_logger("scanback")

# What an attempt that failed waits for; after the last one the delivery has failed. Two days at most.
MINUTE, HOUR = 60, 3600
WAITS = (5, MINUTE, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR)
LEASE_SECONDS = 3 * posting.SECONDS
AT_ONCE, EACH = 32, 8  # attempts under way in a process, and of one endpoint
RUN_SECONDS = 300.0

# The oldest of each endpoint; those whose attempt nobody finished, because a worker died, are due again.
CLAIM = text("""
    WITH candidates AS (
        SELECT d.id FROM webhook_endpoints p CROSS JOIN LATERAL (
            SELECT id, due_at FROM webhook_deliveries
            WHERE endpoint_id = p.id AND state IN ('waiting', 'sending') AND due_at <= now()
            ORDER BY due_at LIMIT :each) AS d
        WHERE p.disabled_at IS NULL AND p.id <> ALL(:busy) ORDER BY d.due_at LIMIT :most),
    due AS (
        SELECT id FROM webhook_deliveries
        WHERE id IN (SELECT id FROM candidates) AND state IN ('waiting', 'sending') AND due_at <= now()
        FOR UPDATE SKIP LOCKED)
    UPDATE webhook_deliveries d
    SET state = 'sending', attempts = d.attempts + 1, due_at = now() + :lease * interval '1 second'
    FROM due, webhook_endpoints p, events e WHERE d.id = due.id AND p.id = d.endpoint_id AND e.id = d.event_id
    RETURNING d.id, d.attempts, d.due_at, d.message, p.id AS endpoint_id, p.url, p.secret, e.kind, e.at, e.body
""")
# Only whoever holds the claim may write: the time until which it lasts is nobody else's.
RECORD = text("""
    UPDATE webhook_deliveries
    SET state = :state, status = CAST(:status AS int), problem = :problem,
        due_at = now() + :wait * interval '1 second', done_at = CASE WHEN :over THEN now() END
    WHERE id = :id AND state = 'sending' AND due_at = :due_at
""")
# An endpoint that says it is gone is asked no more, unless its address has changed meanwhile.
GONE = text("""
    WITH gone AS (
        UPDATE webhook_endpoints SET disabled_at = now() WHERE id = :endpoint AND url = :url AND disabled_at IS NULL
        RETURNING brand_id, key)
    INSERT INTO events (brand_id, kind, body)
    SELECT brand_id, 'webhook.gone', jsonb_build_object('key', key) FROM gone
""")


class Claimed(NamedTuple):
    """A delivery that this process alone may send, until `due_at`."""

    id: int
    attempt: int
    due_at: Any
    endpoint_id: int
    url: str
    sealed: bytes
    message: posting.Message


_sending = asyncio.Lock()


@jobs.task("webhooks", cron="* * * * * */5")
async def send_due(*, db: Database, settings: Settings) -> None:
    """Send what is due. One run in a process is enough: it takes up what becomes due meanwhile."""
    if _sending.locked():
        return
    async with _sending:
        await send_all(db, settings)


async def send_all(db: Database, settings: Settings, resolve: Resolve = targets.resolve) -> None:
    """Send until nothing is due, or for some minutes; a slow endpoint holds up its own deliveries only."""
    deadline = time.monotonic() + RUN_SECONDS
    flying: dict[asyncio.Task[None], int] = {}
    async with asyncio.TaskGroup() as group:
        while True:
            if time.monotonic() < deadline:
                for one in await claim(db, busy=set(flying.values()), most=AT_ONCE - len(flying)):
                    flying[group.create_task(_attempt(db, settings, one, resolve))] = one.endpoint_id
            if not flying:
                return
            await asyncio.wait(flying, return_when=asyncio.FIRST_COMPLETED)
            flying = {task: endpoint_id for task, endpoint_id in flying.items() if not task.done()}


async def claim(db: Database, *, busy: set[int], most: int) -> list[Claimed]:
    """Take what is due, but of endpoints that are busy; each is taken by one process only."""
    rows = await db.rows(CLAIM, busy=list(busy), most=most, each=EACH, lease=LEASE_SECONDS) if most else []
    return [
        Claimed(row.id, row.attempts, row.due_at, row.endpoint_id, row.url, row.secret,
                posting.Message(str(row.message), row.kind, row.at, row.body))
        for row in rows
    ]  # fmt: skip


async def _attempt(db: Database, settings: Settings, one: Claimed, resolve: Resolve) -> None:
    """Send; a fault of ours is told and ends no other send: the delivery is due again when its lease is over."""
    try:
        await send(db, settings, one, resolve)
    except Exception as error:
        log.exception("webhook_failed", delivery=one.id, endpoint=one.endpoint_id, error=type(error).__name__)


async def send(db: Database, settings: Settings, one: Claimed, resolve: Resolve = targets.resolve) -> None:
    """Make one attempt and write down what came of it."""
    try:
        kept = signing.unseal(settings.master_key, one.endpoint_id, one.sealed)
    except InvalidTag:
        log.warning("webhook_secret_unreadable", endpoint=one.endpoint_id)
        outcome = Outcome(None, "secret")
    else:
        outcome = await posting.post(one.url, one.message, kept, one.attempt, settings.webhook_private, resolve)
    await record(db, one, outcome)


async def record(db: Database, one: Claimed, outcome: Outcome) -> None:
    """Done, failed for good, or to be tried again; whose claim has run out has nothing to say."""
    over = outcome.problem == "gone" or one.attempt > len(WAITS)
    state = "done" if not outcome.problem else "failed" if over else "waiting"
    wait = WAITS[one.attempt - 1] if state == "waiting" else 0
    if outcome.problem == "gone":
        await db.rows(GONE, endpoint=one.endpoint_id, url=one.url)
    values = {"state": state, "over": state != "waiting", "wait": wait}
    await db.rows(RECORD, id=one.id, due_at=one.due_at, status=outcome.status, problem=outcome.problem, **values)
