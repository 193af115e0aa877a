"""Request and response models of webhooks."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from msgspec import Meta, field

from backend.core.http.models import RequestModel, ResponseModel
from backend.notifications.webhooks.event_kinds import Kind
from backend.notifications.webhooks.models import Delivery, DeliveryProblem, DeliveryState, Endpoint

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
        description="The secret that signs messages. Shown only once.",
        examples=["whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oDZOcAtr6fmgE="],
    ),
]
Kinds = Annotated[list[Kind], Meta(description="Empty: all.", max_length=50, examples=[["promo.redeemed"]])]
Next = Annotated[str | None, Meta(description="Send it back as `cursor`.", examples=["WzQyXQ"])]


class WebhookIn(RequestModel):
    """A webhook to create or change."""

    url: Url
    kinds: Kinds = field(default_factory=list)
    disabled: Annotated[
        bool, Meta(description="Nothing is sent, and events that happen meanwhile are never delivered.")
    ] = False


class WebhookOut(ResponseModel):
    """A webhook of the brand."""

    key: Annotated[str, Meta(examples=["erp"])]
    url: Url
    kinds: Annotated[list[str], Meta(description="Empty: all.", examples=[["promo.redeemed"]])]
    created_at: Moment
    disabled_at: Annotated[Moment | None, Meta(description="By you, or because it responded with 410.")] = None
    secret: Secret | None = None

    @classmethod
    def of(cls, row: Endpoint, secret: str | None = None) -> Self:
        return cls(row.key, row.url, row.kinds, row.created_at, row.disabled_at, secret)


class WebhookPage(ResponseModel):
    """A brand's webhooks by key."""

    items: list[WebhookOut]
    next: Next = None


class WebhookSecretIn(RequestModel):
    """The replacement of a secret."""

    old_hours: Annotated[
        int,
        Meta(
            description="How long the previous secret signs as well. 0 if it has leaked: then no older secret signs.",
            ge=0,
            le=SECRET_HOURS,
            examples=[24],
        ),
    ] = SECRET_HOURS


class WebhookSecretOut(ResponseModel):
    """A new secret."""

    secret: Secret


class WebhookDeliveryOut(ResponseModel):
    """The delivery of an event to a webhook."""

    id: Annotated[int, Meta(examples=[17])]
    type: Annotated[str, Meta(description="The kind of event.", examples=["promo.redeemed"])]
    webhook_id: Annotated[UUID, Meta(description="The header `webhook-id`, the same for all attempts.")]
    state: Annotated[DeliveryState, Meta(description="`failed`: there are no more retries.", examples=["done"])]
    attempts: Annotated[int, Meta(examples=[1])]
    created_at: Moment
    due_at: Annotated[Moment | None, Meta(description="The time of the next attempt.")] = None
    done_at: Moment | None = None
    status: Annotated[int | None, Meta(description="The status of the last response.", examples=[200])] = None
    problem: Annotated[
        DeliveryProblem,
        Meta(
            description="The problem of the last attempt: no response in time, no connection, an address that is "
            "not public, a redirect, a status other than 2xx, 410, a secret that cannot be decrypted.",
            examples=["refused"],
        ),
    ] = ""

    @classmethod
    def of(cls, row: Delivery, kind: str) -> Self:
        return cls(
            id=row.id,
            type=kind,
            webhook_id=row.message,
            state=row.state,
            attempts=row.attempts,
            created_at=row.created_at,
            due_at=row.next_attempt_at if row.state == "waiting" else None,
            done_at=row.done_at,
            status=row.status,
            problem=row.problem,
        )


class WebhookDeliveryPage(ResponseModel):
    """Deliveries of a webhook, newest first."""

    items: list[WebhookDeliveryOut]
    next: Next = None
