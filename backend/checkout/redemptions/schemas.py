"""Redemptions as their agent sees them, without the buyer and the basket."""

from datetime import date
from typing import Annotated, Any, Literal, Self

from msgspec import Meta

from backend.core.http.models import ResponseModel
from backend.core.language import money, translate
from backend.programmes.schemas import Id, Moment, Next

Kopecks = Annotated[int, Meta(description="Kopecks.", examples=[250000])]
Amount = Annotated[int, Meta(description="Minor units of the currency.", examples=[15000])]


class RedemptionClawback(ResponseModel):
    """The returned part of a redemption."""

    base: Kopecks = 0
    bonus: Amount = 0
    expired: Annotated[
        int, Meta(description="Of the bonus: expired before, so it was not clawed back.", examples=[0])
    ] = 0


class RedemptionRemainder(ResponseModel):
    """What is left of a redemption after returns."""

    base: Kopecks = 0
    bonus: Amount = 0


class RedemptionOut(ResponseModel):
    """A redemption: shop, code and run, what the client paid for the lines that count, and the bonus."""

    id: Id
    at: Moment
    shop: Annotated[str, Meta(examples=["Santehnika on Lesnaya"])]
    code: Annotated[str, Meta(examples=["IVAN7"])]
    programme_id: Id
    currency: Annotated[Literal["PTS", "RUB"], Meta(examples=["RUB"])]
    base: Kopecks = 0
    bonus: Amount = 0
    city: Annotated[str, Meta(examples=["Tver"])] = ""
    run: Annotated[int, Meta(description="How the code was shared; 0 is the code without a run.", examples=[1])] = 0
    run_name: Annotated[str, Meta(examples=["fridge magnet"])] = ""
    pending_until: Annotated[date | None, Meta(examples=["2026-12-06"])] = None
    returned: RedemptionClawback | None = None
    left: Annotated[RedemptionRemainder | None, Meta(description="Only after a return: what is left now.")] = None
    explanation: Annotated[
        str | None,
        Meta(
            description="Only after a return: what happened to the bonus, as a text for people.",
            examples=[None, "Of RUB950.00 that your client paid, RUB475.00 came back."],
        ),
    ] = None
    why: Annotated[str | None, Meta(description="Why the bonus is lower, as a text for people.", examples=[None])] = (
        None
    )

    @classmethod
    def of(cls, row: Any) -> Self:
        is_returned = row.returned_base or row.returned_bonus
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
            returned=_returned_part(row) if is_returned else None,
            left=RedemptionRemainder(row.base - row.returned_base, row.bonus - row.returned_bonus)
            if is_returned
            else None,
            explanation=_explanation(row) if is_returned else None,
            why=_reason_text(row.reason, row.bonus),
        )


class RedemptionPage(ResponseModel):
    """Redemptions, newest first; `next` is the cursor of the following page."""

    items: list[RedemptionOut]
    next: Next = None


def _returned_part(row: Any) -> RedemptionClawback:
    return RedemptionClawback(row.returned_base, row.returned_bonus, row.returned_expired)


def _explanation(row: Any) -> str:
    """A text about a redemption after returns. A base is always in roubles, whatever the programme's currency."""
    parts = [
        translate(
            "Of {base} that your client paid, {back} came back.",
            base=money(row.base, "RUB"),
            back=money(row.returned_base, "RUB"),
        )
    ]
    bonus, expired = money(row.bonus, row.currency), money(row.returned_expired, row.currency)
    if row.returned_bonus:
        back = money(row.returned_bonus - row.returned_expired, row.currency)
        left = money(row.bonus - row.returned_bonus, row.currency)
        parts.append(
            translate(
                "Of your bonus of {bonus}, {back} was taken back; {left} is left.", bonus=bonus, back=back, left=left
            )
        )
    if row.returned_expired:
        parts.append(translate("{amount} of it had expired and was not taken.", amount=expired))
    return " ".join(parts)


def _reason_text(reason: str | None, bonus: int) -> str | None:
    """The reason, if it is a limit. Findings of fraud rules are not disclosed: a fraudster would learn the rule."""
    if reason == "day_cap":
        return translate("Your limit for that day was reached.")
    if reason == "agent_cap":
        return translate("Your limit for this offer was reached.")
    if reason == "budget_spent":
        if bonus:
            return translate("The budget of this offer was spent: you got what was left of it.")
        return translate("The budget of this offer was spent.")
    return None
