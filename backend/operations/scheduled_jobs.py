"""Periodic jobs: bring wallets to today, seal and prove the ledger, remove expired rows."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import structlog
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Job as QueuedJob
from procrastinate.jobs import Status
from procrastinate.manager import JobManager
from sqlalchemy import text

from backend.core.db import jobs
from backend.core.db.database import Database
from backend.core.settings import Settings
from backend.core.storage.store import Files
from backend.operations import ledger_audit
from payouts.checkpoints import TransactionStillOpen

log = structlog.get_logger("scanback")

STALLED_SECONDS = 15.0  # a worker without a heartbeat for so long is dead
BATCH, BATCH_MILLISECONDS = 500, 40
SEAL_WAIT_SECONDS = 240.0
NIGHT = range(1, 5)  # hours, UTC

PROGRAMMES = text("SELECT id, timezone FROM programmes")
CATCH_UP = text("SELECT ledger_catch_up(:books, :today, :most, :milliseconds) AS brought")
LAPSE = text("SELECT expire_reservations(:most) AS ended")
SIGNALS = text("SELECT checkout_signals(:start, :end, :least, :shadow) AS written")
LAST_PROOF = text("SELECT max(at) AS at FROM books_checks")
# Releases jobs beyond their time limit: the worker is alive, but could not record how the job ended.
RELEASE_OVERDUE = text("""
    UPDATE procrastinate_jobs j SET worker_id = NULL
    FROM unnest(CAST(:tasks AS text[]), CAST(:seconds AS int[])) AS t (task, seconds)
    WHERE j.status = 'doing' AND j.worker_id IS NOT NULL AND j.task_name = t.task
        AND (SELECT max(at) FROM procrastinate_events e WHERE e.job_id = j.id AND e.type = 'started')
            < now() - (t.seconds + 60) * interval '1 second'
    RETURNING j.id
""")
# Small steps: a request that counts under an old key must not wait for the removal of a million others.
EXPIRED = {
    # Same expression as in its index.
    "counters": "ends_at AT TIME ZONE 'UTC' < now() AT TIME ZONE 'UTC' - interval '1 day'",
    "challenges": "expires_at < now()",
    "staff_challenges": "expires_at < now()",
    "import_files": "created_at < now() - interval '30 days' OR (content IS NOT NULL AND expires_at < now())",
    "device_invitations": "expires_at < now() - interval '1 day'",
    # Longer than phones and tills store what counts for a past day (scan_taken_hours, offline_days), in any time zone.
    "day_caps": "day < current_date - 8",
    "use_counts": "day < current_date - 8",
    "job_failures": "at < now() - interval '30 days'",
    # Not those that are being redelivered manually.
    "webhook_deliveries": "created_at < now() - interval '30 days' AND due_at < now() - interval '30 days'",
    "procrastinate_jobs": (
        "status IN ('failed', 'cancelled', 'aborted') AND NOT EXISTS (SELECT FROM procrastinate_events e "
        "WHERE e.job_id = procrastinate_jobs.id AND e.at > now() - interval '30 days')"
    ),
}
SWEEP = (
    "DELETE FROM {table} WHERE ctid = ANY(ARRAY("
    "SELECT ctid FROM {table} WHERE {condition} LIMIT 1000 FOR UPDATE SKIP LOCKED)) RETURNING 1"
)
SWEEPS = [text(SWEEP.format(table=table, condition=condition)) for table, condition in EXPIRED.items()]


@jobs.task("upkeep", cron="* * * * * */20", seconds=3600)
async def bring_wallets(*, db: Database) -> None:
    """Make pending lots available and expire lots, by the day in each programme's time zone."""
    programmes = [(row.id, row.timezone) for row in await db.rows(PROGRAMMES)]
    for today, books in group_by_day(programmes, datetime.now(UTC)).items():
        values = {"books": books, "today": today, "most": BATCH, "milliseconds": BATCH_MILLISECONDS}
        while (await db.call(CATCH_UP, **values)).brought:
            pass


def group_by_day(programmes: Iterable[tuple[int, str]], now: datetime) -> dict[date, list[int]]:
    """Group programmes by the current day in their time zones."""
    days: dict[date, list[int]] = {}
    for programme_id, timezone in programmes:
        days.setdefault(now.astimezone(ZoneInfo(timezone)).date(), []).append(programme_id)
    return days


@jobs.task("upkeep", cron="* * * * * */10")
async def end_reservations(*, db: Database) -> None:
    """Release codes of reservations whose time is over."""
    while (await db.call(LAPSE, most=BATCH)).ended:
        pass


@jobs.task("upkeep", cron="23 3 * * *", seconds=1800)
async def look_for_rings(*, db: Database, settings: Settings) -> None:
    """Run the fraud rules over yesterday's redemptions, by till and cashier."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    numbers = settings.numbers
    found = await db.call(
        SIGNALS,
        start=today - timedelta(days=1),
        end=today,
        least=numbers.at("ring_least", today.date()),
        shadow=bool(numbers.at("shadow_rings", today.date())),
    )
    log.info("rings_looked_for", signals=found.written)


@jobs.task("upkeep", cron="* * * * * */10")
async def rescue_jobs(*, db: Database, queues: JobManager) -> None:
    """Requeue jobs of dead workers. Without a `lock`, which a stalled run of this job would hold."""
    declared = jobs.JOBS.values()
    await db.rows(RELEASE_OVERDUE, tasks=[job.name for job in declared], seconds=[job.seconds for job in declared])
    for stalled in await queues.get_stalled_jobs(seconds_since_heartbeat=STALLED_SECONDS):
        try:
            await _rescue_jobs(queues, stalled)
        except ConnectorException as error:
            log.info("job_not_rescued", job=stalled.id, error=str(error))  # another worker rescued it


async def _rescue_jobs(queues: JobManager, stalled: QueuedJob) -> None:
    job = jobs.JOBS.get(stalled.task_name)
    log.warning("job_rescued", job=stalled.id, task=stalled.task_name, attempts=stalled.attempts)
    if job is not None and job.cron:
        await queues.finish_job(stalled, Status.FAILED, delete_job=True)  # its next run comes anyway
    elif job is not None and (job.retry is None or stalled.attempts + 1 >= job.retry.attempts):
        # The job itself may be what kills its workers.
        await queues.finish_job(stalled, Status.FAILED, delete_job=False)
    else:
        await queues.retry_job(stalled)


@jobs.task("upkeep", cron="*/5 * * * *")
async def seal_movements(*, settings: Settings, files: Files) -> None:
    """Seal the movements that no open transaction can add to."""
    try:
        made = await ledger_audit.seal(settings, files, wait_seconds=SEAL_WAIT_SECONDS)
    except TransactionStillOpen as error:
        log.warning("not_sealed", error=str(error))
        return
    if made:
        log.info("sealed", upto=made[-1].upto, rows=sum(one.rows for one in made))


@jobs.task("upkeep", cron="17 * * * *", seconds=4 * 3600)
async def prove_books(*, db: Database, settings: Settings, files: Files) -> None:
    """Prove the books, every night."""
    if not is_due((await db.call(LAST_PROOF)).at, datetime.now(UTC)):
        return
    found = await ledger_audit.prove(settings, files)
    log_result = log.error if found.faults else log.info
    log_result("books_proved", movements=found.movements, seconds=found.seconds, faults=found.faults)


def is_due(last: datetime | None, now: datetime) -> bool:
    """Whether a proof is due: every night, or by day if the night was missed."""
    if last is None:
        return True
    return now - last > (timedelta(hours=12) if now.hour in NIGHT else timedelta(hours=30))


@jobs.task("upkeep", cron="*/10 * * * *")
async def sweep(*, db: Database) -> None:
    """Remove expired rows: rate limit windows, challenges, limits of past days, old failures and deliveries."""
    for statement in SWEEPS:
        while await db.rows(statement):
            pass
