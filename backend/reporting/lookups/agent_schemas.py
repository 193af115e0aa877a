"""Responses about an agent as a brand sees it: only data of the brand's own programmes."""

from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import Meta, field

from backend.core.http.models import ResponseModel
from backend.reporting.lookups.code_schemas import Card, Moment

Currency = Annotated[str, Meta(examples=["RUB"])]
Balance = Annotated[int, Meta(description="Minor units.", examples=[15000])]
EntryKind = Literal["claim", "refused_scan", "redemption", "receipt", "order", "correction", "movement"]


class AgentWalletOut(ResponseModel):
    """The balance of the agent's wallet in one of the brand's programmes."""

    programme: Annotated[str, Meta(examples=["club"])]
    currency: Currency
    available: Balance = 0
    pending: Balance = 0
    held: Balance = 0


class AgentOut(ResponseModel):
    """An agent of the brand's programmes. `frozen`: reviewers decide everything before it is paid."""

    card_number: Card
    since: Annotated[
        datetime | None, Meta(description="The first movement in your programmes.", examples=["2026-11-22T10:00:00Z"])
    ] = None
    frozen: Annotated[bool, Meta(examples=[False])] = False
    rung: Annotated[int, Meta(description="The verification level at your brand.", examples=[0])] = 0
    wallets: list[AgentWalletOut] = field(default_factory=list)


class TimelineEntryOut(ResponseModel):
    """An entry with its reason. Fields without a meaning for its kind are left out."""

    kind: Annotated[EntryKind, Meta(examples=["claim"])]
    at: Moment
    id: Annotated[str, Meta(description="Of the claim, the redemption, the receipt, the order ...", examples=["4711"])]
    state: Annotated[str | None, Meta(examples=["credited"])] = None
    amount: Annotated[
        int | None, Meta(description="What the agent gets, in minor units; below zero: loses.", examples=[15000])
    ] = None
    currency: Currency | None = None
    why: Annotated[str | None, Meta(examples=["Autumn bonus: 6% of RUB2,500.00 is RUB150.00."])] = None
    reason: Annotated[str | None, Meta(description="For machines.", examples=["already_claimed"])] = None
    details: Annotated[
        dict[str, Any],
        Meta(
            description="What else is known: sku, shop, code, campaign, sums in kopecks.",
            examples=[{"sku": "RA16-374"}],
        ),
    ] = field(default_factory=dict)


class TimelinePage(ResponseModel):
    """The agent's history, newest first; `next` is the cursor of the following page."""

    items: list[TimelineEntryOut]
    next: Annotated[str | None, Meta(description="Send it back as `cursor`.", examples=["WzQyXQ"])] = None
