"""What the shop window and orders say over the wire."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from msgspec import Meta, field

from backend.language import language, say
from backend.offers.reasons import REASONS
from backend.wire import In, Out

KindOf = Literal["certificate", "goods", "service", "discount", "charity", "marketing", "invoice"]
Id = Annotated[int, Meta(ge=1, le=2**63 - 1, examples=[17])]
Kopecks = Annotated[int, Meta(ge=1, le=10**12, description="Kopecks.", examples=[100000])]


class OfferOut(Out):
    """Something to spend on. The nominal is what it is worth in kopecks, the price what the wallet pays."""

    id: Id
    kind: Annotated[KindOf, Meta(examples=["certificate"])]
    name: Annotated[str, Meta(examples=["Certificate of a tool shop"])]
    programme_id: Annotated[int, Meta(examples=[3])]
    currency: Annotated[str, Meta(examples=["RUB"])]
    least: Kopecks
    most: Kopecks
    step: Annotated[int, Meta(description="Kopecks between nominals.", examples=[10000])]
    price: Annotated[int | None, Meta(description="Of the least nominal, minor units.", examples=[100000])] = None
    about: Annotated[str, Meta(examples=["Valid in all shops of the chain."])] = ""
    partner: Annotated[str, Meta(examples=["Toolmarket"])] = ""
    shelf: Annotated[str, Meta(examples=["tools"])] = ""
    available: Annotated[bool, Meta(description="It is not sold out.", examples=[True])] = False
    affordable: Annotated[
        int | None, Meta(description="The largest nominal that the wallet pays for now.", examples=[100000])
    ] = None
    rung: Annotated[int, Meta(description="0 anybody, 1 who is named, 2 company or self-employed.", examples=[0])] = 0
    places: Annotated[list[str], Meta(description="Where to pick it up.", examples=[[]])] = field(default_factory=list)
    ends_at: Annotated[datetime, Meta(tz=True, examples=["2026-12-31T20:59:59Z"])] | None = None
    extends_months: Annotated[
        int | None, Meta(description="How much longer it makes the warranty of a unit: name it.", examples=[None, 12])
    ] = None
    defers_days: Annotated[
        int | None,
        Meta(description="How many days later an invoice may be paid: name it in `reference`.", examples=[None, 14]),
    ] = None


class OfferPage(Out):
    """Offers in the order of their numbers."""

    items: list[OfferOut]
    next: Annotated[str | None, Meta(description="Send it back as `cursor`.", examples=["WzE3XQ"])] = None


class OrderIn(In):
    """What to spend on. Without a nominal the offer's least is meant."""

    offer_id: Id
    nominal: Kopecks | None = None
    place: Annotated[str, Meta(max_length=200, description="Where to pick it up.", examples=["Main shop"])] | None = (
        None
    )
    reference: Annotated[str, Meta(max_length=120, description="The invoice that it is for.", examples=[""])] = ""
    unit: Annotated[Id, Meta(description="Whose warranty is made longer: GET /v1/units.")] | None = None


class OrderOut(Out):
    """An order. `held`: the money waits until it is fulfilled or comes back."""

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
    code: Annotated[str | None, Meta(description="Only where it was asked for.", examples=["7KQ2-M9XJ-4T0C-8WNP"])] = (
        None
    )
    valid_until: Annotated[date | None, Meta(examples=["2027-11-22"])] = None
    delivery: Annotated[str | None, Meta(examples=[None, "ready"])] = None
    place: Annotated[str | None, Meta(examples=[None])] = None
    reference: Annotated[str, Meta(description="The invoice that it is for.", examples=[""])] = ""
    defers_days: Annotated[
        int | None,
        Meta(description="How many days later the invoice may be paid, once it is done.", examples=[None, 14]),
    ] = None
    warning: Annotated[str | None, Meta(description="A limit of the year is near or passed.", examples=[None])] = None
    year_used: Annotated[int | None, Meta(description="Kopecks, with a warning.", examples=[None, 310000])] = None
    year_limit: Annotated[int | None, Meta(description="Kopecks, with a warning.", examples=[None, 400000])] = None


class OrderPage(Out):
    """Orders, newest first."""

    items: list[OrderOut]
    next: Annotated[str | None, Meta(description="Send it back as `cursor`.", examples=["WzE3XQ"])] = None


def named(row: Any, field: str = "name") -> str:
    """An offer's text in the caller's language; the Russian one where there is no English."""
    russian, english = getattr(row, f"{field}_ru"), getattr(row, f"{field}_en")
    return str(russian if language.get() == "ru" else english or russian)


def order_out(row: Any, code: str | None = None) -> OrderOut:
    """An order as its owner sees it."""
    out = OrderOut(
        row.key, row.state, row.offer_id, named(row), row.nominal, row.price, row.currency, row.placed_at,
        done_at=row.done_at, has_code=row.state == "done" and row.secret is not None, code=code,
        valid_until=row.valid_until, delivery=row.delivery, place=row.place, reference=row.reference,
        defers_days=row.defers_days,
    )  # fmt: skip
    reason = row.reason or ("being_fulfilled" if row.state == "held" else None)
    if reason is not None:
        out.reason, out.next = reason, say(REASONS[reason])
    return out


def orders_out(rows: Iterable[Any]) -> list[OrderOut]:
    """Orders without their codes."""
    return [order_out(row) for row in rows]
