"""Wire format of corrections. Amounts in minor units of the programme's currency."""

from datetime import date, datetime
from typing import Annotated, NamedTuple, Self
from uuid import UUID

from msgspec import Meta

from backend.core.http.models import LINE, RequestModel, ResponseModel
from backend.identity.approvals.schemas import State

Key = Annotated[UUID, Meta(examples=["7a1f0a52-93a2-4c2f-9d0c-5f1a7a5f7c11"])]
Card = Annotated[
    str, Meta(description="The agent's card number.", pattern=r"^[0-9]{1,32}(?!\n)$", examples=["4000123456789017"])
]
Programme = Annotated[str, Meta(description="The programme's key.", max_length=64, examples=["club"])]
Amount = Annotated[
    int,
    Meta(
        description="Minor units: above zero is added, below zero is removed.",
        ge=-(10**12),
        le=10**12,
        examples=[15000],
    ),
]
Reason = Annotated[
    str,
    Meta(
        description="The agent reads it. It must not contain names.",
        min_length=1,
        max_length=200,
        pattern=LINE,
        examples=["Box 12 of the batch had a code that was claimed before."],
    ),
]
Moment = Annotated[datetime, Meta(tz=True, examples=["2026-11-22T10:00:00Z"])]


class CorrectionIn(RequestModel):
    """An amount that is added to a wallet or removed, and the reason."""

    card_number: Card
    programme: Programme
    amount: Amount
    reason: Reason
    expires_on: Annotated[
        date | None, Meta(description="The expiry of an added amount; never if left out.", examples=["2027-11-22"])
    ] = None


class CorrectionRow(NamedTuple):
    """A correction with its request, in the order of the columns of the queries."""

    id: int
    key: UUID
    card_number: str | None
    programme: str
    amount: int
    reason: str
    expires_on: date | None
    requested_at: datetime
    decided_at: datetime | None
    note: str
    requester: str
    decider: str | None
    shown_state: State


class CorrectionOut(ResponseModel):
    """A correction, its requester and its approver. `used`: the amount has moved."""

    id: Key
    card_number: Annotated[str, Meta(description="Empty: the account was erased.", examples=["4000123456789017"])]
    programme: Programme
    amount: Amount
    reason: Reason
    state: Annotated[State, Meta(examples=["waiting"])]
    requested_by: Annotated[str, Meta(examples=["anna@teplo.example"])]
    requested_at: Moment
    decided_by: Annotated[str | None, Meta(examples=["boris@teplo.example"])] = None
    decided_at: Moment | None = None
    note: Annotated[str, Meta(examples=["Checked with the print shop."])] = ""
    expires_on: Annotated[date | None, Meta(examples=["2027-11-22"])] = None

    @classmethod
    def of(cls, row: CorrectionRow) -> Self:
        return cls(
            row.key,
            row.card_number or "",
            row.programme,
            row.amount,
            row.reason,
            row.shown_state,
            row.requester,
            row.requested_at,
            row.decider,
            row.decided_at,
            row.note,
            row.expires_on,
        )


class CorrectionPage(ResponseModel):
    """Corrections, newest first; `next` is the cursor of the following page."""

    items: list[CorrectionOut]
    next: Annotated[str | None, Meta(description="Send it back as `cursor`.", examples=["WzQyXQ"])] = None
