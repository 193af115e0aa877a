"""What a rule would pay for something that could happen: the decision itself, with nothing written."""

from datetime import datetime

from msgspec import structs
from sqlalchemy.ext.asyncio import AsyncSession

from backend.brands.door import Member
from backend.programmes import campaigns, products, rule_writing, service
from backend.programmes.campaign_schemas import PreviewIn, PreviewOut
from backend.programmes.explain import Accrued, Version, explain
from backend.programmes.rules import Decision, Facts, Fixed, Offer, Promo, decide, share


async def preview(session: AsyncSession, member: Member, draft: PreviewIn, now: datetime) -> PreviewOut:
    """Decide as a payment would, for an agent who got nothing on that day.

    Raises:
        ProgrammeUnknown, ProductUnknown, DatesInvalid, those of `rule_writing`: as they say.
    """
    at = draft.at or now
    if not campaigns.FIRST <= at < campaigns.LAST:
        raise campaigns.DatesInvalid
    programme = await service.by_id(session, member, draft.programme_id)
    product = await products.get(session, member, draft.sku.removeprefix("/"))
    rule = await rule_writing.stored(session, member, draft.rule)
    offer = Offer(0, 0, 1, starts_at=at, ends_at=None, budgeted=False, rule=rule)
    price = product.price if draft.price is None else draft.price
    if rule.promo is not None:
        price = _paid(rule.promo, product.id, price)
        if price is None:
            return PreviewOut(applies=False)
    decision = decide([offer], Facts(draft.way, product.id, price, at, listed=draft.listed), programme.timezone)
    if decision is None:
        return PreviewOut(applies=False)
    if rule.promo is not None and price is not None:
        decision = structs.replace(decision, base=price)
    version = Version(1, rule, draft.name_ru, draft.name_en, programme.currency)
    return _told(version, decision)


def _paid(promo: Promo, product_id: int, price: int | None) -> int | None:
    """What a buyer of this alone pays with a code, in kopecks; None where a code takes nothing off."""
    if price is None or product_id in (promo.excluded or ()) or price < (promo.minimum or 0):
        return None
    given = promo.discount
    off = given.value if isinstance(given, Fixed) else share(price, given.basis_points, given.rounding)
    return price - min(price, off, off if promo.most is None else promo.most)


def _told(version: Version, decision: Decision) -> PreviewOut:
    amount = min(decision.gross, version.rule.cap_per_agent_day or decision.gross)
    accrued = Accrued(0, decision.base, decision.gross, amount, decision.matures_on, decision.expires_on)
    waits = decision.matures_on > decision.today
    return PreviewOut(applies=True, amount=amount, explanation=explain(version, accrued, waits=waits))
