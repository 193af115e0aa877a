"""Wire format of orders for staff. Face values in kopecks, prices in the programme's minor units."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from msgspec import Meta, field

from backend.core.http.models import LINE, LINE_OR_NOTHING, RequestModel, ResponseModel
from backend.spending.accounting.tax import is_at_limit
from backend.spending.rewards.staff_schemas import FulfilmentName, Id, KindName, Moment

Delivery = Literal["ordered", "packed", "sent", "ready", "delivered"]
Waiting = Literal["person", "unknown", "limit"]
Code = Annotated[
    str,
    Meta(
        min_length=1, max_length=200, pattern=LINE, description="What the agent gets.", examples=["7KQ2-M9XJ-4T0C-8WNP"]
    ),
]
PickUp = Annotated[
    str, Meta(min_length=1, max_length=200, pattern=LINE, description="Where to pick it up.", examples=["Kazan"])
]


class OrderDecisionIn(RequestModel):
    """A decision about a pending order."""

    action: Annotated[
        Literal["done", "turn_down", "allow"],
        Meta(description="`allow` continues the order above a legal limit.", examples=["done"]),
    ]
    note: Annotated[
        str,
        Meta(max_length=500, pattern=LINE_OR_NOTHING, description="The agent sees it.", examples=["Booked on 14 May"]),
    ] = ""
    code: Code | None = None
    valid_until: Annotated[date | None, Meta(description="The code's last day.", examples=["2027-11-22"])] = None


class OrderDeliveryIn(RequestModel):
    """Where goods are."""

    delivery: Annotated[Delivery, Meta(examples=["sent"])]
    place: PickUp | None = None


class OrderStepOut(ResponseModel):
    """An action of staff on an order."""

    action: Annotated[str, Meta(examples=["turn_down"])]
    staff: Annotated[str, Meta(description="The member's email.", examples=["anna@teplo.example"])]
    at: Moment
    note: Annotated[str, Meta(examples=["Out of the catalogue"])] = ""


class SupplierCallOut(ResponseModel):
    """A call to a supplier for an order."""

    supplier: Annotated[str, Meta(examples=["tremendous"])]
    result: Annotated[str, Meta(description="sold, refused, unknown or busy.", examples=["unknown"])]
    at: Moment
    code: Annotated[str, Meta(description="The reason of a failure, for machines.", examples=["timeout"])] = ""


class OrderAdmin(ResponseModel):
    """An agent's order of one of the brand's rewards."""

    id: Id
    card: Annotated[str, Meta(description="The agent's card number.", examples=["1234567890123456"])]
    offer: Annotated[str, Meta(description="The offer's key.", examples=["drill"])]
    name: Annotated[str, Meta(examples=["Дрель"])]
    kind: KindName
    fulfilment: FulfilmentName
    nominal: Annotated[int, Meta(description="Kopecks.", examples=[100000])]
    price: Annotated[int, Meta(description="Minor units.", examples=[100000])]
    currency: Annotated[str, Meta(examples=["RUB"])]
    state: Annotated[Literal["held", "done", "refused"], Meta(examples=["held"])]
    placed_at: Moment
    done_at: Moment | None = None
    waiting: Annotated[
        Waiting | None,
        Meta(description="For fulfilment by staff, because it is unknown whether it was sold, or at a legal limit."),
    ] = None
    reason: Annotated[str | None, Meta(description="For machines.", examples=[None, "year_limit"])] = None
    reference: Annotated[str, Meta(description="The invoice that it is for.", examples=["INV-17"])] = ""
    defers_days: Annotated[
        int | None, Meta(description="Days by which it is paid later; nothing is deducted.", examples=[None, 14])
    ] = None
    delivery: Annotated[str | None, Meta(examples=[None, "sent"])] = None
    place: Annotated[str | None, Meta(examples=[None])] = None
    supplier: Annotated[str | None, Meta(description="What fulfilled it.", examples=[None])] = None
    supplier_reference: Annotated[str | None, Meta(examples=[None])] = None
    valid_until: Annotated[date | None, Meta(examples=[None])] = None
    extends_months: Annotated[int | None, Meta(description="Of a unit's warranty.", examples=[None, 12])] = None
    unit_sku: Annotated[
        str | None, Meta(description="The SKU of the unit whose warranty is extended.", examples=[None, "KB-24"])
    ] = None
    unit_registered_at: Moment | None = None
    key: Annotated[
        UUID | None, Meta(description="The agent's own id.", examples=["0193f3a1-8c5e-7b42-9d16-4f7a2c8e5b03"])
    ] = None
    steps: Annotated[list[OrderStepOut], Meta(description="Of a single order: actions of staff.")] = field(
        default_factory=list
    )
    tries: Annotated[list[SupplierCallOut], Meta(description="Of a single order: calls to suppliers.")] = field(
        default_factory=list
    )

    @classmethod
    def of(cls, row: Any, steps: Sequence[OrderStepOut] = (), tries: Sequence[SupplierCallOut] = ()) -> Self:
        return cls(
            row.id,
            row.card or "",
            row.offer,
            row.name_ru,
            row.kind,
            row.fulfilment,
            row.nominal,
            row.price,
            row.currency,
            row.state,
            row.placed_at,
            done_at=row.done_at,
            waiting=_waiting(row),
            reason=row.reason,
            reference=row.reference,
            defers_days=row.defers_days,
            delivery=row.delivery,
            place=row.place,
            supplier=row.supplier_name,
            supplier_reference=row.supplier_reference,
            valid_until=row.valid_until,
            extends_months=row.extends_months,
            unit_sku=row.unit_sku,
            unit_registered_at=row.unit_at,
            key=row.key,
            steps=list(steps),
            tries=list(tries),
        )


def _waiting(row: Any) -> Waiting | None:
    if row.state != "held" or not row.for_person:
        return None
    if is_at_limit(row.state, row.reason):
        return "limit"
    return "unknown" if row.fulfilment == "supplier" else "person"


class OrderAdminPage(ResponseModel):
    """Orders: pending ones oldest first, all others newest first."""

    items: list[OrderAdmin]
    next: Annotated[str | None, Meta(description="Send it back as `cursor`.", examples=["WzE3XQ"])] = None
