"""Rows of orders as queries for their agents return them."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple, Protocol, Self
from uuid import UUID

from backend.spending.models import OrderState
from backend.spending.reward_kinds import TaxNature


class PendingState(Protocol):
    """The columns that decide whether an order waits only for staff."""

    @property
    def state(self) -> OrderState: ...
    @property
    def for_person(self) -> bool: ...
    @property
    def unknown(self) -> bool: ...
    @property
    def due_at(self) -> datetime | None: ...
    @property
    def delivery(self) -> str | None: ...


class OrderRow(NamedTuple):
    """An order with its reward's name, and the data of its yearly limit."""

    id: int
    key: UUID
    state: OrderState
    reason: str | None
    offer_id: int
    nominal: int
    price: int
    placed_at: datetime
    done_at: datetime | None
    secret: bytes | None
    valid_until: date | None
    delivery: str | None
    place: str | None
    reference: str
    defers_days: int | None
    supplier_name: str | None
    account_id: int
    for_person: bool
    due_at: datetime | None
    unknown: bool
    decide_by: datetime | None
    note: str | None
    name_ru: str
    name_en: str | None
    currency: str
    tax: TaxNature
    own_rung: int
    year_used: int | None

    @classmethod
    def of(cls, row: Sequence[object]) -> Self:
        """The columns of a row by their names."""
        return cls(*(getattr(row, name) for name in cls._fields))


class PlacedOrder(NamedTuple):
    """An order after its placing. `is_held`: its code is not revealed, because the account is in a hold."""

    order: OrderRow
    is_held: bool
