"""What a rule would pay for something that could happen: the decision itself, with nothing written."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from backend.brands.door import Member
from backend.programmes import campaigns, products, service
from backend.programmes.campaign_schemas import PreviewIn, PreviewOut
from backend.programmes.explain import Accrued, Version, explain
from backend.programmes.rules import Decision, Facts, Offer, decide


async def preview(session: AsyncSession, member: Member, draft: PreviewIn, now: datetime) -> PreviewOut:
    """Decide as a payment would, for an agent who got nothing on that day.

    Raises:
        ProgrammeUnknown, ProductUnknown, ProductsUnknown, DatesInvalid, LifetimeTooShort, CapTooLow,
        UnlistedUnguarded: as they say.
    """
    at = draft.at or now
    if not campaigns.FIRST <= at < campaigns.LAST:
        raise campaigns.DatesInvalid
    programme = await service.by_id(session, member, draft.programme_id)
    product = await products.get(session, member, draft.sku.removeprefix("/"))
    rule = await campaigns.stored(session, member, draft.rule)
    offer = Offer(0, 0, 1, starts_at=at, ends_at=None, budgeted=False, rule=rule)
    price = product.price if draft.price is None else draft.price
    decision = decide([offer], Facts(draft.way, product.id, price, at, listed=draft.listed), programme.timezone)
    if decision is None:
        return PreviewOut(applies=False)
    version = Version(1, rule, draft.name_ru, draft.name_en, programme.currency)
    return _told(version, decision)


def _told(version: Version, decision: Decision) -> PreviewOut:
    amount = min(decision.gross, version.rule.cap_per_agent_day or decision.gross)
    accrued = Accrued(0, decision.base, decision.gross, amount, decision.matures_on, decision.expires_on)
    waits = decision.matures_on > decision.today
    return PreviewOut(applies=True, amount=amount, explanation=explain(version, accrued, waits=waits))
