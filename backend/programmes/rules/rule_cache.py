"""Active campaigns of each programme, cached in the process.

The transaction that awards compares `rules_version`. If it is newer, the transaction raises SB011, and the caller
drops the programme from the cache and decides again. So the cache may be stale, but never an award.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

import msgspec
from litestar.di import NamedDependency
from sqlalchemy import text

from backend.core.db.database import Database
from backend.core.json_values import JsonObject
from backend.programmes.rules.rule import ActiveCampaign, Rule

LOAD = text("""
    SELECT g.rules_version, g.timezone, g.currency, c.id AS campaign_id, v.id AS version_id, v.version, v.rule,
        c.starts_at, c.ends_at, c.budget IS NOT NULL AS budgeted
    FROM programmes g
    LEFT JOIN campaigns c ON c.programme_id = g.id AND c.state = 'active'
    LEFT JOIN campaign_versions v ON v.campaign_id = c.id AND v.version = c.version
    WHERE g.id = :programme ORDER BY c.id
""")


class CampaignRow(NamedTuple):
    """The columns of `LOAD`. A programme without active campaigns has one row, whose `campaign_id` is None, and the
    columns after it as well."""

    rules_version: int
    timezone: str
    currency: str
    campaign_id: int | None
    version_id: int
    version: int
    rule: JsonObject
    starts_at: datetime
    ends_at: datetime | None
    budgeted: bool


class RuleSet(msgspec.Struct, frozen=True):
    """A programme's active campaigns at one version of its rules."""

    programme_id: int
    rules_version: int
    timezone: str
    currency: str
    campaigns: tuple[ActiveCampaign, ...]
    campaigns_by_id: dict[int, ActiveCampaign]


class RuleCache:
    """Rule sets by programme id."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.rule_sets: dict[int, RuleSet] = {}
        self._load_locks: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def get(self, programme_id: int, rules_version: int) -> RuleSet:
        """The rule set of a programme, of at least this version."""
        if rule_set := self._fresh_rule_set(programme_id, rules_version):
            return rule_set
        # One request loads for all that wait: a thousand requests that each load a thousand campaigns block the loop.
        async with self._load_locks[programme_id]:
            rule_set = self._fresh_rule_set(programme_id, rules_version)
            if rule_set is None:
                rule_set = self.rule_sets[programme_id] = await self._load_rule_set(programme_id)
            return rule_set

    def forget(self, programme_id: int) -> None:
        """Drop a programme, so that the next `get` loads it."""
        self.rule_sets.pop(programme_id, None)

    def _fresh_rule_set(self, programme_id: int, rules_version: int) -> RuleSet | None:
        rule_set = self.rule_sets.get(programme_id)
        return rule_set if rule_set is not None and rule_set.rules_version >= rules_version else None

    async def _load_rule_set(self, programme_id: int) -> RuleSet:
        rows = [CampaignRow(*row) for row in await self.db.rows(LOAD, programme=programme_id)]
        campaigns = tuple(_active_campaigns(rows))
        by_id = {campaign.campaign_id: campaign for campaign in campaigns}
        return RuleSet(programme_id, rows[0].rules_version, rows[0].timezone, rows[0].currency, campaigns, by_id)


def _active_campaigns(rows: Iterable[CampaignRow]) -> Iterable[ActiveCampaign]:
    for row in rows:
        if row.campaign_id is not None:
            rule = msgspec.convert(row.rule, Rule)
            yield ActiveCampaign(
                row.campaign_id, row.version_id, row.version, row.starts_at, row.ends_at, row.budgeted, rule
            )


CurrentRuleCache = NamedDependency[RuleCache]
