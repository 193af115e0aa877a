"""Awards of the rules for receipt lines: the first programme of the brand that pays, in order."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import text

from backend.core.db.database import Database
from backend.earning.receipts.catalogues import BrandCatalogue
from backend.earning.receipts.submission import EARLIEST_ZONE
from backend.programmes.rules import awards
from backend.programmes.rules.awards import Award
from backend.programmes.rules.rule import Decision, Facts, Rule, decide_award
from backend.programmes.rules.rule_cache import RuleCache, RuleSet

RULES_VERSIONS = text("SELECT id, rules_version FROM programmes WHERE id = ANY(:programmes)")
MAX_UNITS = 10_000


# A receipt that was accepted on arrival: its time may differ from the document's by some minutes.
AGE_SLACK = timedelta(hours=1)


class ReceiptAge(msgspec.Struct, frozen=True):
    """The age of a receipt when a phone read it, and the maximum age for campaigns without one of their own."""

    age: timedelta
    max_age: timedelta

    @classmethod
    def of(cls, bought_at: datetime | None, seen_at: datetime, max_hours: int) -> "ReceiptAge | None":
        """None for a receipt without a time."""
        if bought_at is None:
            return None
        seen = seen_at.astimezone(UTC).replace(tzinfo=None)
        return cls(seen - bought_at + EARLIEST_ZONE, timedelta(hours=max_hours))

    def is_within(self, rule: Rule) -> bool:
        """Whether a campaign still pays for the receipt."""
        max_age = self.max_age if rule.receipt_days is None else timedelta(days=rule.receipt_days)
        return self.age <= max_age + AGE_SLACK


class SettlementLine(Award, kw_only=True):
    """A line, as `receipts_pay_lines` reads it. Without an award it is in review or refused."""

    brand: int
    n: int
    name: str
    quantity: Decimal
    sum: int
    gtin: str | None = None
    serial: str | None = None
    product: int | None = None
    how: str = "none"
    score: float = 0.0
    candidates: list[Any] = msgspec.field(default_factory=list)
    state: str = "paid"
    reason: str | None = None


async def price_lines(
    db: Database,
    rule_cache: RuleCache,
    goods: Iterable[BrandCatalogue],
    lines: Sequence[SettlementLine],
    sent_at: datetime,
    now: datetime,
    age: ReceiptAge | None = None,
) -> tuple[list[SettlementLine], set[int]]:
    """The lines with their awards, and the ids of the programmes whose rules were used.

    The time that counts is when the agent sent the receipt, so a slow provider does not reduce an award.
    """
    payers = {row.brand_id: row.programmes for row in goods}
    programmes = {number for row in lines if row.state == "paid" for number in payers[row.brand]}
    rule_sets = [
        await rule_cache.get(row.id, row.rules_version)
        for row in await db.rows(RULES_VERSIONS, programmes=list(programmes))
    ]
    rule_set_of = {rule_set.programme_id: rule_set for rule_set in rule_sets}
    used: dict[tuple[int, int], int] = {}
    priced = [
        _price_line(
            row, [rule_set_of[number] for number in payers[row.brand] if number in rule_set_of], used, sent_at, now, age
        )
        if row.state == "paid"
        else row
        for row in lines
    ]
    return priced, programmes


def _price_line(
    row: SettlementLine,
    rule_sets: Sequence[RuleSet],
    used: dict[tuple[int, int], int],
    sent_at: datetime,
    now: datetime,
    age: ReceiptAge | None,
) -> SettlementLine:
    if row.product is None:
        raise LookupError(row.name)
    facts, is_late = _facts(row.product, row.quantity, row.sum, sent_at), False
    for rule_set in rule_sets:
        offers = [offer for offer in rule_set.campaigns if age is None or age.is_within(offer.rule)]
        decision = decide_award(offers, facts, rule_set.timezone)
        if decision is None:
            is_late = is_late or decide_award(rule_set.campaigns, facts, rule_set.timezone) is not None
            continue
        decision = _limit_units(decision, rule_set, row, used, sent_at)
        if decision is None:
            return msgspec.structs.replace(row, state="refused", reason="quantity_limit")
        return _with_award(row, rule_set, decision, now)
    return msgspec.structs.replace(row, state="refused", reason="too_old" if is_late else "no_campaign")


def _facts(product: int, quantity: Decimal, amount: int, at: datetime) -> Facts:
    """A line's facts for the rules. A measured quantity (1.5 m of cable) is one unit for a fixed award."""
    whole = quantity == quantity.to_integral_value()
    return Facts("receipt", product, amount, at, units=min(MAX_UNITS, int(quantity)) if whole else 1)


def _limit_units(
    decision: Decision, rule_set: RuleSet, row: SettlementLine, used: dict[tuple[int, int], int], sent_at: datetime
) -> Decision | None:
    """The decision, limited to the units that each of its campaigns pays for; None if the first has none left."""
    first = _limit_campaign_units(msgspec.structs.replace(decision, additional=()), rule_set, row, used, sent_at)
    if first is None:
        return None
    added = (_limit_campaign_units(more, rule_set, row, used, sent_at) for more in decision.additional)
    return msgspec.structs.replace(first, additional=tuple(more for more in added if more))


def _limit_campaign_units(
    decision: Decision, rule_set: RuleSet, row: SettlementLine, used: dict[tuple[int, int], int], sent_at: datetime
) -> Decision | None:
    """The decision for the units of the product that the receipt's limit leaves; None if it leaves none.

    All lines of one product count, because marked goods have one line for each unit.
    """
    limit = decision.campaign.rule.units_per_receipt
    if limit is None:
        return decision
    place = (decision.campaign.campaign_id, row.product or 0)
    units = max(1, -int(-row.quantity // 1))
    left = min(units, limit - used.get(place, 0))
    if left <= 0:
        return None
    used[place] = used.get(place, 0) + left
    if left == units:
        return decision
    part = _facts(row.product or 0, Decimal(left), row.sum * left // units, sent_at)
    return decide_award([decision.campaign], part, rule_set.timezone)


def _with_award(row: SettlementLine, rule_set: RuleSet, decision: Decision, now: datetime) -> SettlementLine:
    today = now.astimezone(ZoneInfo(rule_set.timezone)).date()
    return msgspec.structs.replace(row, **awards.award_fields(rule_set, decision, today))
