"""Requests and responses of code look-ups. They identify no person: an agent is a card number."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from msgspec import Meta, field

from backend.core.http.models import RequestModel, ResponseModel

Moment = Annotated[datetime, Meta(tz=True, examples=["2026-11-22T10:00:00Z"])]
Card = Annotated[str, Meta(description="Empty: the agent has gone.", examples=["4000123456789017"])]
Amount = Annotated[int, Meta(description="Minor units.", examples=[15000])]
CodeKind = Literal["package", "list", "marking", "promo"]
CodeState = Literal["claimed", "free", "not_active", "closed", "revoked", "unlisted", "open"]


class CodeLookupIn(RequestModel):
    """A code as it was typed, pasted or scanned."""

    text: Annotated[str, Meta(min_length=1, max_length=2000, examples=["0A7K-2M9X-J4T0-C8WN"])]


class ClaimSignalOut(ResponseModel):
    """What a fraud rule saw in the claim. In shadow it changed nothing."""

    rule: Annotated[str, Meta(examples=["taken_at_unlikely"])]
    shadow: Annotated[bool, Meta(examples=[True])]
    inputs: Annotated[dict[str, Any], Meta(examples=[{"taken_at": "2036-01-01T00:00:00+00:00"}])]


class ClaimOut(ResponseModel):
    """Who was paid for the code, when and why so much."""

    card_number: Card
    at: Moment
    amount: Amount
    currency: Annotated[str, Meta(examples=["RUB"])]
    campaign: Annotated[str, Meta(examples=["autumn"])]
    why: Annotated[str, Meta(examples=["Autumn bonus: 6% of RUB2,500.00 is RUB150.00."])]
    taken_back: Amount = 0
    available_on: Annotated[date | None, Meta(examples=["2026-12-06"])] = None
    receipt: Annotated[
        int | None, Meta(description="It was paid as a line of this receipt.", examples=[None, 4711])
    ] = None
    signals: list[ClaimSignalOut] = field(default_factory=list)


class ClaimAttemptOut(ResponseModel):
    """A refused scan of the code."""

    card_number: Card
    at: Moment
    reason: Annotated[str, Meta(description="For machines.", examples=["already_claimed"])]


class CodeLookupOut(ResponseModel):
    """A code of the brand's: which it is, and what became of it. `open`: a promo code that is not closed."""

    kind: Annotated[CodeKind, Meta(examples=["package"])]
    state: Annotated[CodeState, Meta(examples=["claimed"])]
    id: Annotated[
        int | None, Meta(description="`cause_id` or `code_id` of webhooks and files.", examples=[137438953500])
    ] = None
    batch: Annotated[UUID | None, Meta(examples=["0193f3a1-8c5e-7b42-9d16-4f7a2c8e5b03"])] = None
    position: Annotated[int | None, Meta(description="In the batch, from 1.", examples=[12])] = None
    sku: Annotated[str | None, Meta(examples=["RA16-374"])] = None
    name: Annotated[str | None, Meta(examples=["Double socket"])] = None
    claim: ClaimOut | None = None
    attempts: Annotated[list[ClaimAttemptOut], Meta(description="Refused scans, the first hundred.", examples=[[]])] = (
        field(default_factory=list)
    )
    # Of a promo code.
    code: Annotated[str | None, Meta(examples=["IVAN7"])] = None
    campaign: Annotated[str | None, Meta(examples=["autumn"])] = None
    card_number: Annotated[str | None, Meta(description="Whose it is; none: the brand's.", examples=[None])] = None
    uses: Annotated[int, Meta(description="How often it was redeemed.", examples=[3])] = 0
