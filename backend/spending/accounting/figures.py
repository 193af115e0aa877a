"""Rows of the accounting queries, in the order of their columns. Programmes in minor units, shops in kopecks."""

from typing import Literal, NamedTuple


class ProgrammeName(NamedTuple):
    """A programme with its currency."""

    id: int
    key: str
    name: str
    currency: str


class ShopName(NamedTuple):
    """A shop with its public number."""

    id: int
    number: str
    name: str


class Turnover(NamedTuple):
    """Movements of one kind between two places: before a period, and within it."""

    book_id: int
    kind: int
    from_place: int
    to_place: int
    times: int
    amount: int
    before: int


class OutstandingMonth(NamedTuple):
    """Points of lots that expire in a month; without a month they do not expire."""

    book_id: int
    month: str | None
    lots: int
    pending: int
    available: int
    held: int


class SupplierPayable(NamedTuple):
    """Settled orders of a supplier."""

    book_id: int
    supplier: str
    partner: str
    orders: int
    amount: int
    nominal: int
    before: int


class ShopPayable(NamedTuple):
    """A payable to a shop, for discounts or gift cards."""

    creditor_id: int
    what: Literal["discount", "certificate"]
    opening: int
    added: int
    taken: int


class GiftCardTotals(NamedTuple):
    """Gift cards of a brand in kopecks."""

    issued: int
    taken: int
    given: int
    outstanding: int
    lapsed: int
