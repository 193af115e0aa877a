"""Webhooks over the wire."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from msgspec import Meta, field

from backend.webhooks.kinds import Kind
from backend.webhooks.models import Delivery, Endpoint, Problem, State
from backend.wire import In, Out

URL = r"^https?://[\x21-\x7e]+(?!\n)$"
SECRET_HOURS = 24

Moment = Annotated[datetime, Meta(tz=True, examples=["2026-11-22T10:00:00Z"])]
Url = Annotated[
    str,
    Meta(
        description="https, port 443 or above 1023, at a public address.",
        pattern=URL,
        max_length=500,
        examples=["https://erp.teplo.example/scanback"],
    ),
]
Secret = Annotated[
    str,
    Meta(
        description="What messages are signed with. It is shown this once.",
        examples=["whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oDZOcAtr6fmgE="],
    ),
]
Kinds = Annotated[list[Kind], Meta(description="None: all.", max_length=50, examples=[["promo.redeemed"]])]
Next = Annotated[str | None, Meta(description="Send it back as `cursor`.", examples=["WzQyXQ"])]


class WebhookIn(In):
    """A webhook as it should be."""

    url: Url
    kinds: Kinds = field(default_factory=list)
    disabled: Annotated[bool, Meta(description="Nothing is sent, and what happens meanwhile is never told.")] = False


class WebhookOut(Out):
    """Where a brand's events go."""

    key: Annotated[str, Meta(examples=["erp"])]
    url: Url
    kinds: Annotated[list[str], Meta(description="None: all.", examples=[["promo.redeemed"]])]
    created_at: Moment
    disabled_at: Annotated[Moment | None, Meta(description="By you, or because it said 410.")] = None
    secret: Secret | None = None

    @classmethod
    def of(cls, row: Endpoint, secret: str | None = None) -> Self:
        return cls(row.key, row.url, row.kinds, row.created_at, row.disabled_at, secret)


class WebhookPage(Out):
    """A brand's webhooks by key."""

    items: list[WebhookOut]
    next: Next = None


class SecretIn(In):
    """How a secret is replaced."""

    old_hours: Annotated[
        int,
        Meta(
            description="For how long the one before signs beside it; 0 when it has leaked: then no older one does.",
            ge=0,
            le=SECRET_HOURS,
            examples=[24],
        ),
    ] = SECRET_HOURS


class SecretOut(Out):
    """A new secret."""

    secret: Secret


class DeliveryOut(Out):
    """An event on its way to a webhook."""

    id: Annotated[int, Meta(examples=[17])]
    type: Annotated[str, Meta(description="The kind of event.", examples=["promo.redeemed"])]
    webhook_id: Annotated[UUID, Meta(description="The header of the same name, the same for all attempts.")]
    state: Annotated[State, Meta(description="`failed`: it will not be tried again by itself.", examples=["done"])]
    attempts: Annotated[int, Meta(examples=[1])]
    created_at: Moment
    due_at: Annotated[Moment | None, Meta(description="When it is tried again.")] = None
    done_at: Moment | None = None
    status: Annotated[int | None, Meta(description="Of the last answer.", examples=[200])] = None
    problem: Annotated[
        Problem,
        Meta(
            description="What was wrong with the last attempt: no answer in time, no connection, an address that is "
            "not public, a redirect, another status than 2xx, 410, a secret that cannot be deciphered.",
            examples=["refused"],
        ),
    ] = ""

    @classmethod
    def of(cls, row: Delivery, kind: str) -> Self:
        due_at = row.due_at if row.state == "waiting" else None
        return cls(
            row.id, kind, row.message, row.state, row.attempts, row.created_at, due_at, row.done_at, row.status,
            row.problem,
        )  # fmt: skip


class DeliveryPage(Out):
    """Deliveries of a webhook, newest first."""

    items: list[DeliveryOut]
    next: Next = None
