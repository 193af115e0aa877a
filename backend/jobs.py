"""Background jobs: how a room declares one, and how a deed enqueues it in its own transaction."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar, get_type_hints

import msgspec
from procrastinate import App, BaseRetryStrategy, JobContext, PsycopgConnector, RetryDecision
from procrastinate.jobs import Job as QueuedJob
from sqlalchemy import Identity, Index, func
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from payouts.models import Base

Deed = Callable[..., Awaitable[None]]
T = TypeVar("T")
DRAIN_AT_ONCE, DRAIN_SECONDS = 8, 300.0


class JobFailure(Base):
    """Why an attempt at a job failed; kept for a month. The traceback holds code, never a job's data."""

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
    """Try again after `first` seconds, each time twice as long up to `most`, and give up after so many attempts."""

    first: int = 5
    most: int = 3600
    attempts: int = 25

    def get_retry_decision(self, *, exception: BaseException, job: QueuedJob) -> RetryDecision | None:
        if isinstance(exception, asyncio.CancelledError):
            return RetryDecision()  # the worker was asked to stop: the next one goes on at once
        if job.attempts + 1 >= self.attempts:
            return None
        return RetryDecision(retry_in={"seconds": min(self.most, self.first * 2 ** min(job.attempts, 30))})


@dataclass(frozen=True)
class Job:
    """A declared job. It can be called like the function it was made of."""

    name: str
    queue: str
    deed: Deed
    retry: Backoff | None
    cron: str | None
    seconds: int
    carries: Mapping[str, Any]
    needs: frozenset[str]

    async def __call__(self, *args: Any, **values: Any) -> None:
        await self.deed(*args, **values)

    async def perform(self, context: JobContext, /, **carried: Any) -> None:
        """Run the deed with what the job carries and what the worker gives; not longer than its time."""
        given = {name: context.additional_context[name] for name in self.needs}
        # A periodic job also carries the time it was meant for; the deeds look at the clock themselves.
        args = {name: msgspec.convert(carried[name], kind) for name, kind in self.carries.items()}
        async with asyncio.timeout(self.seconds):
            await self.deed(**args, **given)


JOBS: dict[str, Job] = {}
# It names jobs and is never opened: enqueueing uses the connection of the caller's transaction.
_sender = App(connector=PsycopgConnector())


def task(
    queue: str, *, retry: Backoff | None = Backoff(), cron: str | None = None, seconds: int = 600
) -> Callable[[Deed], Job]:
    """Declare a function as a job.

    What stands before the star is what a job carries (ids, as annotated); what stands behind it is given by the
    worker under that name: `db`, `settings` and so on. A job may run twice, so it must be safe to. `cron` (UTC, with
    an optional sixth field for seconds) makes it periodic: it carries nothing, and is not retried before its next
    time. After `seconds` an attempt is given up. The job's name is the queue and the function's name, wherever the
    function moves.
    """

    def declare(deed: Deed) -> Job:
        name = f"{queue}.{deed.__name__}"
        hints = get_type_hints(deed)
        parameters = inspect.signature(deed).parameters.values()
        needs = frozenset(one.name for one in parameters if one.kind is one.KEYWORD_ONLY)
        carries = {one.name: hints[one.name] for one in parameters if one.name not in needs}
        if name in JOBS or (cron and carries):
            raise TypeError(f"{name} is declared twice, or is periodic and carries something")
        job = JOBS[name] = Job(name, queue, deed, None if cron else retry, cron, seconds, carries, needs)
        return job

    return declare


async def enqueue(session: AsyncSession, job: Job, *, not_before: datetime | None = None, **carried: Any) -> int:
    """Put a job into its queue in the session's transaction: it runs only if, and after, that commits.

    Flush first what the job will look for. Returns the job's id.

    Raises:
        TypeError: the job carries other things than these.
    """
    if carried.keys() != job.carries.keys():
        raise TypeError(f"{job.name} carries {sorted(job.carries)}, not {sorted(carried)}")
    connection = await (await session.connection()).get_raw_connection()
    deferrer = _sender.configure_task(
        job.name, queue=job.queue, schedule_at=not_before, connection=connection.driver_connection
    )
    return await deferrer.defer_async(**msgspec.to_builtins(carried))


async def drain(claim: Callable[[int], Awaitable[Sequence[T]]], deed: Callable[[T], Coroutine[Any, Any, None]]) -> None:
    """Do what is due, so many at a time, until nothing is, or for some minutes.

    `claim` gives up to so many, each to one process only. What becomes due meanwhile is taken up, so that one run in a
    process is enough.
    """
    deadline = time.monotonic() + DRAIN_SECONDS
    flying: set[asyncio.Task[None]] = set()
    async with asyncio.TaskGroup() as group:
        while True:
            room = DRAIN_AT_ONCE - len(flying) if time.monotonic() < deadline else 0
            flying |= {group.create_task(deed(one)) for one in (await claim(room) if room else ())}
            if not flying:
                return
            _, flying = await asyncio.wait(flying, return_when=asyncio.FIRST_COMPLETED)


def register(app: App) -> None:
    """Make an application of the job library know all jobs declared so far."""
    for job in JOBS.values():
        # One waiting run of a periodic job is enough, however late the worker is.
        known = app.task(
            name=job.name,
            queue=job.queue,
            retry=job.retry or False,
            pass_context=True,
            queueing_lock=job.name if job.cron else None,
        )(job.perform)
        if job.cron:
            app.periodic(cron=job.cron)(known)  # type: ignore[arg-type]  # it gets the time by name
