"""Explanations of accruals for people and machines: rule version, base, rate, rounding, cap and days."""

from collections.abc import Iterable, Mapping
from datetime import date
from functools import lru_cache
from typing import Annotated

import msgspec
from babel.dates import format_date
from babel.numbers import format_percent
from litestar.di import NamedDependency
from msgspec import Meta
from sqlalchemy import text

from backend.core.db.database import Database
from backend.core.http.models import ResponseModel
from backend.core.language import Language, language, money, translate
from backend.programmes.rules.rule import NEVER, FixedAmount, Rule

LOAD = text("""
    SELECT v.id, v.version, v.rule, v.name_ru, v.name_en, g.currency
    FROM campaign_versions v JOIN campaigns c ON c.id = v.campaign_id JOIN programmes g ON g.id = c.programme_id
    WHERE v.id = ANY(:ids)
""")


class Explanation(ResponseModel):
    """How an amount was computed. Amounts in minor units; `text` explains it in the caller's language."""

    text: Annotated[
        str, Meta(examples=["Autumn bonus: 6% of RUB2,500.00 is RUB150.00; available from December 6, 2026."])
    ]
    rule: Annotated[str, Meta(description="The campaign.", examples=["Autumn bonus"])] = ""
    version: Annotated[int, Meta(description="Of the rule.", examples=[1])] = 0
    base: Annotated[
        int | None, Meta(description="The base of a percentage rule; what the client paid.", examples=[250000])
    ] = None
    basis_points: Annotated[int | None, Meta(examples=[600])] = None
    rounding: Annotated[str | None, Meta(examples=["half_up"])] = None
    gross: Annotated[int | None, Meta(description="Before caps, if a cap applied.", examples=[15000])] = None
    cap: Annotated[
        str | None,
        Meta(
            description="What cut the amount: `agent_day`, `agent_total`, `budget`, or `limits`, which are several.",
            examples=[None, "agent_day"],
        ),
    ] = None
    available_on: Annotated[date | None, Meta(examples=["2026-12-06"])] = None
    expires_on: Annotated[date | None, Meta(examples=["2027-12-06"])] = None


class AdditionalAwardOut(ResponseModel):
    """The additional award of a campaign that stacks."""

    campaign: Annotated[int, Meta(examples=[18])]
    amount: Annotated[int, Meta(description="Minor units, less returns.", examples=[500])]
    explanation: Explanation | None = None


class RuleVersion(msgspec.Struct, frozen=True):
    """A version of a rule and its names."""

    version: int
    rule: Rule
    name_ru: str
    name_en: str
    currency: str

    def name(self) -> str:
        return self.name_ru if language.get() == "ru" else self.name_en or self.name_ru


class AccrualAmounts(msgspec.Struct, frozen=True):
    """The amounts and days of one accrual, in minor units."""

    version_id: int
    base: int
    gross: int
    amount: int
    matures_on: date
    expires_on: date


class RuleVersionCache:
    """Rule versions, cached in the process; they never change."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.loaded: dict[int, RuleVersion] = {}

    async def load(self, ids: Iterable[int | None]) -> dict[int, RuleVersion]:
        """Load missing versions, and return all loaded ones by id."""
        missing = {version_id for version_id in ids if version_id is not None} - self.loaded.keys()
        if missing:
            for row in await self.db.rows(LOAD, ids=list(missing)):
                rule = msgspec.convert(row.rule, Rule)
                self.loaded[row.id] = RuleVersion(row.version, rule, row.name_ru, row.name_en, row.currency)
        return self.loaded


CurrentRuleVersions = NamedDependency[RuleVersionCache]


def explain_accrual(version: RuleVersion, accrued: AccrualAmounts, *, waits: bool) -> Explanation:
    """Explain an accrual. Pure."""
    amount = version.rule.amount
    capped = accrued.amount < accrued.gross
    fixed = isinstance(amount, FixedAmount)
    return Explanation(
        text=_rule_sentence(version, accrued, waits=waits),
        rule=version.name(),
        version=version.version,
        base=None if isinstance(amount, FixedAmount) and not version.rule.promo else accrued.base,
        basis_points=None if isinstance(amount, FixedAmount) else amount.basis_points,
        rounding=None if isinstance(amount, FixedAmount) else amount.rounding,
        gross=accrued.gross if capped or not fixed else None,
        cap=_cap_reason(version.rule) if capped else None,
        available_on=accrued.matures_on if waits else None,
        expires_on=None if accrued.expires_on == NEVER else accrued.expires_on,
    )


class AddedAccrual(AccrualAmounts, frozen=True):
    """A row of programmes_added: an additional award, and what returns took of it."""

    campaign: int
    returned: int
    waits: bool


def additional_out(
    rows: Iterable[Mapping[str, object]], versions: Mapping[int, RuleVersion]
) -> list[AdditionalAwardOut]:
    """Additional awards, from the rows of programmes_added."""
    awards = [msgspec.convert(row, AddedAccrual) for row in rows]
    return [
        AdditionalAwardOut(
            award.campaign,
            award.amount - award.returned,
            explain_accrual(versions[award.version_id], award, waits=award.waits),
        )
        for award in awards
    ]


def _rule_sentence(version: RuleVersion, accrued: AccrualAmounts, *, waits: bool) -> str:
    currency = version.currency
    parts = [f"{version.name()}: ", _gross_sentence(version.rule, accrued, money(accrued.gross, currency))]
    if accrued.amount < accrued.gross:
        parts.append(_remainder_sentence(version.rule, money(accrued.amount, currency)))
    if waits:
        parts.append(translate("; available from {day}", day=_format_day(accrued.matures_on, language.get())))
    # A Russian date ends with a dot of its own.
    return "".join(parts).rstrip(".") + "."


def _cap_reason(rule: Rule) -> str:
    """What reduced an amount: a cap of the agent, or the budget of a promo campaign, of which a bonus gets the rest."""
    if rule.cap_per_agent is None:
        return "budget" if rule.promo and rule.cap_per_agent_day is None else "agent_day"
    return "limits" if rule.promo or rule.cap_per_agent_day is not None else "agent_total"


def _remainder_sentence(rule: Rule, amount: str) -> str:
    if rule.cap_per_agent is None and rule.promo is None:
        return translate("; the day's limit left {amount}", amount=amount)
    if rule.cap_per_agent is None and rule.cap_per_agent_day is None:
        return translate("; the offer's budget left {amount}", amount=amount)
    if _cap_reason(rule) == "agent_total":
        return translate("; your limit for this offer left {amount}", amount=amount)
    return translate("; the limits left {amount}", amount=amount)


def _gross_sentence(rule: Rule, accrued: AccrualAmounts, gross: str) -> str:
    """The amount before caps. A base is in roubles, whatever the currency of the programme."""
    base = money(accrued.base, "RUB")
    if isinstance(rule.amount, FixedAmount):
        return translate("your client paid {base}, you get {gross}", base=base, gross=gross) if rule.promo else gross
    rate = _format_rate(rule.amount.basis_points, language.get())
    if rule.promo:
        return translate("your client paid {base}, {rate} of it is {gross}", base=base, rate=rate, gross=gross)
    return translate("{rate} of {base} is {gross}", rate=rate, base=base, gross=gross)


@lru_cache(maxsize=4096)
def _format_day(day: date, code: Language) -> str:
    return format_date(day, "long", code)


@lru_cache(maxsize=4096)
def _format_rate(basis_points: int, code: Language) -> str:
    return format_percent(basis_points / 10_000, "#,##0.##%", locale=code)
