"""The worker's sender: lease deliveries that are due, send them outside any transaction, record the outcomes."""

from collections.abc import Collection
from datetime import datetime
from functools import partial
from typing import NamedTuple

import structlog
from cryptography.exceptions import InvalidTag
from sqlalchemy import text

from backend.core.db import jobs, leases
from backend.core.db.database import Database
from backend.core.settings import Settings
from backend.notifications.webhooks import http_delivery, signatures, targets
from backend.notifications.webhooks.http_delivery import DeliveryOutcome
from backend.notifications.webhooks.targets import Resolve

log = structlog.get_logger("scanback")

# Seconds from a failed attempt to the next. After the last retry the delivery has failed, within two days.
MINUTE, HOUR = 60, 3600
RETRY_DELAYS = (5, MINUTE, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR)
# The upper bound of `Retry-After`: longer waits would delay the next events too much.
MAX_RETRY_DELAY = max(RETRY_DELAYS)
LEASE_SECONDS = 3 * http_delivery.TIMEOUT_SECONDS
MAX_CONCURRENT, MAX_PER_ENDPOINT = 32, 8  # concurrent attempts of a process, and of one endpoint

# The oldest of each endpoint. Deliveries whose lease has expired, because a worker died, are due as well.
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
    RETURNING d.id, d.attempts, d.due_at, d.message, p.id AS endpoint_id, p.url, p.secret, e.kind, e.at,
        webhooks_names(e.brand_id, e.body) || e.body AS body
""")
# Writes only under a valid lease: the end of the lease identifies its holder.
RECORD_OUTCOME = text("""
    UPDATE webhook_deliveries
    SET state = :state, status = CAST(:status AS int), problem = :problem,
        due_at = now() + :wait * interval '1 second', done_at = CASE WHEN :over THEN now() END
    WHERE id = :id AND state = 'sending' AND due_at = :due_at
""")
# `Retry-After` applies to all deliveries of the endpoint.
PAUSE_ENDPOINT = text("""
    UPDATE webhook_deliveries SET due_at = now() + :wait * interval '1 second'
    WHERE endpoint_id = :endpoint AND state = 'waiting' AND due_at < now() + :wait * interval '1 second'
""")
# Disables an endpoint that responded with 410, unless its address has changed meanwhile.
DISABLE_GONE_ENDPOINT = text("""
    WITH gone AS (
        UPDATE webhook_endpoints SET disabled_at = now() WHERE id = :endpoint AND url = :url AND disabled_at IS NULL
        RETURNING brand_id, key)
    INSERT INTO events (brand_id, kind, body)
    SELECT brand_id, 'webhook.gone', jsonb_build_object('key', key) FROM gone
""")


class ClaimedDelivery(NamedTuple):
    """A delivery with a lease: only this process may send it until `lease_until`."""

    id: int
    attempt: int
    lease_until: datetime
    endpoint_id: int
    url: str
    sealed: bytes
    message: http_delivery.WebhookMessage


_single_run = leases.SingleRun()


@jobs.task("webhooks", cron="* * * * * */5")
async def send_due(*, db: Database, settings: Settings) -> None:
    """Send due deliveries. A process needs only one run, which also sends what becomes due meanwhile."""
    await _single_run.start(partial(send_all, db, settings))


async def send_all(db: Database, settings: Settings, resolve: Resolve = targets.resolve_host) -> None:
    """Send what is due. A slow endpoint delays only its own deliveries."""

    async def claim(limit: int, running: Collection[ClaimedDelivery]) -> list[ClaimedDelivery]:
        return await claim_deliveries(db, busy={delivery.endpoint_id for delivery in running}, limit=limit)

    async def send(delivery: ClaimedDelivery) -> None:
        await send_delivery(db, settings, delivery, resolve)

    await leases.LeasedWork(claim, send, "webhook_failed", _log_fields, MAX_CONCURRENT).run()


def _log_fields(delivery: ClaimedDelivery) -> dict[str, int]:
    return {"delivery": delivery.id, "endpoint": delivery.endpoint_id}


async def claim_deliveries(db: Database, *, busy: set[int], limit: int) -> list[ClaimedDelivery]:
    """Lease due deliveries, except those of busy endpoints. Each is leased by one process."""
    rows = await db.rows(CLAIM, busy=list(busy), most=limit, each=MAX_PER_ENDPOINT, lease=LEASE_SECONDS)
    return [
        ClaimedDelivery(
            id=row.id,
            attempt=row.attempts,
            lease_until=row.due_at,
            endpoint_id=row.endpoint_id,
            url=row.url,
            sealed=row.secret,
            message=http_delivery.WebhookMessage(str(row.message), row.kind, row.at, row.body),
        )
        for row in rows
    ]


async def send_delivery(
    db: Database, settings: Settings, delivery: ClaimedDelivery, resolve: Resolve = targets.resolve_host
) -> None:
    """Make one attempt and record its outcome."""
    try:
        signing_secrets = signatures.unseal_secrets(settings.master_keys, delivery.endpoint_id, delivery.sealed)
    except InvalidTag:
        log.warning("webhook_secret_unreadable", endpoint=delivery.endpoint_id)
        outcome = DeliveryOutcome(None, "secret")
    else:
        outcome = await http_delivery.post_message(
            delivery.url, delivery.message, signing_secrets, delivery.attempt, settings.webhook_private, resolve
        )
    await record_outcome(db, delivery, outcome)


async def record_outcome(db: Database, delivery: ClaimedDelivery, outcome: DeliveryOutcome) -> None:
    """Record done, failed, or the time of the next attempt. After the lease has expired nothing is written."""
    is_final = outcome.problem == "gone" or delivery.attempt > len(RETRY_DELAYS)
    state = "done" if not outcome.problem else "failed" if is_final else "waiting"
    requested_wait = min(outcome.retry_after_seconds, MAX_RETRY_DELAY)
    wait = max(RETRY_DELAYS[delivery.attempt - 1], requested_wait) if state == "waiting" else 0
    if requested_wait:
        await db.rows(PAUSE_ENDPOINT, endpoint=delivery.endpoint_id, wait=requested_wait)
    if outcome.problem == "gone":
        await db.rows(DISABLE_GONE_ENDPOINT, endpoint=delivery.endpoint_id, url=delivery.url)
    values = {"state": state, "over": state != "waiting", "wait": wait}
    await db.rows(
        RECORD_OUTCOME,
        id=delivery.id,
        due_at=delivery.lease_until,
        status=outcome.status,
        problem=outcome.problem,
        **values,
    )
