"""Wire format of rewards and orders for agents."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, field

from backend.core.http.models import RequestModel, ResponseModel
from backend.core.language import localized, translate
from backend.spending.order_rows import OrderRow, PendingState
from backend.spending.reasons import DELIVERIES, REASONS
from backend.spending.reward_kinds import RewardKind

Id = Annotated[int, Meta(ge=1, le=2**63 - 1, examples=[17])]
Kopecks = Annotated[int, Meta(ge=1, le=10**12, description="Kopecks.", examples=[100000])]


class RewardOut(ResponseModel):
    """A reward of the catalogue: `nominal` is the face value in kopecks, `price` what the wallet pays."""

    id: Id
    kind: Annotated[RewardKind, Meta(examples=["certificate"])]
    name: Annotated[str, Meta(examples=["Certificate of a tool shop"])]
    programme_id: Annotated[int, Meta(examples=[3])]
    currency: Annotated[str, Meta(examples=["RUB"])]
    least: Kopecks
    most: Kopecks
    step: Annotated[int, Meta(description="Kopecks between face values.", examples=[10000])]
    price: Annotated[int | None, Meta(description="Of the smallest face value, minor units.", examples=[100000])] = None
    about: Annotated[str, Meta(examples=["Valid in all shops of the chain."])] = ""
    partner: Annotated[str, Meta(examples=["Toolmarket"])] = ""
    shelf: Annotated[str, Meta(examples=["tools"])] = ""
    available: Annotated[bool, Meta(description="It is not sold out.", examples=[True])] = False
    affordable: Annotated[
        int | None, Meta(description="The largest face value that the wallet covers now.", examples=[100000])
    ] = None
    rung: Annotated[int, Meta(description="0 anonymous, 1 named, 2 company or self-employed.", examples=[0])] = 0
    places: Annotated[list[str], Meta(description="Where to pick it up.", examples=[[]])] = field(default_factory=list)
    ends_at: Annotated[datetime, Meta(tz=True, examples=["2026-12-31T20:59:59Z"])] | None = None
    extends_months: Annotated[
        int | None,
        Meta(description="Months by which it extends the warranty of a unit: name the unit.", examples=[None, 12]),
    ] = None
    defers_days: Annotated[
        int | None,
        Meta(description="Days by which an invoice may be paid later: name it in `reference`.", examples=[None, 14]),
    ] = None


class RewardPage(ResponseModel):
    """Rewards in the order of their ids."""

    items: list[RewardOut]
    next: Annotated[str | None, Meta(description="Send it back as `cursor`.", examples=["WzE3XQ"])] = None


class OrderIn(RequestModel):
    """An order. Without `nominal` it is for the smallest face value."""

    offer_id: Id
    nominal: Kopecks | None = None
    place: Annotated[str, Meta(max_length=200, description="Where to pick it up.", examples=["Main shop"])] | None = (
        None
    )
    reference: Annotated[str, Meta(max_length=120, description="The invoice that it is for.", examples=[""])] = ""
    unit: Annotated[Id, Meta(description="The unit whose warranty is extended: GET /v1/units.")] | None = None
    price: (
        Annotated[
            int,
            Meta(
                ge=1,
                le=2**63 - 1,
                description="The price that the agent was shown, minor units. If it has changed: `price_conflict`.",
                examples=[100000],
            ),
        ]
        | None
    ) = None


class OrderOut(ResponseModel):
    """An order. `held`: the money is reserved until the order is fulfilled or refused."""

    id: UUID
    status: Annotated[Literal["held", "done", "refused"], Meta(examples=["done"])]
    offer_id: Id
    name: Annotated[str, Meta(examples=["Certificate of a tool shop"])]
    nominal: Kopecks
    price: Annotated[int, Meta(description="Minor units.", examples=[100000])]
    currency: Annotated[str, Meta(examples=["RUB"])]
    placed_at: Annotated[datetime, Meta(tz=True, examples=["2026-11-22T10:00:00Z"])]
    done_at: Annotated[datetime, Meta(tz=True, examples=["2026-11-22T10:00:01Z"])] | None = None
    reason: Annotated[str | None, Meta(description="For machines.", examples=[None, "sold_out"])] = None
    next: Annotated[str | None, Meta(description="What to do, for people.", examples=[None])] = None
    has_code: Annotated[bool, Meta(description="POST .../reveal shows it.", examples=[True])] = False
    code: Annotated[
        str | None, Meta(description="Only in responses that reveal it.", examples=["7KQ2-M9XJ-4T0C-8WNP"])
    ] = None
    url: Annotated[
        str | None,
        Meta(
            description="The page of a gift card; with `/qr.png` or `/qr.svg` appended, its QR code.",
            examples=["https://ex.ru/G/7KQ2-M9XJ-4T0C-8WNP-81CH"],
        ),
    ] = None
    valid_until: Annotated[date | None, Meta(examples=["2027-11-22"])] = None
    delivery: Annotated[str | None, Meta(examples=[None, "ready"])] = None
    place: Annotated[str | None, Meta(examples=[None])] = None
    reference: Annotated[str, Meta(description="The invoice that it is for.", examples=[""])] = ""
    defers_days: Annotated[
        int | None,
        Meta(description="Days by which the invoice may be paid later, once the order is done.", examples=[None, 14]),
    ] = None
    note: Annotated[
        str | None, Meta(description="The note of the brand's staff.", examples=[None, "On 3 December"])
    ] = None
    cancellable: Annotated[bool, Meta(description="DELETE of the order returns the money.", examples=[False])] = False
    decide_by: Annotated[
        datetime | None,
        Meta(description="A pending order without a decision ends then, and the money is returned.", examples=[None]),
    ] = None
    warning: Annotated[str | None, Meta(description="A yearly limit is near or exceeded.", examples=[None])] = None
    year_used: Annotated[int | None, Meta(description="Kopecks, with a warning.", examples=[None, 310000])] = None
    year_limit: Annotated[int | None, Meta(description="Kopecks, with a warning.", examples=[None, 400000])] = None
    number: Annotated[
        int | None,
        Meta(description="The order number for questions to the brand; its console shows it.", examples=[4711]),
    ] = None


class OrderPage(ResponseModel):
    """Orders, newest first."""

    items: list[OrderOut]
    next: Annotated[str | None, Meta(description="Send it back as `cursor`.", examples=["WzE3XQ"])] = None


def order_out(row: OrderRow, code: str | None = None, url: str | None = None) -> OrderOut:
    """An order for its owner."""
    out = OrderOut(
        row.key,
        row.state,
        row.offer_id,
        localized(row),
        row.nominal,
        row.price,
        row.currency,
        row.placed_at,
        done_at=row.done_at,
        has_code=has_code(row),
        code=code,
        url=url,
        valid_until=row.valid_until if has_code(row) or row.state == "held" else None,
        delivery=None if row.state == "refused" else row.delivery,
        place=row.place,
        reference=row.reference,
        defers_days=row.defers_days,
        number=row.id,
        note=row.note or None,
        cancellable=is_cancellable(row),
        decide_by=row.decide_by if is_cancellable(row) else None,
    )
    reason = row.reason or ("being_fulfilled" if row.state == "held" else None)
    if reason is not None:
        out.reason, out.next = reason, _next_step(row, reason)
    return out


def has_code(row: OrderRow) -> bool:
    """Whether an order has a code to show. Until 0.1.0 orders without fulfilment had one by mistake."""
    return row.state == "done" and row.secret is not None and row.supplier_name != "instant"


def is_cancellable(row: PendingState) -> bool:
    """Whether an order waits only for staff: no supplier may have sold it, and goods are not on their way."""
    waits_for_staff = row.state == "held" and row.for_person and not row.unknown and row.due_at is None
    return waits_for_staff and row.delivery in (None, "ordered")


def _next_step(row: OrderRow, reason: str) -> str:
    """The next step as text; for goods on their way, where they are."""
    if reason == "being_fulfilled" and row.delivery in DELIVERIES:
        return translate(DELIVERIES[row.delivery])
    return translate(REASONS[reason])


def orders_out(rows: Iterable[OrderRow]) -> list[OrderOut]:
    """Orders without their codes."""
    return [order_out(row) for row in rows]
