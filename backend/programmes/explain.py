"""Why an accrual is what it is: rule and version, base, rate, rounding, cap, and the days; for people and machines."""

from collections.abc import Iterable
from datetime import date
from functools import lru_cache
from typing import Annotated

import msgspec
from babel.dates import format_date
from babel.numbers import format_percent
from litestar.di import NamedDependency
from msgspec import Meta
from sqlalchemy import text

from backend.database import Database
from backend.language import Language, language, money, say
from backend.programmes.rules import NEVER, Fixed, Rule
from backend.wire import Out

LOAD = text("""
    SELECT v.id, v.version, v.rule, v.name_ru, v.name_en, g.currency
    FROM campaign_versions v JOIN campaigns c ON c.id = v.campaign_id JOIN programmes g ON g.id = c.programme_id
    WHERE v.id = ANY(:ids)
""")


class Explanation(Out):
    """How an amount came about. Amounts in minor units; the text says the same in the caller's language."""

    text: Annotated[
        str, Meta(examples=["Autumn bonus: 6% of RUB2,500.00 is RUB150.00; available from December 6, 2026."])
    ]
    rule: Annotated[str, Meta(description="The campaign.", examples=["Autumn bonus"])] = ""
    version: Annotated[int, Meta(description="Of the rule.", examples=[1])] = 0
    base: Annotated[
        int | None, Meta(description="What a per-cent rule is a share of; what the client paid.", examples=[250000])
    ] = None
    basis_points: Annotated[int | None, Meta(examples=[600])] = None
    rounding: Annotated[str | None, Meta(examples=["half_up"])] = None
    gross: Annotated[int | None, Meta(description="Before the cap, where a cap was hit.", examples=[15000])] = None
    cap: Annotated[str | None, Meta(description="The cap that was hit.", examples=[None, "agent_day"])] = None
    available_on: Annotated[date | None, Meta(examples=["2026-12-06"])] = None
    expires_on: Annotated[date | None, Meta(examples=["2027-12-06"])] = None


class Version(msgspec.Struct, frozen=True):
    """A rule version and the names that people know it by."""

    version: int
    rule: Rule
    name_ru: str
    name_en: str
    currency: str

    def name(self) -> str:
        return self.name_ru if language.get() == "ru" else self.name_en or self.name_ru


class Accrued(msgspec.Struct, frozen=True):
    """The figures of one accrual, in minor units."""

    version_id: int
    base: int
    gross: int
    amount: int
    matures_on: date
    expires_on: date


class Versions:
    """The process's memory of rule versions, which never change."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.known: dict[int, Version] = {}

    async def load(self, ids: Iterable[int | None]) -> dict[int, Version]:
        """All known versions, with these among them."""
        missing = {number for number in ids if number is not None} - self.known.keys()
        if missing:
            for row in await self.db.rows(LOAD, ids=list(missing)):
                rule = msgspec.convert(row.rule, Rule)
                self.known[row.id] = Version(row.version, rule, row.name_ru, row.name_en, row.currency)
        return self.known


TheVersions = NamedDependency[Versions]


def explain(version: Version, accrued: Accrued, *, waits: bool) -> Explanation:
    """Explain an accrual. Pure."""
    amount = version.rule.amount
    capped = accrued.amount < accrued.gross
    fixed = isinstance(amount, Fixed)
    return Explanation(
        text=_sentence(version, accrued, waits=waits),
        rule=version.name(),
        version=version.version,
        base=None if isinstance(amount, Fixed) and not version.rule.promo else accrued.base,
        basis_points=None if isinstance(amount, Fixed) else amount.basis_points,
        rounding=None if isinstance(amount, Fixed) else amount.rounding,
        gross=accrued.gross if capped or not fixed else None,
        cap="agent_day" if capped else None,
        available_on=accrued.matures_on if waits else None,
        expires_on=None if accrued.expires_on == NEVER else accrued.expires_on,
    )


def _sentence(version: Version, accrued: Accrued, *, waits: bool) -> str:
    currency = version.currency
    parts = [f"{version.name()}: ", _gross(version.rule, accrued, money(accrued.gross, currency))]
    if accrued.amount < accrued.gross:
        parts.append(say("; the day's limit left {amount}", amount=money(accrued.amount, currency)))
    if waits:
        parts.append(say("; available from {day}", day=_day(accrued.matures_on, language.get())))
    # A Russian date ends with a dot of its own.
    return "".join(parts).rstrip(".") + "."


def _gross(rule: Rule, accrued: Accrued, gross: str) -> str:
    """What the rule gave before the cap. A base is money whatever the programme counts in."""
    base = money(accrued.base, "RUB")
    if isinstance(rule.amount, Fixed):
        return say("your client paid {base}, you get {gross}", base=base, gross=gross) if rule.promo else gross
    rate = _rate(rule.amount.basis_points, language.get())
    if rule.promo:
        return say("your client paid {base}, {rate} of it is {gross}", base=base, rate=rate, gross=gross)
    return say("{rate} of {base} is {gross}", rate=rate, base=base, gross=gross)


@lru_cache(maxsize=4096)
def _day(day: date, code: Language) -> str:
    return format_date(day, "long", code)


@lru_cache(maxsize=4096)
def _rate(basis_points: int, code: Language) -> str:
    return format_percent(basis_points / 10_000, "#,##0.##%", locale=code)
