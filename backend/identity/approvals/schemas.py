"""Requests and responses about approvals."""

from datetime import datetime
from typing import Annotated, Literal, NamedTuple, Self
from uuid import UUID

from msgspec import Meta

from backend.core.http.models import LINE, LINE_OR_NOTHING, RequestModel, ResponseModel
from backend.identity.approvals.models import ApprovalKind

State = Literal["waiting", "approved", "declined", "used", "expired"]
# A correction has its own route, which creates its approval.
RequestedKind = Literal["budget", "stock", "order", "four_eyes"]
Key = Annotated[UUID, Meta(examples=["7a1f0a52-93a2-4c2f-9d0c-5f1a7a5f7c11"])]
Subject = Annotated[
    str,
    Meta(
        description="The key of the campaign, offer or (of a correction) programme, or the order's number.",
        min_length=1,
        max_length=80,
        pattern=LINE,
        examples=["autumn"],
    ),
]
Amount = Annotated[
    int,
    Meta(
        description="The maximum: the budget or the order's price in minor units, or the number of codes.",
        ge=0,
        le=10**15,
        examples=[500000000],
    ),
]
Reason = Annotated[str, Meta(min_length=1, max_length=500, pattern=LINE, examples=["The season began early."])]
Moment = Annotated[datetime, Meta(tz=True, examples=["2026-11-22T10:00:00Z"])]
Email = Annotated[str, Meta(examples=["anna@teplo.example"])]


class ApprovalIn(RequestModel):
    """A request of a member of staff for an operation that needs an approval."""

    kind: Annotated[RequestedKind, Meta(examples=["budget"])]
    subject: Subject
    amount: Amount
    reason: Reason


class ApprovalDecisionIn(RequestModel):
    """The second member's decision. The requester may only decline, which withdraws the request."""

    action: Annotated[Literal["approve", "decline"], Meta(examples=["approve"])]
    note: Annotated[str, Meta(max_length=500, pattern=LINE_OR_NOTHING, examples=["As agreed."])] = ""


class ApprovalRow(NamedTuple):
    """An approval with the e-mails of its members; `shown_state` may be `expired`, which is never stored."""

    id: int
    key: UUID
    kind: ApprovalKind
    subject: str
    amount: int
    reason: str
    requested_at: datetime
    expires_at: datetime
    decided_at: datetime | None
    note: str
    used_at: datetime | None
    requester: str
    decider: str | None
    shown_state: State


class ApprovalOut(ResponseModel):
    """A request for an approval and its decision."""

    id: Key
    kind: Annotated[ApprovalKind, Meta(examples=["budget"])]
    subject: Subject
    amount: Amount
    reason: Reason
    state: Annotated[State, Meta(description="`used`: it was done.", examples=["waiting"])]
    requested_by: Email
    requested_at: Moment
    expires_at: Moment
    decided_by: Email | None = None
    decided_at: Moment | None = None
    note: Annotated[str, Meta(examples=["As agreed."])] = ""
    used_at: Moment | None = None

    @classmethod
    def of(cls, row: ApprovalRow) -> Self:
        return cls(
            row.key,
            row.kind,
            row.subject,
            row.amount,
            row.reason,
            row.shown_state,
            row.requester,
            row.requested_at,
            row.expires_at,
            row.decider,
            row.decided_at,
            row.note,
            row.used_at,
        )


class ApprovalPage(ResponseModel):
    """Requests, newest first; `next` is the cursor of the following page."""

    items: list[ApprovalOut]
    next: Annotated[str | None, Meta(description="Send it back as `cursor`.", examples=["WzQyXQ"])] = None
