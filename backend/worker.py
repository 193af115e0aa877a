"""The worker: a process that runs the jobs of all packages until it is stopped."""

import asyncio
import signal
import time
import traceback
from collections.abc import Awaitable, Callable
from types import ModuleType
from typing import TypeVar

import psycopg
import structlog
from procrastinate import App, JobContext, PsycopgConnector
from procrastinate.exceptions import ConnectorException
from procrastinate.worker import Worker
from sqlalchemy import make_url, text

from backend import tables
from backend.core import logs
from backend.core.db import jobs
from backend.core.db.database import APP_ROLE, JOB_TIMEOUTS, Database
from backend.core.settings import Settings
from backend.core.storage.store import create_store
from backend.earning.packages.print_runs import print_jobs
from backend.earning.promocodes.cards import renderer as card_rendering
from backend.earning.promocodes.issues import generation as code_generation
from backend.earning.receipts import erasure
from backend.earning.receipts.verification import service as verification
from backend.earning.receipts.verification.service import Verifier
from backend.notifications.webhooks import fan_out, sender
from backend.operations import scheduled_jobs
from backend.programmes.campaigns import planned_versions
from backend.spending.orders import fulfilment, pending_orders
from backend.spending.orders.fulfilment import FulfilmentContext
from backend.spending.orders.supplier_clients import SupplierClients

log = structlog.get_logger("scanback")

# Importing these modules declares the jobs, and the tables that jobs use.
JOB_MODULES: tuple[ModuleType, ...] = (
    print_jobs,
    planned_versions,
    code_generation,
    card_rendering,
    verification,
    erasure,
    fulfilment,
    pending_orders,
    sender,
    fan_out,
    scheduled_jobs,
    tables,
)
CONCURRENCY = 8
T = TypeVar("T")
HEARTBEAT_SECONDS = 2.0
FINISH_SECONDS = 3.0  # for running jobs at shutdown; `scanback run` waits two seconds longer
PAUSE_SECONDS = 0.5
INSERT_FAILURE = text("INSERT INTO job_failures (job_id, task, attempt, error) VALUES (:job, :task, :attempt, :error)")


async def run(settings: Settings) -> None:
    """Run jobs until SIGTERM or SIGINT. Several processes may run at once."""
    logs.configure(settings.log_level)
    stop = asyncio.Event()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signal_number, stop.set)
    await work(settings, stop)


async def work(settings: Settings, stop: asyncio.Event) -> None:
    """Run jobs until the event. When the database is unavailable, wait and reconnect.

    Jobs that were running then are rescued like those of a worker that died.
    """
    db, files = (
        Database(settings.database_url, CONCURRENCY, timeouts=JOB_TIMEOUTS),
        create_store(settings, is_patient=True),
    )
    verifier = Verifier.of(db, settings)
    context = FulfilmentContext(db, settings, SupplierClients.of_settings(db, settings))
    dependencies: dict[str, object] = {
        "db": db,
        "files": files,
        "settings": settings,
        "verifier": verifier,
        "context": context,
    }
    try:
        while not stop.is_set():
            try:
                await _run_workers(settings, dependencies, stop)
            except (ConnectorException, psycopg.Error) as error:
                log.warning("database_away", error=type(error.__cause__ or error).__name__)
            if not stop.is_set():
                await _pause_before_retry(stop)
    finally:
        files.close()
        await verifier.providers.close()
        await context.suppliers.close()
        await db.close()


async def _run_workers(settings: Settings, dependencies: dict[str, object], stop: asyncio.Event) -> None:
    """Run the job library's worker until the event or the loss of the database."""
    conninfo, options = _connection_string(settings.database_url), f"-c timezone=UTC -c role={APP_ROLE}"
    # A pool would wait longer after each failure than a restart of the database takes.
    await (await psycopg.AsyncConnection.connect(conninfo, connect_timeout=5)).close()
    app = App(
        connector=PsycopgConnector(conninfo=conninfo, kwargs={"options": options}, min_size=1, max_size=4, timeout=3.0)
    )
    jobs.register(app)
    async with app.open_async():
        worker = asyncio.create_task(
            app.run_worker_async(
                concurrency=CONCURRENCY,
                additional_context=dependencies | {"queues": app.job_manager},
                install_signal_handlers=False,
                update_heartbeat_interval=HEARTBEAT_SECONDS,
                stalled_worker_timeout=scheduled_jobs.STALLED_SECONDS,
                shutdown_graceful_timeout=FINISH_SECONDS,
                delete_jobs="successful",
                worker_middleware=[log_job],
            )
        )
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({worker, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        worker.cancel()  # running jobs may finish; without effect on a worker that has ended
        await asyncio.wait({worker})
        if not worker.cancelled():
            worker.result()


async def log_job(run_job: Callable[[], Awaitable[T]], context: JobContext, _worker: Worker) -> T:
    """Log each job, and record its failure in a row."""
    job, started_at = context.job, time.perf_counter()
    declared = jobs.JOBS.get(job.task_name)
    log_done = log.debug if declared and declared.cron else log.info
    try:
        result = await run_job()
    except Exception as error:
        log.warning("job_failed", task=job.task_name, job=job.id, attempt=job.attempts, error=type(error).__name__)
        await _record_failure(context, error)
        raise
    log_done("job", task=job.task_name, job=job.id, ms=round((time.perf_counter() - started_at) * 1000, 1))
    return result


async def _record_failure(context: JobContext, error: Exception) -> None:
    job, db = context.job, context.additional_context["db"]
    # Further lines of driver messages contain values of rows.
    message = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
    trail = "".join(traceback.format_tb(error.__traceback__))
    try:
        await db.rows(INSERT_FAILURE, job=job.id, task=job.task_name, attempt=job.attempts, error=f"{trail}{message}")
    except psycopg.Error as database_error:
        log.warning("failure_not_recorded", job=job.id, error=type(database_error).__name__)


async def _pause_before_retry(stop: asyncio.Event) -> None:
    try:
        await asyncio.wait_for(stop.wait(), PAUSE_SECONDS)
    except TimeoutError:
        return


def _connection_string(url: str) -> str:
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
