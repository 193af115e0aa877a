"""The award that programmes_award_v2 gets from a decision of the rules."""

from datetime import date
from typing import TypedDict

import msgspec

from backend.programmes.rules.rule import Decision
from backend.programmes.rules.rule_cache import RuleSet


class CampaignFields(TypedDict):
    """The fields that a main and an additional award share, as programmes_add reads them."""

    campaign: int
    version: int
    base: int
    gross: int
    day_cap: int | None
    agent_cap: int | None
    budgeted: bool
    today: date
    matures_on: date
    expires_on: date


class AwardFields(CampaignFields):
    """The fields of `Award` that a decision has."""

    programme: int
    rules_version: int
    additional: list[CampaignFields] | None


class Award(msgspec.Struct, kw_only=True):
    """A decision with its programme and the rules version that it was made by; all fields are None without a decision.
    Amounts in minor units of the programme's currency."""

    programme: int | None = None
    rules_version: int | None = None
    campaign: int | None = None
    version: int | None = None
    base: int | None = None
    gross: int | None = None
    day_cap: int | None = None
    agent_cap: int | None = None
    budgeted: bool | None = None
    today: date | None = None
    matures_on: date | None = None
    expires_on: date | None = None
    additional: list[CampaignFields] | None = None

    @property
    def worth(self) -> int:
        """The sum before caps, including additional awards."""
        return (self.gross or 0) + sum(row["gross"] for row in self.additional or ())


def award_fields(rule_set: RuleSet, decision: Decision, today: date | None = None) -> AwardFields:
    """The fields of an award from a decision. `today`: the day whose caps count, if not the decision's."""
    return {
        "programme": rule_set.programme_id,
        "rules_version": rule_set.rules_version,
        **_campaign_fields(decision, today),
        "additional": [_campaign_fields(row, today) for row in decision.additional] or None,
    }


def _campaign_fields(decision: Decision, today: date | None) -> CampaignFields:
    campaign = decision.campaign
    return {
        "campaign": campaign.campaign_id,
        "version": campaign.version_id,
        "base": decision.base,
        "gross": decision.gross,
        "day_cap": campaign.rule.cap_per_agent_day,
        "agent_cap": campaign.rule.cap_per_agent,
        "budgeted": campaign.budgeted,
        "today": today or decision.today,
        "matures_on": decision.matures_on,
        "expires_on": decision.expires_on,
    }
