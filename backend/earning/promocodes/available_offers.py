"""Offers for which agents may create promo codes now."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import Meta
from sqlalchemy import text

from backend.core.db.database import Database
from backend.core.http.models import ResponseModel
from backend.earning.promocodes.offer_text import offer_text
from backend.programmes.campaigns import budgets
from backend.programmes.campaigns.budgets import BudgetLeft, BudgetState
from backend.programmes.campaigns.promo_schemas import CodesPerAgent, Longest, Shortest
from backend.programmes.rules.explanation import RuleVersion
from backend.programmes.rules.rule import FixedAmount, PercentAmount
from backend.programmes.schemas import Id, Next

PAGE = text("""
    SELECT k.id, k.programme_id, g.name AS programme, b.name AS brand, g.currency, v.id AS version_id, k.ends_at,
        k.budget, (SELECT sum(s.remaining)::bigint FROM budget_slices s WHERE s.campaign_id = k.id) AS remaining
    FROM campaigns k JOIN campaign_versions v ON v.campaign_id = k.id AND v.version = k.version
    JOIN programmes g ON g.id = k.programme_id JOIN brands b ON b.id = k.brand_id
    WHERE k.state = 'active' AND k.starts_at <= :now AND (k.ends_at IS NULL OR k.ends_at > :now)
        AND v.rule -> 'promo' IS NOT NULL AND v.rule -> 'promo' ->> 'codes_per_agent' IS DISTINCT FROM '0'
        AND k.id < :before AND (CAST(:programme AS bigint) IS NULL OR k.programme_id = :programme)
    ORDER BY k.id DESC LIMIT :most
""")


class PromoOfferOut(ResponseModel):
    """An offer: the buyer's discount, the agent's bonus, limits on uses, and allowed lengths of a word.

    A budget pays all discounts of a sale first; bonuses get the rest.
    """

    campaign: Id
    programme_id: Id
    programme: Annotated[str, Meta(examples=["Masters' club"])]
    brand: Annotated[str, Meta(examples=["Teplo"])]
    name: Annotated[str, Meta(examples=["Autumn bonus"])]
    currency: Annotated[Literal["PTS", "RUB"], Meta(examples=["RUB"])]
    offer: Annotated[str, Meta(description="What the buyer gets.", examples=["5% off, from 1,000 RUB"])]
    bonus: Annotated[
        FixedAmount | PercentAmount,
        Meta(description="A share of what the buyer pays, or a fixed amount for each sale."),
    ]
    hold_days: Annotated[int, Meta(description="How long the bonus waits for returns.", examples=[14])]
    codes_per_agent: CodesPerAgent
    shortest: Shortest
    longest: Longest
    ends_at: Annotated[datetime, Meta(tz=True, examples=["2027-11-22T10:00:00Z"])] | None = None
    uses: Annotated[int | None, Meta(description="Sales for each code.", examples=[100])] = None
    uses_per_agent: Annotated[int | None, Meta(description="Sales over all your codes of it.", examples=[300])] = None
    uses_per_buyer: Annotated[int | None, Meta(examples=[1])] = None
    uses_per_shop_day: Annotated[int | None, Meta(examples=[20])] = None
    cap_per_agent_day: Annotated[int | None, Meta(description="Your bonus a day, minor units.", examples=[500000])] = (
        None
    )
    cap_per_agent: Annotated[int | None, Meta(description="Your bonus in all, minor units.", examples=[1000000])] = None
    budget: BudgetState | None = None
    budget_left_percent: BudgetLeft | None = None


class PromoOfferPage(ResponseModel):
    """Offers, newest first; `next` is the cursor of the following page."""

    items: list[PromoOfferOut]
    next: Next = None


async def list_available_offers(
    db: Database, now: datetime, programme: int | None, before: int | None, limit: int
) -> list[Any]:
    """A page of open offers, newest first, with ids below `before`."""
    values = {"programme": programme, "before": 2**62 if before is None else before}
    return await db.rows(PAGE, now=now, most=limit, **values)


def offer_response(row: Any, versions: Mapping[int, RuleVersion], low_percent: int) -> PromoOfferOut:
    """An offer, as the API returns it."""
    version = versions[row.version_id]
    rule, promo = version.rule, version.rule.promo
    if promo is None:
        raise AssertionError("the query selects only rules with `promo`")
    # In roubles a budget pays the discount as well: it is used up when it no longer covers a fixed discount.
    need = promo.discount.value if isinstance(promo.discount, FixedAmount) and row.currency == "RUB" else 1
    state, left = budgets.budget_state(row.budget, row.remaining, low_percent, need) or (None, None)
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
        uses=promo.uses,
        uses_per_agent=promo.uses_per_agent,
        uses_per_buyer=promo.uses_per_buyer,
        uses_per_shop_day=promo.uses_per_shop_day,
        cap_per_agent_day=rule.cap_per_agent_day,
        cap_per_agent=rule.cap_per_agent,
        budget=state,
        budget_left_percent=left,
    )
