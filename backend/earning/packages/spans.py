"""Spans of serials and their states: allowed changes, splitting and joining of spans. Pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from backend.earning.packages.models import BatchState

# A recall takes dispatched goods back: active codes become printed again, and may be activated again. Closed and
# revoked are final.
ALLOWED_STATES: dict[BatchState, frozenset[BatchState]] = {
    "generated": frozenset({"printed", "closed", "revoked"}),
    "printed": frozenset({"active", "closed", "revoked"}),
    "active": frozenset({"printed", "closed", "revoked"}),
    "closed": frozenset(),
    "revoked": frozenset(),
}
# The state of a batch is the first of these that one of its spans has.
STATE_ORDER: tuple[BatchState, ...] = ("active", "printed", "generated", "closed", "revoked")


class StepForbidden(ValueError):
    """A state cannot follow another one."""

    def __init__(self, before: BatchState, after: BatchState) -> None:
        super().__init__(f"{before} cannot become {after}")
        self.before, self.after = before, after


class Span(NamedTuple):
    """Serials from first to last, all in one state. An active span may have a later start."""

    first: int
    last: int
    state: BatchState
    active_from: datetime | None = None


def change_spans(spans: Sequence[Span], to: Span) -> list[Span]:
    """The spans after the serials of `to` change to its state; equal neighbours are joined.

    The spans come in order and contain all serials of `to`. Closed and revoked serials do not change: a pallet is
    activated without its spoiled labels. Raises StepForbidden for any other serial that cannot change, or if no serial
    has the state of `to` afterwards.
    """
    pieces = [_change_piece(piece, to) for span in spans for piece in _split_span(span, to)]
    if not any(_overlap(piece, to) and piece.state == to.state for piece in pieces):
        raise StepForbidden(next(piece.state for piece in pieces if _overlap(piece, to)), to.state)
    return _join_pieces(pieces)


def next_state(before: BatchState, after: BatchState) -> BatchState:
    """The state after a change; the same state again is allowed. Raises StepForbidden."""
    if before != after and after not in ALLOWED_STATES[before]:
        raise StepForbidden(before, after)
    return after


def overall_state(states: Iterable[BatchState]) -> BatchState:
    """The state of a batch from those of its spans, of which there is at least one."""
    return min(states, key=STATE_ORDER.index)


def _split_span(span: Span, at: Span) -> list[Span]:
    """A span split in up to three: before, inside and after another one."""
    if not _overlap(span, at):
        return [span]
    first, last = max(span.first, at.first), min(span.last, at.last)
    parts = [
        span._replace(last=first - 1),
        span._replace(first=first, last=last),
        span._replace(first=last + 1),
    ]
    return [part for part in parts if part.first <= part.last]


def _change_piece(piece: Span, to: Span) -> Span:
    if not _overlap(piece, to) or (not ALLOWED_STATES[piece.state] and piece.state != to.state):
        return piece
    return piece._replace(state=next_state(piece.state, to.state), active_from=to.active_from)


def _join_pieces(pieces: Iterable[Span]) -> list[Span]:
    joined: list[Span] = []
    for piece in pieces:
        if joined and joined[-1][2:] == piece[2:] and joined[-1].last + 1 == piece.first:
            joined[-1] = joined[-1]._replace(last=piece.last)
        else:
            joined.append(piece)
    return joined


def _overlap(left: Span, right: Span) -> bool:
    return left.first <= right.last and right.first <= left.last
