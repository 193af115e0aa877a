"""The offers for which agents may make codes now."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import Meta
from sqlalchemy import text

from backend.database import Database
from backend.programmes.explain import Version
from backend.programmes.promo_schemas import CodesPerAgent, Longest, Shortest
from backend.programmes.rules import Fixed, Percent
from backend.programmes.schemas import Id, Next
from backend.promocodes.offer_text import offer_text
from backend.wire import Out

PAGE = text("""
    SELECT k.id, k.programme_id, g.name AS programme, b.name AS brand, g.currency, v.id AS version_id, k.ends_at
    FROM campaigns k JOIN campaign_versions v ON v.campaign_id = k.id AND v.version = k.version
    JOIN programmes g ON g.id = k.programme_id JOIN brands b ON b.id = k.brand_id
    WHERE k.state = 'active' AND k.starts_at <= :now AND (k.ends_at IS NULL OR k.ends_at > :now)
        AND v.rule -> 'promo' IS NOT NULL AND v.rule -> 'promo' ->> 'codes_per_agent' IS DISTINCT FROM '0'
        AND k.id < :before AND (CAST(:programme AS bigint) IS NULL OR k.programme_id = :programme)
    ORDER BY k.id DESC LIMIT :most
""")


class PromoOfferOut(Out):
    """An offer: what the buyer gets, what the agent gets, and what a code for it may look like."""

    campaign: Id
    programme_id: Id
    programme: Annotated[str, Meta(examples=["Masters' club"])]
    brand: Annotated[str, Meta(examples=["Teplo"])]
    name: Annotated[str, Meta(examples=["Autumn bonus"])]
    currency: Annotated[Literal["PTS", "RUB"], Meta(examples=["RUB"])]
    offer: Annotated[str, Meta(description="What the buyer gets.", examples=["5% off, from 1,000 RUB"])]
    bonus: Annotated[Fixed | Percent, Meta(description="A share of what the buyer pays, or so much for each sale.")]
    hold_days: Annotated[int, Meta(description="How long the bonus waits for returns.", examples=[14])]
    codes_per_agent: CodesPerAgent
    shortest: Shortest
    longest: Longest
    ends_at: Annotated[datetime, Meta(tz=True, examples=["2027-11-22T10:00:00Z"])] | None = None


class PromoOfferPage(Out):
    """Offers, newest first; `next` is the cursor of the following page."""

    items: list[PromoOfferOut]
    next: Next = None


async def page(db: Database, now: datetime, programme: int | None, before: int | None, most: int) -> list[Any]:
    """Offers that are open now, newest first, from a place on."""
    values = {"programme": programme, "before": 2**62 if before is None else before}
    return await db.rows(PAGE, now=now, most=most, **values)


def offered(row: Any, versions: Mapping[int, Version]) -> PromoOfferOut:
    """An offer as the phone shows it."""
    version = versions[row.version_id]
    rule, promo = version.rule, version.rule.promo
    if promo is None:
        raise AssertionError("only rules with `promo` are looked for")
    return PromoOfferOut(
        campaign=row.id,
        programme_id=row.programme_id,
        programme=row.programme,
        brand=row.brand,
        name=version.name(),
        currency=row.currency,
        offer=offer_text(rule, row.currency),
        bonus=rule.amount,
        hold_days=rule.hold_days,
        codes_per_agent=promo.codes_per_agent,
        shortest=promo.shortest,
        longest=promo.longest,
        ends_at=row.ends_at,
    )
