"""Combination of campaigns: the one that decides, those that stack, and exclusive ones."""

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.programmes.rules.rule import ActiveCampaign, Facts, FixedAmount, Rule, decide_award

NOW = datetime(2026, 11, 22, tzinfo=UTC)
FACTS = Facts("package", 1, None, NOW)


def campaign(campaign_id: int, amount: int, **fields) -> ActiveCampaign:
    rule = Rule(ways=frozenset({"package"}), amount=FixedAmount(amount), **fields)
    return ActiveCampaign(campaign_id, campaign_id, 1, NOW - timedelta(days=1), None, False, rule)


def decided(*campaigns: ActiveCampaign) -> list[int]:
    """The campaigns that pay, the deciding one first."""
    found = decide_award(campaigns, FACTS, "UTC")
    return [found.campaign.campaign_id, *(row.campaign.campaign_id for row in found.additional)]


def test_stacking_campaign_is_added_to_best_campaign():
    assert decided(campaign(1, 100), campaign(2, 300), campaign(3, 50, stacks=True)) == [2, 3]


def test_stacking_campaign_of_higher_priority_stays_on_top():
    assert decided(campaign(1, 100), campaign(2, 900, stacks=True, priority=5)) == [1, 2]


def test_stacking_campaigns_without_others_all_pay():
    assert decided(campaign(1, 10, stacks=True), campaign(2, 30, stacks=True)) == [2, 1]


def test_stacking_campaigns_go_by_priority_amount_and_age():
    rows = [
        campaign(1, 10),
        campaign(2, 5, stacks=True),
        campaign(3, 5, stacks=True),
        campaign(4, 1, stacks=True, priority=1),
    ]

    assert decided(*rows) == [1, 4, 2, 3]


@pytest.mark.parametrize(("amount", "paying"), [(150, [1, 2]), (151, [3])])
def test_exclusive_campaign_wins_where_it_gives_more(amount, paying):
    assert decided(campaign(1, 100), campaign(2, 50, stacks=True), campaign(3, amount, exclusive=True)) == paying


def test_exclusive_campaign_of_higher_priority_wins():
    assert decided(campaign(1, 100), campaign(2, 50, stacks=True), campaign(3, 1, exclusive=True, priority=1)) == [3]


def test_older_of_equal_exclusive_campaigns_pays():
    assert decided(campaign(2, 10, exclusive=True), campaign(1, 10, exclusive=True)) == [1]


@pytest.mark.parametrize("fields", [{"stacks": True, "exclusive": True}])
def test_rule_that_stacks_and_is_exclusive_is_refused(fields):
    with pytest.raises(ValueError, match="exclude each other"):
        campaign(1, 1, **fields)


kinds = st.sampled_from([{}, {"stacks": True}, {"exclusive": True}])
drawn = st.lists(st.tuples(st.integers(1, 5), kinds, st.integers(0, 1)), min_size=1, max_size=4)


@given(drawn)
def test_order_of_campaigns_decides_nothing(rows):
    campaigns = [campaign(n, amount, priority=priority, **kind) for n, (amount, kind, priority) in enumerate(rows, 1)]

    assert len({tuple(decided(*order)) for order in permutations(campaigns)}) == 1


@given(drawn)
def test_only_best_campaign_pays_without_stacking(rows):
    campaigns = [campaign(n, amount, priority=priority) for n, (amount, _, priority) in enumerate(rows, 1)]
    best = max(campaigns, key=lambda row: (row.rule.priority, row.rule.amount.value, -row.campaign_id))

    assert decided(*campaigns) == [best.campaign_id]


@given(drawn)
def test_exclusive_campaign_is_never_beside_another(rows):
    campaigns = {n: campaign(n, amount, priority=p, **kind) for n, (amount, kind, p) in enumerate(rows, 1)}
    paying = decided(*campaigns.values())

    assert len(paying) == 1 or not any(campaigns[number].rule.exclusive for number in paying)
