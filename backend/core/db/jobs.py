"""Background jobs: how a package declares one, and how an operation enqueues it in its own transaction."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import get_type_hints

import msgspec
from procrastinate import App, BaseRetryStrategy, JobContext, PsycopgConnector, RetryDecision
from procrastinate.jobs import Job as QueuedJob
from sqlalchemy import Identity, Index, func
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from payouts.models import Base

JobFunction = Callable[..., Awaitable[None]]


class JobFailure(Base):
    """Why an attempt at a job failed, for a month. The traceback contains code, never a job's data."""

    __tablename__ = "job_failures"
    __table_args__ = (Index("ix_job_failures_at", "at"),)

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    job_id: Mapped[int]
    task: Mapped[str]
    attempt: Mapped[int]
    error: Mapped[str]
    at: Mapped[datetime] = mapped_column(server_default=func.now())


@dataclass(frozen=True)
class Backoff(BaseRetryStrategy):
    """Retry after `first` seconds, each time twice as long up to `most`, for at most `attempts` attempts."""

    first: int = 5
    most: int = 3600
    attempts: int = 25

    def get_retry_decision(self, *, exception: BaseException, job: QueuedJob) -> RetryDecision | None:
        if isinstance(exception, asyncio.CancelledError):
            return RetryDecision()  # the worker is stopping: another one retries at once
        if job.attempts + 1 >= self.attempts:
            return None
        return RetryDecision(retry_in={"seconds": min(self.most, self.first * 2 ** min(job.attempts, 30))})


@dataclass(frozen=True)
class Job:
    """A declared job. A call runs its function."""

    name: str
    queue: str
    function: JobFunction
    retry: Backoff | None
    cron: str | None
    seconds: int
    arguments: Mapping[str, object]
    dependencies: frozenset[str]

    async def __call__(self, *args: object, **values: object) -> None:
        await self.function(*args, **values)

    async def perform(self, context: JobContext, /, **arguments: object) -> None:
        """Run the function with the job's arguments and the worker's dependencies, within the time limit."""
        dependencies = {name: context.additional_context[name] for name in self.dependencies}
        # A periodic job also has its scheduled time as an argument; the functions read the clock instead.
        args = {name: msgspec.convert(arguments[name], kind) for name, kind in self.arguments.items()}
        async with asyncio.timeout(self.seconds):
            await self.function(**args, **dependencies)


JOBS: dict[str, Job] = {}
# Never opened: enqueueing uses the connection of the caller's transaction.
_sender = App(connector=PsycopgConnector())


def task(
    queue: str, *, retry: Backoff | None = Backoff(), cron: str | None = None, seconds: int = 600
) -> Callable[[JobFunction], Job]:
    """Declare a function as a job.

    Parameters before the star are the job's arguments (ids, as annotated). The worker supplies keyword-only parameters
    by name: `db`, `settings` and so on. A job may run twice, so it must be idempotent. `cron` (UTC, with an optional
    sixth field for seconds) makes it periodic: it has no arguments, and is not retried before its next run. An attempt
    ends after `seconds`. The job's name is the queue and the function's name, wherever the function moves.
    """

    def declare(function: JobFunction) -> Job:
        name = f"{queue}.{function.__name__}"
        hints = get_type_hints(function)
        parameters = inspect.signature(function).parameters.values()
        dependencies = frozenset(row.name for row in parameters if row.kind is row.KEYWORD_ONLY)
        arguments = {row.name: hints[row.name] for row in parameters if row.name not in dependencies}
        if name in JOBS or (cron and arguments):
            raise TypeError(f"{name} is declared twice, or is periodic and has arguments")
        job = JOBS[name] = Job(name, queue, function, None if cron else retry, cron, seconds, arguments, dependencies)
        return job

    return declare


async def enqueue(session: AsyncSession, job: Job, *, not_before: datetime | None = None, **arguments: object) -> int:
    """Enqueue a job in the session's transaction: it runs only after a commit.

    Flush the rows that the job reads before. Returns the job's id.

    Raises:
        TypeError: the job has other arguments.
    """
    if arguments.keys() != job.arguments.keys():
        raise TypeError(f"{job.name} has the arguments {sorted(job.arguments)}, not {sorted(arguments)}")
    connection = await (await session.connection()).get_raw_connection()
    deferrer = _sender.configure_task(
        job.name, queue=job.queue, schedule_at=not_before, connection=connection.driver_connection
    )
    return await deferrer.defer_async(**msgspec.to_builtins(arguments))


def register(app: App) -> None:
    """Register all jobs declared so far with an application of the job library."""
    for job in JOBS.values():
        # At most one run of a periodic job is queued, however late the worker is.
        registered = app.task(
            name=job.name,
            queue=job.queue,
            retry=job.retry or False,
            pass_context=True,
            queueing_lock=job.name if job.cron else None,
        )(job.perform)
        if job.cron:
            app.periodic(cron=job.cron)(registered)  # type: ignore[arg-type]  # it gets the time by name
