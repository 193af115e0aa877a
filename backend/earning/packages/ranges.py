"""Ranges of a batch (pallets and rolls): their states, by the positions in the print files."""

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec
from sqlalchemy import BigInteger, any_, delete, func, insert, literal, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.db import events
from backend.core.http.errors import Conflict, Invalid
from backend.earning.packages.models import Batch, BatchState, Range
from backend.earning.packages.spans import Span, StepForbidden, change_spans, next_state, overall_state


class StateForbidden(Conflict):
    """A code that is {before} cannot become {after}."""

    code = "state_forbidden"


class PositionsUnknown(Invalid):
    """The batch has no such positions."""

    code = "positions_unknown"


class StartInvalid(Invalid):
    """A start time is only for computed codes that become active."""

    code = "start_invalid"


class PositionRange(msgspec.Struct, frozen=True):
    """Positions of a batch, counted from 1, that are in one state."""

    first: int
    last: int
    state: BatchState
    active_from: datetime | None = None


def all_positions(batch: Batch, state: BatchState, active_from: datetime | None = None) -> PositionRange:
    """All positions of a batch in one state."""
    return PositionRange(1, max(batch.count, 1), state, active_from)


async def change_state(session: AsyncSession, batch: Batch, part: PositionRange, staff_id: int | None = None) -> None:
    """Change the state of positions of a locked batch. Idempotent.

    Closed and revoked positions do not change. The codes of a list have no positions: its state changes as a whole.

    Raises:
        PositionsUnknown: the batch has no such positions. StartInvalid: the state takes no start time.
        StateForbidden: a position cannot change to the state; then none is changed.
    """
    if part.active_from is not None and (part.state != "active" or batch.first_serial is None):
        raise StartInvalid
    if not 1 <= part.first <= part.last <= max(batch.count, 1):
        raise PositionsUnknown
    try:
        if batch.first_serial is None:
            changed = _change_list(batch, part)
        else:
            changed = await _change_ranges(session, batch, batch.first_serial - 1, part)
    except StepForbidden as error:
        raise StateForbidden(before=error.before, after=error.after) from error
    if changed:
        events.record(
            session,
            f"batch.{part.state}",
            brand_id=batch.brand_id,
            staff_id=staff_id,
            batch=str(batch.key),
            **msgspec.to_builtins(part),
        )


async def list_ranges(session: AsyncSession, batch: Batch, after: int, limit: int) -> list[PositionRange]:
    """The ranges of a batch in order, after a position; a list is one range."""
    if batch.first_serial is None:
        return [PositionRange(1, batch.count, batch.state)] if batch.count and not after else []
    start = batch.first_serial
    query = select(Range).where(Range.batch_id == batch.id, Range.slot == batch.slot)
    query = query.where(Range.first_serial >= start + after).order_by(Range.first_serial).limit(limit)
    return [
        PositionRange(row.first_serial - start + 1, row.last_serial - start + 1, row.state, row.active_from)
        for row in await session.scalars(query)
    ]


def _change_list(batch: Batch, part: PositionRange) -> bool:
    if part != all_positions(batch, part.state):
        raise PositionsUnknown
    before, batch.state = batch.state, next_state(batch.state, part.state)
    return before != batch.state


async def _change_ranges(session: AsyncSession, batch: Batch, start: int, part: PositionRange) -> bool:
    to = Span(start + part.first, start + part.last, part.state, part.active_from)
    before = await _affected_spans(session, batch, to)
    after = change_spans(before, to)
    await _replace_ranges(session, batch, set(before) - set(after), sorted(set(after) - set(before)))
    states = await session.scalars(select(Range.state).where(Range.batch_id == batch.id).distinct())
    batch.state = overall_state(states)
    return before != after


async def _affected_spans(session: AsyncSession, batch: Batch, to: Span) -> Sequence[Span]:
    """The batch's spans that overlap or touch these serials. The lock of the batch excludes concurrent changes."""
    before = select(func.max(Range.first_serial)).where(Range.slot == batch.slot, Range.first_serial < to.first)
    query = select(Range.first_serial, Range.last_serial, Range.state, Range.active_from).where(
        Range.slot == batch.slot,
        Range.batch_id == batch.id,
        Range.first_serial >= func.coalesce(before.scalar_subquery(), to.first),
        Range.first_serial <= to.last + 1,
    )
    return [Span(*row) for row in await session.execute(query.order_by(Range.first_serial))]


async def _replace_ranges(session: AsyncSession, batch: Batch, gone: Iterable[Span], new: Sequence[Span]) -> None:
    """Replace spans. A claim reads them in one statement, so it sees either all changes or none."""
    firsts = [span.first for span in gone]
    if firsts:
        these = literal(firsts, ARRAY(BigInteger))
        await session.execute(delete(Range).where(Range.slot == batch.slot, Range.first_serial == any_(these)))
    if new:
        rows = [
            {
                "slot": batch.slot,
                "first_serial": span.first,
                "last_serial": span.last,
                "batch_id": batch.id,
                "state": span.state,
                "active_from": span.active_from,
            }
            for span in new
        ]
        await session.execute(insert(Range), rows)
