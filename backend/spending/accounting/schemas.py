"""Wire format of a brand's accounts. Amounts are in minor units of the programme's currency unless stated."""

from datetime import date
from typing import Annotated, Literal, get_args

from msgspec import Meta, field

from backend.core.http.models import ResponseModel
from backend.spending.accounting.service import BrandAccounts, ProgrammeBooks
from payouts.models import MovementKind, Place

KindName = Literal[
    "earned", "matured", "held", "settled", "released", "expired", "clawed_back", "written_off", "corrected"
]
PlaceName = Literal["funding", "pending", "available", "held", "breakage", "payable", "loss"]
KIND_NAMES: dict[MovementKind, KindName] = dict(zip(MovementKind, get_args(KindName), strict=True))
PLACE_NAMES: dict[Place, PlaceName] = dict(zip(Place, get_args(PlaceName), strict=True))
Amount = Annotated[int, Meta(examples=[125000])]
Times = Annotated[int, Meta(ge=0, examples=[12])]


class LedgerTurnoverOut(ResponseModel):
    """Movements of a kind in the period. `expired` is the period's breakage."""

    kind: Annotated[KindName, Meta(examples=["earned"])]
    times: Times
    amount: Amount


class LedgerBalanceOut(ResponseModel):
    """The balance of a place: `closing` is `opening` plus `came` less `went`."""

    place: Annotated[PlaceName, Meta(examples=["available"])]
    opening: Amount
    came: Amount
    went: Amount
    closing: Amount


class LiabilityOut(ResponseModel):
    """The liability to agents at the end, by month of expiry; without a month it never expires."""

    lots: Times
    pending: Amount
    available: Amount
    held: Amount
    month: Annotated[str | None, Meta(examples=["2027-11"])] = None


class SupplierPayableOut(ResponseModel):
    """Settled orders by supplier; `nominal` in kopecks."""

    supplier: Annotated[str, Meta(examples=["stock"])]
    partner: Annotated[str, Meta(examples=["Toolmarket"])]
    orders: Times
    amount: Amount
    nominal: Annotated[int, Meta(description="Kopecks.", examples=[125000])]
    opening: Amount
    closing: Amount


class ProgrammeAccountingOut(ResponseModel):
    """A programme's figures."""

    programme_id: Annotated[int, Meta(examples=[3])]
    key: Annotated[str, Meta(examples=["club"])]
    name: Annotated[str, Meta(examples=["Club"])]
    currency: Annotated[str, Meta(examples=["RUB"])]
    movements: list[LedgerTurnoverOut]
    places: list[LedgerBalanceOut]
    outstanding: list[LiabilityOut]
    debts: Annotated[
        int, Meta(description="Debts of agents from whom more was clawed back than they had.", examples=[0])
    ]
    payables: list[SupplierPayableOut]


class ShopPayableOut(ResponseModel):
    """The payable to a shop in kopecks, for discounts or for redeemed gift cards."""

    shop: Annotated[str, Meta(examples=["0000000017"])]
    name: Annotated[str, Meta(examples=["Main shop"])]
    what: Annotated[Literal["discount", "certificate"], Meta(examples=["discount"])]
    opening: Amount
    added: Amount
    taken: Amount
    closing: Amount


class GiftCardTotals(ResponseModel):
    """Gift cards in kopecks: issued, redeemed (`taken`) and returned (`given`) in the period, and the outstanding
    balance at the end; `lapsed` is the expired part of it.
    """

    issued: Amount
    taken: Amount
    given: Amount
    outstanding: Amount
    lapsed: Amount


class AccountingOut(ResponseModel):
    """A brand's accounts. Days are those of Moscow, both included."""

    first: Annotated[date, Meta(examples=["2026-11-01"])] = field(name="from")
    last: Annotated[date, Meta(examples=["2026-11-30"])] = field(name="to")
    programmes: list[ProgrammeAccountingOut]
    dues: list[ShopPayableOut]
    certificates: GiftCardTotals


def accounting_out(brand_accounts: BrandAccounts) -> AccountingOut:
    """Accounts in their wire format."""
    cards = brand_accounts.gift_cards
    return AccountingOut(
        brand_accounts.period.first,
        brand_accounts.period.last,
        [_programme_accounts(books) for books in brand_accounts.books],
        [
            ShopPayableOut(
                shop.number, shop.name, row.what, row.opening, row.added, row.taken, row.opening + row.added - row.taken
            )
            for shop, row in brand_accounts.shop_payables
        ],
        GiftCardTotals(cards.issued, cards.taken, cards.given, cards.outstanding, cards.lapsed),
    )


def _programme_accounts(books: ProgrammeBooks) -> ProgrammeAccountingOut:
    programme = books.programme
    return ProgrammeAccountingOut(
        programme.id,
        programme.key,
        programme.name,
        programme.currency,
        [LedgerTurnoverOut(KIND_NAMES[kind], *row) for kind, row in books.kinds.items()],
        [
            LedgerBalanceOut(PLACE_NAMES[place], row.opening, row.came, row.went, row.closing)
            for place, row in books.places.items()
        ],
        [LiabilityOut(row.lots, row.pending, row.available, row.held, row.month) for row in books.outstanding],
        books.debts,
        [
            SupplierPayableOut(
                row.supplier, row.partner, row.orders, row.amount, row.nominal, row.before, row.before + row.amount
            )
            for row in books.payables
        ],
    )
