"""Redemptions as their agent sees them: nothing that names the buyer or the basket."""

from datetime import date
from typing import Annotated, Any, Literal, Self

from msgspec import Meta

from backend.language import say
from backend.programmes.schemas import Id, Moment, Next
from backend.wire import Out

Kopecks = Annotated[int, Meta(description="Kopecks.", examples=[250000])]
Amount = Annotated[int, Meta(description="Minor units of the currency.", examples=[15000])]


class TakenBack(Out):
    """What came back of a redemption."""

    base: Kopecks = 0
    bonus: Amount = 0


class RedemptionOut(Out):
    """A client came: where, by which code and run, what he paid for what counts, and the bonus for it."""

    id: Id
    at: Moment
    shop: Annotated[str, Meta(examples=["Santehnika on Lesnaya"])]
    code: Annotated[str, Meta(examples=["IVAN7"])]
    programme_id: Id
    currency: Annotated[Literal["PTS", "RUB"], Meta(examples=["RUB"])]
    base: Kopecks = 0
    bonus: Amount = 0
    city: Annotated[str, Meta(examples=["Tver"])] = ""
    run: Annotated[int, Meta(description="How the code was shared; 0 is the bare code.", examples=[1])] = 0
    run_name: Annotated[str, Meta(examples=["fridge magnet"])] = ""
    pending_until: Annotated[date | None, Meta(examples=["2026-12-06"])] = None
    returned: TakenBack | None = None
    why: Annotated[str | None, Meta(description="Why it brought less, for people.", examples=[None])] = None

    @classmethod
    def of(cls, row: Any) -> Self:
        came_back = row.returned_base or row.returned_bonus
        return cls(
            id=row.id,
            at=row.at,
            shop=row.shop,
            code=row.code,
            programme_id=row.programme_id,
            currency=row.currency,
            base=row.base,
            bonus=row.bonus,
            city=row.city,
            run=row.run,
            run_name=row.run_name or "",
            pending_until=row.pending_until,
            returned=TakenBack(row.returned_base, row.returned_bonus) if came_back else None,
            why=_why(row.reason),
        )


class RedemptionPage(Out):
    """Redemptions, newest first; `next` is the cursor of the following page."""

    items: list[RedemptionOut]
    next: Next = None


def _why(reason: str | None) -> str | None:
    """Limits are told. What a fraud rule saw is not: whoever tries would learn which rule it was."""
    if reason == "day_cap":
        return say("Your limit for that day was reached.")
    if reason == "budget_spent":
        return say("The budget of this offer was spent.")
    return None
