"""What may follow what, and how spans are cut and joined."""

import itertools
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.earning.packages.spans import ALLOWED_STATES, Span, StepForbidden, change_spans, next_state, overall_state

TERMINAL = {"closed", "revoked"}
TOMORROW = datetime(2026, 11, 23, tzinfo=UTC)


def test_a_span_is_cut_where_a_part_of_it_changes():
    changed = change_spans([Span(0, 99, "printed")], Span(10, 19, "active"))

    assert changed == [Span(0, 9, "printed"), Span(10, 19, "active"), Span(20, 99, "printed")]


def test_alike_neighbours_become_one():
    spans = [Span(0, 9, "active"), Span(10, 19, "printed"), Span(20, 29, "active")]

    assert change_spans(spans, Span(10, 19, "active")) == [Span(0, 29, "active")]


def test_spans_that_begin_at_different_times_stay_apart():
    changed = change_spans([Span(0, 9, "active"), Span(10, 19, "printed")], Span(10, 19, "active", TOMORROW))

    assert changed == [Span(0, 9, "active"), Span(10, 19, "active", TOMORROW)]


def test_the_same_change_again_changes_nothing():
    once = change_spans([Span(0, 99, "printed")], Span(10, 19, "active", TOMORROW))

    assert change_spans(once, Span(10, 19, "active", TOMORROW)) == once


def test_a_dispatch_may_be_put_off():
    spans = [Span(0, 9, "active")]

    assert change_spans(spans, Span(0, 9, "active", TOMORROW)) == [Span(0, 9, "active", TOMORROW)]


def test_spoiled_labels_stay_revoked_when_their_pallet_is_activated():
    spans = [Span(0, 16, "printed"), Span(17, 17, "revoked"), Span(18, 99, "printed")]

    changed = change_spans(spans, Span(0, 99, "active"))

    assert changed == [Span(0, 16, "active"), Span(17, 17, "revoked"), Span(18, 99, "active")]


def test_one_part_that_may_not_take_the_step_stops_the_whole():
    spans = [Span(0, 9, "printed"), Span(10, 19, "generated")]

    with pytest.raises(StepForbidden, match="generated cannot become active"):
        change_spans(spans, Span(0, 19, "active"))


def test_what_is_all_revoked_is_not_activated():
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
def test_a_step_that_is_not_listed_is_forbidden(before, after):
    with pytest.raises(StepForbidden):
        next_state(before, after)


def test_the_listed_steps_are_these():
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
def test_a_batch_is_as_far_as_its_furthest_part(states, expected):
    assert overall_state(states) == expected


@given(
    st.lists(
        st.tuples(st.integers(0, 19), st.integers(0, 19), st.sampled_from(sorted(ALLOWED_STATES)), st.booleans()),
        max_size=12,
    )
)
def test_cut_spans_say_what_a_table_of_single_codes_would(changes):
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
