"""Spans of serials and their states: what may follow what, and how spans are cut and joined. Pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from backend.packages.models import BatchState

# A recall takes goods back that were dispatched: active codes are only printed ones again, and may be activated
# again. Nothing leads back from closed and revoked.
NEXT: dict[BatchState, frozenset[BatchState]] = {
    "generated": frozenset({"printed", "closed", "revoked"}),
    "printed": frozenset({"active", "closed", "revoked"}),
    "active": frozenset({"printed", "closed", "revoked"}),
    "closed": frozenset(),
    "revoked": frozenset(),
}
# A batch whose spans differ is said to be in the first of these that one of its spans is in.
ORDER: tuple[BatchState, ...] = ("active", "printed", "generated", "closed", "revoked")


class StepForbidden(ValueError):
    """A state cannot follow another one."""

    def __init__(self, before: BatchState, after: BatchState) -> None:
        super().__init__(f"{before} cannot become {after}")
        self.before, self.after = before, after


class Span(NamedTuple):
    """Serials from first to last, all in one state. An active span may begin to be active later."""

    first: int
    last: int
    state: BatchState
    active_from: datetime | None = None


def change(spans: Sequence[Span], to: Span) -> list[Span]:
    """The spans after those serials that `to` names went over to its state, alike neighbours joined.

    The spans come in order and hold all serials of `to`. What is closed or revoked stays so: a pallet is activated
    without its spoiled labels. Raises StepForbidden for any other part that may not take the step, or if no serial
    ends up where `to` wants it.
    """
    pieces = [_turned(piece, to) for span in spans for piece in _cut(span, to)]
    if not any(_overlap(piece, to) and piece.state == to.state for piece in pieces):
        raise StepForbidden(next(piece.state for piece in pieces if _overlap(piece, to)), to.state)
    return _joined(pieces)


def step(before: BatchState, after: BatchState) -> BatchState:
    """The state after a step; the state where one already is may be asked for again. Raises StepForbidden."""
    if before != after and after not in NEXT[before]:
        raise StepForbidden(before, after)
    return after


def overall(states: Iterable[BatchState]) -> BatchState:
    """The state of a batch from those of its spans, of which there is at least one."""
    return min(states, key=ORDER.index)


def _cut(span: Span, at: Span) -> list[Span]:
    """A span in up to three: before, inside and after another one."""
    if not _overlap(span, at):
        return [span]
    first, last = max(span.first, at.first), min(span.last, at.last)
    parts = [
        span._replace(last=first - 1),
        span._replace(first=first, last=last),
        span._replace(first=last + 1),
    ]
    return [part for part in parts if part.first <= part.last]


def _turned(piece: Span, to: Span) -> Span:
    if not _overlap(piece, to) or (not NEXT[piece.state] and piece.state != to.state):
        return piece
    return piece._replace(state=step(piece.state, to.state), active_from=to.active_from)


def _joined(pieces: Iterable[Span]) -> list[Span]:
    joined: list[Span] = []
    for piece in pieces:
        if joined and joined[-1][2:] == piece[2:] and joined[-1].last + 1 == piece.first:
            joined[-1] = joined[-1]._replace(last=piece.last)
        else:
            joined.append(piece)
    return joined


def _overlap(one: Span, other: Span) -> bool:
    return one.first <= other.last and other.first <= one.last
