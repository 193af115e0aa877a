"""Models of receipts: submissions, documents of providers, claims, lines, returns and reviews."""

from datetime import datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import (
    TIMESTAMP,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    Numeric,
    SmallInteger,
    String,
    UniqueConstraint,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from payouts.models import Base

ReceiptState = Literal["pending", "review", "credited", "refused"]
LineState = Literal["paid", "review", "refused"]
NaiveTimestamp = TIMESTAMP(timezone=False)  # a till's wall time, never converted


class Receipt(Base):
    """A receipt that an agent sent. Until it is verified, other agents may send the same receipt."""

    __tablename__ = "receipts"
    __table_args__ = (
        UniqueConstraint("account_id", "key"),
        UniqueConstraint("account_id", "country", "identity", "fp", postgresql_nulls_not_distinct=True),
        CheckConstraint("state IN ('pending', 'review', 'credited', 'refused')", name="state"),
        Index("ix_receipts_account_id_id", "account_id", "id"),
        Index("ix_receipts_due_at", "due_at", postgresql_where="due_at IS NOT NULL"),
        Index("ix_receipts_country_identity", "country", "identity"),
        Index("ix_receipts_photos", "decided_at", postgresql_where="photo IS NOT NULL"),
        Index("ix_receipts_review", "id", postgresql_where="state = 'review'"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    key: Mapped[UUID]
    country: Mapped[str] = mapped_column(String(2))
    identity: Mapped[str] = mapped_column(String(200))
    fp: Mapped[int | None]
    canonical: Mapped[str] = mapped_column(String(2000))
    at: Mapped[datetime | None] = mapped_column(NaiveTimestamp)
    total: Mapped[int | None]
    operation: Mapped[int | None] = mapped_column(SmallInteger)
    state: Mapped[ReceiptState] = mapped_column(String(8), server_default="pending")
    reason: Mapped[str | None] = mapped_column(String(24))
    sent_at: Mapped[datetime] = mapped_column(server_default=func.now())
    # When an offline phone scanned it: this time decides the campaign, the arrival decides the limits.
    scanned_at: Mapped[datetime | None]
    decide_by: Mapped[datetime]
    decided_at: Mapped[datetime | None]
    # For the worker: the time of the next query, the number of retries, the position in the list of providers.
    due_at: Mapped[datetime | None]
    tries: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    provider: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    photo: Mapped[str | None]
    answer: Mapped[str | None] = mapped_column(String(2000))
    answered_at: Mapped[datetime | None]


class ReceiptDocument(Base):
    """A provider's document of a receipt, stored once for all who send it, without personal data."""

    __tablename__ = "receipt_documents"

    country: Mapped[str] = mapped_column(String(2), primary_key=True)
    identity: Mapped[str] = mapped_column(String(200), primary_key=True)
    provider: Mapped[str] = mapped_column(String(40))
    document: Mapped[dict[str, Any]] = mapped_column(JSONB)
    raw: Mapped[Any] = mapped_column(JSONB)
    found_at: Mapped[datetime] = mapped_column(server_default=func.now())


class ReceiptClaim(Base):
    """The claim of a verified receipt by an account; the primary key makes it unique in the world."""

    __tablename__ = "receipt_claims"
    __table_args__ = (
        Index("ix_receipt_claims_account_id_bought_at", "account_id", "bought_at"),
        Index("ix_receipt_claims_till_bought_at", "till", "bought_at"),
        Index("ix_receipt_claims_seller_inn_bought_at", "seller_inn", "bought_at"),
    )

    country: Mapped[str] = mapped_column(String(2), primary_key=True)
    identity: Mapped[str] = mapped_column(String(200), primary_key=True)
    receipt_id: Mapped[int] = mapped_column(ForeignKey("receipts.id"), unique=True)
    account_id: Mapped[int]
    # For the fraud rules about shops and tills (ledger.md, 6).
    seller_inn: Mapped[str | None] = mapped_column(String(12))
    till: Mapped[str] = mapped_column(String(40))
    region: Mapped[str | None] = mapped_column(String(2))
    bought_at: Mapped[datetime] = mapped_column(NaiveTimestamp)
    number: Mapped[int]
    quick: Mapped[bool]  # sent within two minutes of the sale
    claimed_at: Mapped[datetime] = mapped_column(server_default=func.now())


class ReceiptLine(Base):
    """A line of a verified receipt that is or may be a brand's goods; other lines are only in the document."""

    __tablename__ = "receipt_lines"
    __table_args__ = (
        UniqueConstraint("receipt_id", "brand_id", "n"),
        CheckConstraint("state IN ('paid', 'review', 'refused')", name="state"),
        CheckConstraint("returned_quantity <= quantity", name="returned_quantity"),
        CheckConstraint("returned <= amount", name="returned"),
        Index("ix_receipt_lines_brand_id_state_id", "brand_id", "state", "id"),
        Index("ix_receipt_lines_unit", "cause_id", postgresql_where="cause = 3"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    receipt_id: Mapped[int] = mapped_column(ForeignKey("receipts.id"))
    brand_id: Mapped[int] = mapped_column(ForeignKey("brands.id"))
    n: Mapped[int]
    name: Mapped[str] = mapped_column(String(200))
    quantity: Mapped[Decimal] = mapped_column(Numeric(14, 3))
    sum: Mapped[int]
    gtin: Mapped[str | None] = mapped_column(String(14))
    serial: Mapped[str | None] = mapped_column(String(40))
    product_id: Mapped[int | None] = mapped_column(ForeignKey("products.id"))
    how: Mapped[str] = mapped_column(String(8))
    score: Mapped[float]
    candidates: Mapped[list[Any]] = mapped_column(JSONB, server_default="[]")
    state: Mapped[LineState] = mapped_column(String(7))
    reason: Mapped[str | None] = mapped_column(String(24))
    cause: Mapped[int | None] = mapped_column(SmallInteger)
    cause_id: Mapped[int | None]
    amount: Mapped[int] = mapped_column(server_default="0")
    # Whether the campaign had a budget when it paid; a return refunds it.
    budgeted: Mapped[bool] = mapped_column(server_default="false")
    returned_quantity: Mapped[Decimal] = mapped_column(Numeric(14, 3), server_default="0")
    returned: Mapped[int] = mapped_column(server_default="0")
    staff_id: Mapped[int | None]


class ReceiptLineReturn(Base):
    """A clawback of a line: by a line of a return receipt (`n`), or by a reviewer's decision."""

    __tablename__ = "receipt_line_returns"
    __table_args__ = (UniqueConstraint("country", "identity", "n", "line_id"),)

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    line_id: Mapped[int] = mapped_column(ForeignKey("receipt_lines.id"))
    country: Mapped[str | None] = mapped_column(String(2))
    identity: Mapped[str | None] = mapped_column(String(200))
    n: Mapped[int | None]
    quantity: Mapped[Decimal] = mapped_column(Numeric(14, 3))
    amount: Mapped[int]
    at: Mapped[datetime] = mapped_column(server_default=func.now())


class ProviderAttempt(Base):
    """A query to a provider and its result; the document is stored only if the receipt was found."""

    __tablename__ = "receipt_tries"
    __table_args__ = (Index("ix_receipt_tries_receipt_id", "receipt_id"),)

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    receipt_id: Mapped[int] = mapped_column(ForeignKey("receipts.id"))
    provider: Mapped[str] = mapped_column(String(40))
    shape: Mapped[str] = mapped_column(String(20))
    result: Mapped[str] = mapped_column(String(12))
    code: Mapped[str] = mapped_column(String(40))
    http: Mapped[int | None] = mapped_column(SmallInteger)
    milliseconds: Mapped[int]
    at: Mapped[datetime] = mapped_column(server_default=func.now())


ALL_SHOPS = "*"


class LineAlias(Base):
    """A reviewer's decision about a shop's wording: a product of the brand, or none.

    `seller_inn` is empty where a receipt names no shop, and EVERYWHERE for all shops without a decision of their own.
    """

    __tablename__ = "line_aliases"

    brand_id: Mapped[int] = mapped_column(ForeignKey("brands.id"), primary_key=True, autoincrement=False)
    seller_inn: Mapped[str] = mapped_column(String(12), primary_key=True)
    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    product_id: Mapped[int | None] = mapped_column(ForeignKey("products.id"))
    staff_id: Mapped[int | None]
    at: Mapped[datetime] = mapped_column(server_default=func.now())


class ReceiptSeller(Base):
    """A shop that a brand pays for or excludes, by tax number. Once one is allowed, shops without a row are not."""

    __tablename__ = "receipt_sellers"

    brand_id: Mapped[int] = mapped_column(ForeignKey("brands.id"), primary_key=True, autoincrement=False)
    inn: Mapped[str] = mapped_column(String(12), primary_key=True)
    allowed: Mapped[bool]
    note: Mapped[str] = mapped_column(String(200), server_default="")


class Review(Base):
    """An item of a brand's review queue about an agent: at most one open item for each agent."""

    __tablename__ = "reviews"
    __table_args__ = (
        Index("uq_reviews_open", "brand_id", "account_id", unique=True, postgresql_where="decided_at IS NULL"),
        Index("ix_reviews_brand_id_id", "brand_id", "id"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    brand_id: Mapped[int] = mapped_column(ForeignKey("brands.id"))
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    points: Mapped[int] = mapped_column(server_default="0")
    opened_at: Mapped[datetime] = mapped_column(server_default=func.now())
    decide_by: Mapped[datetime]
    decided_at: Mapped[datetime | None]
    decision: Mapped[str | None] = mapped_column(String(10))
    note: Mapped[str] = mapped_column(String(1000), server_default="")
    staff_id: Mapped[int | None]


class ReceiptSignal(Base):
    """A finding of a fraud rule about a receipt, for each brand concerned. In shadow it changes nothing."""

    __tablename__ = "receipt_signals"
    __table_args__ = (
        UniqueConstraint("receipt_id", "brand_id", "rule"),
        Index("ix_receipt_signals_brand_id_id", "brand_id", "id"),
        Index("ix_receipt_signals_review_id", "review_id"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    brand_id: Mapped[int] = mapped_column(ForeignKey("brands.id"))
    receipt_id: Mapped[int] = mapped_column(ForeignKey("receipts.id"))
    review_id: Mapped[int | None] = mapped_column(ForeignKey("reviews.id"))
    rule: Mapped[str] = mapped_column(String(24))
    version: Mapped[int] = mapped_column(SmallInteger)
    shadow: Mapped[bool]
    points: Mapped[int] = mapped_column(SmallInteger)
    inputs: Mapped[dict[str, Any]] = mapped_column(JSONB)
    at: Mapped[datetime] = mapped_column(server_default=func.now())


class Freeze(Base):
    """An agent whose lines a brand reviews before it pays."""

    __tablename__ = "freezes"

    brand_id: Mapped[int] = mapped_column(ForeignKey("brands.id"), primary_key=True, autoincrement=False)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), primary_key=True, autoincrement=False)
    staff_id: Mapped[int | None]
    at: Mapped[datetime] = mapped_column(server_default=func.now())


class ReviewStep(Base):
    """An action of staff on an item: a freeze, a proposal that a second person has to confirm, or the decision."""

    __tablename__ = "review_steps"
    __table_args__ = (
        Index("ix_review_steps_review_id_id", "review_id", "id"),
        Index("uq_review_steps_final", "review_id", unique=True, postgresql_where="final"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    brand_id: Mapped[int] = mapped_column(ForeignKey("brands.id"))
    review_id: Mapped[int] = mapped_column(ForeignKey("reviews.id"))
    staff_id: Mapped[int]
    action: Mapped[str] = mapped_column(String(10))
    rule: Mapped[str | None] = mapped_column(String(24))  # the rule that was wrong; null: all rules with a finding
    note: Mapped[str] = mapped_column(String(1000), server_default="")
    amount: Mapped[int] = mapped_column(server_default="0")  # what it would pay, by the rules at that time
    final: Mapped[bool]
    at: Mapped[datetime] = mapped_column(server_default=func.now())


class ReceiptPass(Base):
    """A brand's decision that none of the goods on an unread receipt are its own."""

    __tablename__ = "receipt_passes"

    brand_id: Mapped[int] = mapped_column(ForeignKey("brands.id"), primary_key=True, autoincrement=False)
    receipt_id: Mapped[int] = mapped_column(ForeignKey("receipts.id"), primary_key=True, autoincrement=False)
    staff_id: Mapped[int]
    at: Mapped[datetime] = mapped_column(server_default=func.now())
