"""Rows of receipts as a brand sees them."""

from datetime import datetime
from typing import NamedTuple, TypedDict
from uuid import UUID

from backend.earning.receipts.models import LineState, ReceiptState


class ReceiptLineRow(TypedDict):
    """A line of the brand, as the query's JSON has it."""

    n: int
    name: str
    quantity: str
    sum: int
    state: LineState
    sku: str | None
    amount: int
    returned: int
    reason: str | None


class ReceiptRow(NamedTuple):
    """A receipt and its lines of the brand."""

    id: int
    key: UUID
    country: str
    identity: str
    fp: int | None
    at: datetime | None
    total: int | None
    operation: int | None
    state: ReceiptState
    reason: str | None
    sent_at: datetime
    decided_at: datetime | None
    card_number: str | None
    shop: str | None
    lines: list[ReceiptLineRow]
