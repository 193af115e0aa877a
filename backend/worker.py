"""The background work: a process that does the jobs of all rooms, until it is asked to stop."""

import asyncio
import signal
import time
import traceback
from collections.abc import Awaitable, Callable
from types import ModuleType
from typing import Any

import psycopg
import structlog
from procrastinate import App, JobContext, PsycopgConnector
from procrastinate.exceptions import ConnectorException
from procrastinate.worker import Worker
from sqlalchemy import make_url, text

from backend import jobs, logs, tables, upkeep
from backend.database import APP_ROLE, Database
from backend.files.store import store
from backend.offers import fulfilling
from backend.offers.fulfilling import Counter
from backend.offers.supplies import Supplies
from backend.packages import printing
from backend.promocodes import issuing, studio
from backend.receipts import forgetting, verifying
from backend.receipts.verifying import Verifier
from backend.settings import Settings
from backend.webhooks import sending, telling

log = structlog.get_logger("scanback")

# Naming the modules keeps their imports: they are what declares the jobs, and the tables that jobs refer to.
ROOMS: tuple[ModuleType, ...] = (
    printing, issuing, studio, verifying, forgetting, fulfilling, sending, telling, upkeep, tables,
)  # fmt: skip
AT_ONCE = 8
HEARTBEAT_SECONDS = 2.0
FINISH_SECONDS = 3.0  # for jobs under way when asked to stop; `scanback run` waits two seconds longer
PAUSE_SECONDS = 0.5
FAILED = text("INSERT INTO job_failures (job_id, task, attempt, error) VALUES (:job, :task, :attempt, :error)")


async def run(settings: Settings) -> None:
    """Do jobs until SIGTERM or SIGINT. Several processes may do so at once."""
    logs.configure(settings.log_level)
    stop = asyncio.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sign, stop.set)
    await work(settings, stop)


async def work(settings: Settings, stop: asyncio.Event) -> None:
    """Do jobs until the event; when the database goes away, wait and begin anew.

    What a job had under way then is rescued like that of a worker that died.
    """
    db, files = Database(settings.database_url, AT_ONCE), store(settings)
    verifier = Verifier.of(db, settings)
    counter = Counter(db, settings, Supplies.of_settings(db, settings))
    given = {"db": db, "files": files, "settings": settings, "verifier": verifier, "counter": counter}
    try:
        while not stop.is_set():
            try:
                await _work(settings, given, stop)
            except (ConnectorException, psycopg.Error) as error:
                log.warning("database_away", error=type(error.__cause__ or error).__name__)
            if not stop.is_set():
                await _pause(stop)
    finally:
        files.close()
        await verifier.providers.close()
        await counter.supplies.close()
        await db.close()


async def _work(settings: Settings, given: dict[str, Any], stop: asyncio.Event) -> None:
    """One life of the job library's worker: it ends when asked to, or with the database."""
    conninfo, options = _conninfo(settings.database_url), f"-c timezone=UTC -c role={APP_ROLE}"
    # A pool would wait longer after each failure than a database needs to come back.
    await (await psycopg.AsyncConnection.connect(conninfo, connect_timeout=5)).close()
    app = App(
        connector=PsycopgConnector(conninfo=conninfo, kwargs={"options": options}, min_size=1, max_size=4, timeout=3.0)
    )
    jobs.register(app)
    async with app.open_async():
        worker = asyncio.create_task(
            app.run_worker_async(
                concurrency=AT_ONCE,
                additional_context=given | {"queues": app.job_manager},
                install_signal_handlers=False,
                update_heartbeat_interval=HEARTBEAT_SECONDS,
                stalled_worker_timeout=upkeep.STALLED_SECONDS,
                shutdown_graceful_timeout=FINISH_SECONDS,
                delete_jobs="successful",
                worker_middleware=[noted],
            )
        )
        asked = asyncio.create_task(stop.wait())
        await asyncio.wait({worker, asked}, return_when=asyncio.FIRST_COMPLETED)
        asked.cancel()
        worker.cancel()  # it lets jobs end; one that has ended by itself does not mind
        await asyncio.wait({worker})
        if not worker.cancelled():
            worker.result()


async def noted(run_job: Callable[[], Awaitable[Any]], context: JobContext, _worker: Worker) -> Any:
    """Around each job: a line in the log, and a row for a failure."""
    job, begun = context.job, time.perf_counter()
    declared = jobs.JOBS.get(job.task_name)
    say = log.debug if declared and declared.cron else log.info
    try:
        result = await run_job()
    except Exception as error:
        log.warning("job_failed", task=job.task_name, job=job.id, attempt=job.attempts, error=type(error).__name__)
        await _record(context, error)
        raise
    say("job", task=job.task_name, job=job.id, ms=round((time.perf_counter() - begun) * 1000, 1))
    return result


async def _record(context: JobContext, error: Exception) -> None:
    job, db = context.job, context.additional_context["db"]
    # A driver's further lines show values of rows.
    said = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
    trail = "".join(traceback.format_tb(error.__traceback__))
    try:
        await db.rows(FAILED, job=job.id, task=job.task_name, attempt=job.attempts, error=f"{trail}{said}")
    except psycopg.Error as away:
        log.warning("failure_not_recorded", job=job.id, error=type(away).__name__)


async def _pause(stop: asyncio.Event) -> None:
    try:
        await asyncio.wait_for(stop.wait(), PAUSE_SECONDS)
    except TimeoutError:
        return


def _conninfo(url: str) -> str:
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
