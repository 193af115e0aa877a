"""What a brand's accounts say over the wire. Amounts are minor units of the programme's currency unless said."""

from datetime import date
from typing import Annotated, Literal, get_args

from msgspec import Meta, field

from backend.offers.accounting import Accounts, Books
from backend.wire import Out
from payouts.models import Kind, Place

KindName = Literal["earned", "matured", "held", "settled", "released", "expired", "clawed_back", "written_off"]
PlaceName = Literal["funding", "pending", "available", "held", "breakage", "payable", "loss"]
KIND_NAMES: dict[Kind, KindName] = dict(zip(Kind, get_args(KindName), strict=True))
PLACE_NAMES: dict[Place, PlaceName] = dict(zip(Place, get_args(PlaceName), strict=True))
Amount = Annotated[int, Meta(examples=[125000])]
Times = Annotated[int, Meta(ge=0, examples=[12])]


class TurnoverOut(Out):
    """What moved in the period. `expired` is the period's breakage."""

    kind: Annotated[KindName, Meta(examples=["earned"])]
    times: Times
    amount: Amount


class PlaceOut(Out):
    """Where value stood: `closing` is `opening` and `came` less `went`."""

    place: Annotated[PlaceName, Meta(examples=["available"])]
    opening: Amount
    came: Amount
    went: Amount
    closing: Amount


class OutstandingOut(Out):
    """What is owed to agents at the end, by the month in which it expires; no month: it never does."""

    lots: Times
    pending: Amount
    available: Amount
    held: Amount
    month: Annotated[str | None, Meta(examples=["2027-11"])] = None


class PayableOut(Out):
    """What was settled for orders, by who fulfilled them; `nominal` in kopecks."""

    supplier: Annotated[str, Meta(examples=["stock"])]
    partner: Annotated[str, Meta(examples=["Toolmarket"])]
    orders: Times
    amount: Amount
    nominal: Annotated[int, Meta(description="Kopecks.", examples=[125000])]
    opening: Amount
    closing: Amount


class ProgrammeAccounts(Out):
    """A programme's figures."""

    programme_id: Annotated[int, Meta(examples=[3])]
    key: Annotated[str, Meta(examples=["club"])]
    name: Annotated[str, Meta(examples=["Club"])]
    currency: Annotated[str, Meta(examples=["RUB"])]
    movements: list[TurnoverOut]
    places: list[PlaceOut]
    outstanding: list[OutstandingOut]
    debts: Annotated[int, Meta(description="Owed by agents who had more taken back than they had.", examples=[0])]
    payables: list[PayableOut]


class DueOut(Out):
    """What is owed to a shop, in kopecks, for discounts it gave or certificates it took."""

    shop: Annotated[str, Meta(examples=["0000000017"])]
    name: Annotated[str, Meta(examples=["Main shop"])]
    what: Annotated[Literal["discount", "certificate"], Meta(examples=["discount"])]
    opening: Amount
    added: Amount
    taken: Amount
    closing: Amount


class CertificatesOut(Out):
    """The brand's own certificates, in kopecks: sold for points in the period, taken at tills and given back there, and
    what could still be taken at the end; `lapsed` is what of it is past its day."""

    issued: Amount
    taken: Amount
    given: Amount
    outstanding: Amount
    lapsed: Amount


class AccountingOut(Out):
    """A brand's accounts. Days are those of Moscow, both included."""

    first: Annotated[date, Meta(examples=["2026-11-01"])] = field(name="from")
    last: Annotated[date, Meta(examples=["2026-11-30"])] = field(name="to")
    programmes: list[ProgrammeAccounts]
    dues: list[DueOut]
    certificates: CertificatesOut


def accounting_out(found: Accounts) -> AccountingOut:
    """Accounts as they go over the wire."""
    kept = found.certificates
    return AccountingOut(
        found.period.first,
        found.period.last,
        [_programme(books) for books in found.books],
        [
            DueOut(shop.number, shop.name, row.what, row.opening, row.added, row.taken,
                   row.opening + row.added - row.taken)
            for shop, row in found.dues
        ],
        CertificatesOut(kept.issued, kept.taken, kept.given, kept.outstanding, kept.lapsed),
    )  # fmt: skip


def _programme(books: Books) -> ProgrammeAccounts:
    one = books.programme
    return ProgrammeAccounts(
        one.id, one.key, one.name, one.currency,
        [TurnoverOut(KIND_NAMES[kind], *row) for kind, row in books.kinds.items()],
        [PlaceOut(PLACE_NAMES[place], row.opening, row.came, row.went, row.closing)
         for place, row in books.places.items()],
        [OutstandingOut(row.lots, row.pending, row.available, row.held, row.month) for row in books.outstanding],
        books.debts,
        [PayableOut(row.supplier, row.partner, row.orders, row.amount, row.nominal, row.before,
                    row.before + row.amount) for row in books.payables],
    )  # fmt: skip
