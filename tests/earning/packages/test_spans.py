"""What may follow what, and how spans are cut and joined."""

import itertools
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.earning.packages.spans import ALLOWED_STATES, Span, StepForbidden, change_spans, next_state, overall_state

TERMINAL = {"closed", "revoked"}
TOMORROW = datetime(2026, 11, 23, tzinfo=UTC)


def test_changed_part_splits_span():
    changed = change_spans([Span(0, 99, "printed")], Span(10, 19, "active"))

    assert changed == [Span(0, 9, "printed"), Span(10, 19, "active"), Span(20, 99, "printed")]


def test_equal_neighbours_are_merged():
    spans = [Span(0, 9, "active"), Span(10, 19, "printed"), Span(20, 29, "active")]

    assert change_spans(spans, Span(10, 19, "active")) == [Span(0, 29, "active")]


def test_spans_with_different_start_stay_separate():
    changed = change_spans([Span(0, 9, "active"), Span(10, 19, "printed")], Span(10, 19, "active", TOMORROW))

    assert changed == [Span(0, 9, "active"), Span(10, 19, "active", TOMORROW)]


def test_repeated_change_has_no_effect():
    once = change_spans([Span(0, 99, "printed")], Span(10, 19, "active", TOMORROW))

    assert change_spans(once, Span(10, 19, "active", TOMORROW)) == once


def test_dispatch_may_be_postponed():
    spans = [Span(0, 9, "active")]

    assert change_spans(spans, Span(0, 9, "active", TOMORROW)) == [Span(0, 9, "active", TOMORROW)]


def test_activation_of_pallet_leaves_revoked_labels():
    spans = [Span(0, 16, "printed"), Span(17, 17, "revoked"), Span(18, 99, "printed")]

    changed = change_spans(spans, Span(0, 99, "active"))

    assert changed == [Span(0, 16, "active"), Span(17, 17, "revoked"), Span(18, 99, "active")]


def test_step_forbidden_for_one_part_is_refused():
    spans = [Span(0, 9, "printed"), Span(10, 19, "generated")]

    with pytest.raises(StepForbidden, match="generated cannot become active"):
        change_spans(spans, Span(0, 19, "active"))


def test_revoked_span_is_not_activated():
    with pytest.raises(StepForbidden, match="revoked cannot become active"):
        change_spans([Span(0, 9, "revoked"), Span(10, 19, "active")], Span(0, 9, "active"))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (before, after)
        for before in ALLOWED_STATES
        for after in ALLOWED_STATES
        if after != before and after not in ALLOWED_STATES[before]
    ],
)
def test_unlisted_step_is_forbidden(before, after):
    with pytest.raises(StepForbidden):
        next_state(before, after)


def test_listed_steps_are_complete():
    steps = {f"{before} {after}" for before, nexts in ALLOWED_STATES.items() for after in nexts}

    assert steps == {
        "generated printed",
        "printed active",
        "active printed",
        "generated closed",
        "printed closed",
        "active closed",
        "generated revoked",
        "printed revoked",
        "active revoked",
    }


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        (["generated"], "generated"),
        (["printed", "active", "revoked"], "active"),
        (["generated", "printed"], "printed"),
        (["closed", "revoked"], "closed"),
        (["revoked"], "revoked"),
    ],
)
def test_batch_state_is_that_of_furthest_part(states, expected):
    assert overall_state(states) == expected


@given(
    st.lists(
        st.tuples(st.integers(0, 19), st.integers(0, 19), st.sampled_from(sorted(ALLOWED_STATES)), st.booleans()),
        max_size=12,
    )
)
def test_split_spans_equal_table_of_codes(changes):
    spans = [Span(0, 19, "generated")]
    codes = dict.fromkeys(range(20), ("generated", None))

    for one, other, state, later in changes:
        to = Span(min(one, other), max(one, other), state, TOMORROW if later and state == "active" else None)
        expected = turned_one_by_one(codes, to)
        if expected is None:
            with pytest.raises(StepForbidden):
                change_spans(spans, to)
        else:
            spans, codes = change_spans(spans, to), expected
        assert {serial: tuple(span[2:]) for span in spans for serial in range(span.first, span.last + 1)} == codes
        assert sum(span.last - span.first + 1 for span in spans) == 20
        assert all(left.last + 1 == right.first and left[2:] != right[2:] for left, right in itertools.pairwise(spans))


def turned_one_by_one(codes, to):
    """The same as `change`, on one entry a code; None where it is forbidden."""
    turned = dict(codes)
    for serial in range(to.first, to.last + 1):
        state = codes[serial][0]
        if state in TERMINAL and state != to.state:
            continue
        if state != to.state and to.state not in ALLOWED_STATES[state]:
            return None
        turned[serial] = (to.state, to.active_from)
    reached = any(turned[serial][0] == to.state for serial in range(to.first, to.last + 1))
    return turned if reached else None
