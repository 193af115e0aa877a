"""The audit of the ledger: wallets, movements, lots and lot uses agree, and the checkpoints hold."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from payouts import checkpoints
from payouts.checks import DIRECT_CHECKS, ROW_CHECKS, SUM_CHECK

# An audit reads millions of rows. These settings are for its connections only.
OPTIONS = "-c work_mem=64MB -c hash_mem_multiplier=2 -c jit=off -c statement_timeout=0"
COUNT_MOVEMENTS = text("SELECT count(*) FROM movements")
MAX_SHOWN_FAULTS = 20

# Called with the number of finished steps and the number of all steps.
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class LedgerAudit:
    """The result of an audit: movements, movements under checkpoints, seconds, and faults as sentences.

    A warning concerns the settings of the ledger and is no fault.
    """

    movements: int
    sealed: int
    seconds: float
    faults: list[str]
    warnings: list[str] = field(default_factory=list)


def create_audit_engine(url: str, options: str, max_connections: int = 2) -> AsyncEngine:
    """An engine for audits: single statements, a few in parallel, with more memory than requests get."""
    return create_async_engine(
        url,
        pool_size=max_connections,
        max_overflow=0,
        pool_timeout=3600,
        isolation_level="AUTOCOMMIT",
        connect_args={"options": f"{options} {OPTIONS}"},
    )


async def audit_ledger(
    engine: AsyncEngine, *, extra: Sequence[str] = (), progress: Progress | None = None
) -> LedgerAudit:
    """Audit the ledger. `extra` are further queries that return an id and the fault of that row.

    Each query is one statement over one snapshot, so writers need not stop. As many queries run in parallel as the
    engine's pool has connections.
    """
    started = time.perf_counter()
    headers = await checkpoints.all_checkpoints(engine)
    steps: list[Awaitable[list[str]]] = [_check_sums(engine)]
    steps += [_query_faults(engine, query) for query in (*DIRECT_CHECKS, *extra)]
    steps += [checkpoints.find_faults(engine, portion) for portion in checkpoints.split_into_portions(headers)]
    faults = [*checkpoints.broken_links(headers), *await _run_steps(steps, progress)]
    async with engine.connect() as connection:
        movements = (await connection.execute(COUNT_MOVEMENTS)).scalar_one()
    return LedgerAudit(
        movements, sum(header.rows for header in headers), round(time.perf_counter() - started, 1), faults
    )


async def _run_steps(steps: Sequence[Awaitable[list[str]]], progress: Progress | None) -> list[str]:
    """Run the steps in parallel and return their faults in the order of the steps."""
    done = 0

    async def run(step: Awaitable[list[str]]) -> list[str]:
        nonlocal done
        faults = await step
        done += 1
        if progress:
            progress(done, len(steps))
        return faults

    return [fault for faults in await asyncio.gather(*map(run, steps)) for fault in faults]


async def _check_sums(engine: AsyncEngine) -> list[str]:
    """Compare sums over whole tables, and rows only where the sums differ."""
    async with engine.connect() as connection:
        agrees = (await connection.execute(text(SUM_CHECK))).mappings().one()
    faults = []
    for family in (name for name in ROW_CHECKS if not agrees[name]):
        rows = await _query_faults(engine, ROW_CHECKS[family])
        faults += rows or [f"sums differ, but no row is wrong: {family}"]
    return faults


async def _query_faults(engine: AsyncEngine, query: str) -> list[str]:
    limited = text(f"SELECT * FROM ({query}) AS found LIMIT {MAX_SHOWN_FAULTS + 1}")  # noqa: S608 - our own queries
    async with engine.connect() as connection:
        rows = (await connection.execute(limited)).all()
    faults = [f"{fault}: {row_id}" for row_id, fault in rows[:MAX_SHOWN_FAULTS]]
    return [*faults, f"{rows[0][1]}: and more"] if len(rows) > MAX_SHOWN_FAULTS else faults


async def find_faults(engine: AsyncEngine) -> list[str]:
    """The faults of the ledger as sentences; empty if it is right."""
    return (await audit_ledger(engine)).faults
