"""Pallets and rolls: the states of parts of a batch, by the positions that are printed on the file."""

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec
from sqlalchemy import BigInteger, any_, delete, func, insert, literal, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from backend import events
from backend.errors import Conflict, Invalid
from backend.packages.models import Batch, BatchState, Range
from backend.packages.spans import Span, StepForbidden, change, overall, step


class StateForbidden(Conflict):
    """A code that is {before} cannot become {after}."""


class PositionsUnknown(Invalid):
    """The batch has no such positions."""


class StartInvalid(Invalid):
    """Only computed codes that become active may be given a time from which they are."""


class Part(msgspec.Struct, frozen=True):
    """Positions of a batch, counted from 1, that are in one state."""

    first: int
    last: int
    state: BatchState
    active_from: datetime | None = None


def whole(batch: Batch, state: BatchState, active_from: datetime | None = None) -> Part:
    """All positions of a batch, to be in one state."""
    return Part(1, max(batch.count, 1), state, active_from)


async def turn(session: AsyncSession, batch: Batch, part: Part, staff_id: int | None = None) -> None:
    """Bring positions of a locked batch into a state; asked again, nothing changes.

    What is closed or revoked stays so. The codes of a list have no positions: there only all of them can be turned.

    Raises:
        PositionsUnknown: they are not the batch's. StartInvalid: the time does not fit the state. StateForbidden:
        some position may not take this step; then none has.
    """
    if part.active_from is not None and (part.state != "active" or batch.first_serial is None):
        raise StartInvalid
    if not 1 <= part.first <= part.last <= max(batch.count, 1):
        raise PositionsUnknown
    try:
        if batch.first_serial is None:
            changed = _turn_list(batch, part)
        else:
            changed = await _turn_spans(session, batch, batch.first_serial - 1, part)
    except StepForbidden as error:
        raise StateForbidden(before=error.before, after=error.after) from error
    if changed:
        events.record(session, f"batch.{part.state}", brand_id=batch.brand_id, staff_id=staff_id,
                      batch=str(batch.key), **msgspec.to_builtins(part))  # fmt: skip


async def parts(session: AsyncSession, batch: Batch, after: int, limit: int) -> list[Part]:
    """The parts of a batch in order, from those behind a position on; a list is one part."""
    if batch.first_serial is None:
        return [Part(1, batch.count, batch.state)] if batch.count and not after else []
    start = batch.first_serial
    query = select(Range).where(Range.batch_id == batch.id, Range.slot == batch.slot)
    query = query.where(Range.first_serial >= start + after).order_by(Range.first_serial).limit(limit)
    return [
        Part(row.first_serial - start + 1, row.last_serial - start + 1, row.state, row.active_from)
        for row in await session.scalars(query)
    ]


def _turn_list(batch: Batch, part: Part) -> bool:
    if part != whole(batch, part.state):
        raise PositionsUnknown
    before, batch.state = batch.state, step(batch.state, part.state)
    return before != batch.state


async def _turn_spans(session: AsyncSession, batch: Batch, start: int, part: Part) -> bool:
    to = Span(start + part.first, start + part.last, part.state, part.active_from)
    before = await _near(session, batch, to)
    after = change(before, to)
    await _replace(session, batch, set(before) - set(after), sorted(set(after) - set(before)))
    states = await session.scalars(select(Range.state).where(Range.batch_id == batch.id).distinct())
    batch.state = overall(states)
    return before != after


async def _near(session: AsyncSession, batch: Batch, to: Span) -> Sequence[Span]:
    """The batch's spans that hold these serials or touch them. The batch's lock keeps others away."""
    before = select(func.max(Range.first_serial)).where(Range.slot == batch.slot, Range.first_serial < to.first)
    query = select(Range.first_serial, Range.last_serial, Range.state, Range.active_from).where(
        Range.slot == batch.slot,
        Range.batch_id == batch.id,
        Range.first_serial >= func.coalesce(before.scalar_subquery(), to.first),
        Range.first_serial <= to.last + 1,
    )
    return [Span(*row) for row in await session.execute(query.order_by(Range.first_serial))]


async def _replace(session: AsyncSession, batch: Batch, gone: Iterable[Span], new: Sequence[Span]) -> None:
    """Write spans anew. A claim reads them in one statement and sees either all of them or none."""
    firsts = [span.first for span in gone]
    if firsts:
        these = literal(firsts, ARRAY(BigInteger))
        await session.execute(delete(Range).where(Range.slot == batch.slot, Range.first_serial == any_(these)))
    if new:
        rows = [
            {"slot": batch.slot, "first_serial": span.first, "last_serial": span.last, "batch_id": batch.id,
             "state": span.state, "active_from": span.active_from}
            for span in new
        ]  # fmt: skip
        await session.execute(insert(Range), rows)
