"""Rewards, orders, codes in stock, gift cards, yearly sums and verification levels."""

from datetime import date, datetime
from typing import Any, Literal, get_args
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, SmallInteger, String, UniqueConstraint, func
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import Text

from backend.spending.reward_kinds import Fulfilment, RewardKind, TaxNature
from payouts.models import Base

OrderState = Literal["held", "done", "refused"]


class Reward(Base):
    """A reward of the catalogue. `price` is in the programme's minor units; without it the price is the face value at
    the programme's rate of the day.
    """

    __tablename__ = "offers"
    __table_args__ = (
        UniqueConstraint("brand_id", "key"),
        CheckConstraint(f"kind IN {get_args(RewardKind)}", name="kind"),
        CheckConstraint(f"fulfilment IN {get_args(Fulfilment)}", name="fulfilment"),
        CheckConstraint("least > 0 AND least <= most AND step > 0", name="nominal"),
        CheckConstraint("stock >= 0", name="stock"),
        CheckConstraint("extends_months BETWEEN 1 AND 240", name="extends_months"),
        CheckConstraint("defers_days BETWEEN 1 AND 366", name="defers_days"),
        Index("ix_offers_programme_id_id", "programme_id", "id"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    brand_id: Mapped[int] = mapped_column(ForeignKey("brands.id"))
    programme_id: Mapped[int] = mapped_column(ForeignKey("programmes.id"))
    key: Mapped[str] = mapped_column(String(64))
    kind: Mapped[RewardKind] = mapped_column(String(11))
    fulfilment: Mapped[Fulfilment] = mapped_column(String(8))
    # Suppliers by name in the order in which they are tried, with their product codes.
    suppliers: Mapped[list[Any]] = mapped_column(JSONB, server_default="[]")
    name_ru: Mapped[str] = mapped_column(String(120))
    name_en: Mapped[str] = mapped_column(String(120), server_default="")
    about_ru: Mapped[str] = mapped_column(String(2000), server_default="")
    about_en: Mapped[str] = mapped_column(String(2000), server_default="")
    shelf: Mapped[str] = mapped_column(String(40), server_default="")
    partner: Mapped[str] = mapped_column(String(120), server_default="")
    # The range of the face value in kopecks; a single one if both are equal.
    least: Mapped[int]
    most: Mapped[int]
    step: Mapped[int] = mapped_column(server_default="1")
    price: Mapped[int | None]
    # Units left, for rewards that staff hand over; None: unlimited.
    stock: Mapped[int | None]
    # The required verification level: 0 anonymous, 1 named, 2 company or self-employed.
    rung: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    tax: Mapped[TaxNature] = mapped_column(String(12))
    places: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    valid_days: Mapped[int | None]
    # Months by which a service extends the warranty of one of the agent's units.
    extends_months: Mapped[int | None] = mapped_column(SmallInteger)
    # Days by which an invoice may be paid later; such a reward deducts nothing from it.
    defers_days: Mapped[int | None] = mapped_column(SmallInteger)
    starts_at: Mapped[datetime] = mapped_column(server_default=func.now())
    ends_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    archived_at: Mapped[datetime | None]


class Rate(Base):
    """The price of a rouble in a programme from a day on, in its minor units."""

    __tablename__ = "programme_rates"
    __table_args__ = (CheckConstraint("per_rouble > 0", name="per_rouble"),)

    programme_id: Mapped[int] = mapped_column(ForeignKey("programmes.id"), primary_key=True, autoincrement=False)
    start: Mapped[date] = mapped_column(primary_key=True)
    per_rouble: Mapped[int]
    source: Mapped[str] = mapped_column(String(200))


class Order(Base):
    """An order of a reward. The row is also the outbox: the worker leases due orders."""

    __tablename__ = "orders"
    __table_args__ = (
        UniqueConstraint("account_id", "key"),
        CheckConstraint("state IN ('held', 'done', 'refused')", name="state"),
        CheckConstraint("price > 0 AND nominal > 0", name="sums"),
        Index("ix_orders_account_id_id", "account_id", "id"),
        Index("ix_orders_brand_id_id", "brand_id", "id"),
        Index("ix_orders_due_at", "due_at", postgresql_where="due_at IS NOT NULL"),
        Index("ix_orders_waiting", "brand_id", "id", postgresql_where="for_person"),
        Index("ix_orders_unit", "unit_cause", "unit_cause_id", postgresql_where="unit_cause IS NOT NULL"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    key: Mapped[UUID]
    digest: Mapped[bytes]
    brand_id: Mapped[int] = mapped_column(ForeignKey("brands.id"))
    programme_id: Mapped[int] = mapped_column(ForeignKey("programmes.id"))
    offer_id: Mapped[int] = mapped_column(ForeignKey("offers.id"))
    nominal: Mapped[int]
    price: Mapped[int]
    state: Mapped[OrderState] = mapped_column(String(7))
    reason: Mapped[str | None] = mapped_column(String(24))
    reference: Mapped[str] = mapped_column(String(120), server_default="")
    placed_at: Mapped[datetime] = mapped_column(server_default=func.now())
    done_at: Mapped[datetime | None]
    # For the worker: the time of the next attempt, the supplier, whether it may have sold already.
    due_at: Mapped[datetime | None]
    tries: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    supplier: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    unknown: Mapped[bool] = mapped_column(server_default="false")
    # Staff have to act: it is not known whether it was sold, or staff fulfil it anyway.
    for_person: Mapped[bool] = mapped_column(server_default="false")
    # Staff decide until then; after it the order ends and the money is released.
    decide_by: Mapped[datetime | None]
    reminded_at: Mapped[datetime | None]
    delivery: Mapped[str | None] = mapped_column(String(9))
    place: Mapped[str | None] = mapped_column(String(200))
    # The agent's code, encrypted with a key outside the database.
    secret: Mapped[bytes | None]
    supplier_name: Mapped[str | None] = mapped_column(String(40))
    supplier_reference: Mapped[str | None] = mapped_column(String(120))
    valid_until: Mapped[date | None]
    # The claim of the unit whose warranty is extended, and by how many months, as offered.
    unit_cause: Mapped[int | None] = mapped_column(SmallInteger)
    unit_cause_id: Mapped[int | None]
    extends_months: Mapped[int | None] = mapped_column(SmallInteger)
    # Days by which the invoice in `reference` may be paid later, as offered.
    defers_days: Mapped[int | None] = mapped_column(SmallInteger)


class OrderAttempt(Base):
    """A call to a supplier for an order, and its result."""

    __tablename__ = "order_tries"
    __table_args__ = (Index("ix_order_tries_order_id", "order_id"),)

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"))
    supplier: Mapped[str] = mapped_column(String(40))
    result: Mapped[str] = mapped_column(String(12))
    code: Mapped[str] = mapped_column(String(60))
    http: Mapped[int | None] = mapped_column(SmallInteger)
    milliseconds: Mapped[int]
    at: Mapped[datetime] = mapped_column(server_default=func.now())


class StockCode(Base):
    """The code of a partner certificate bought in advance: encrypted, with a keyed hash to detect duplicates."""

    __tablename__ = "stock_codes"
    __table_args__ = (
        UniqueConstraint("brand_id", "digest"),
        Index("ix_stock_codes_free", "offer_id", "nominal", "id", postgresql_where="order_id IS NULL"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    brand_id: Mapped[int] = mapped_column(ForeignKey("brands.id"))
    offer_id: Mapped[int] = mapped_column(ForeignKey("offers.id"))
    nominal: Mapped[int]
    digest: Mapped[bytes]
    sealed: Mapped[bytes]
    valid_until: Mapped[date | None]
    order_id: Mapped[int | None] = mapped_column(ForeignKey("orders.id"), unique=True)
    imported_at: Mapped[datetime] = mapped_column(server_default=func.now())


class StockLevel(Base):
    """Below how many free codes of a face value the event `stock.low` is recorded; `told_at`: when it was."""

    __tablename__ = "stock_levels"

    offer_id: Mapped[int] = mapped_column(ForeignKey("offers.id"), primary_key=True, autoincrement=False)
    nominal: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    brand_id: Mapped[int] = mapped_column(ForeignKey("brands.id"))
    least: Mapped[int]
    told_at: Mapped[datetime | None]


class OrderStep(Base):
    """An action of staff on an order: `done`, `turn_down`, `allow`, or a step of its delivery."""

    __tablename__ = "order_steps"
    __table_args__ = (Index("ix_order_steps_order_id_id", "order_id", "id"),)

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    brand_id: Mapped[int] = mapped_column(ForeignKey("brands.id"))
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"))
    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    action: Mapped[str] = mapped_column(String(9))
    note: Mapped[str] = mapped_column(String(500), server_default="")
    # Whether the agent sees the note; until 0.1.0 notes were internal.
    is_shown: Mapped[bool] = mapped_column(server_default="false")
    # Keyed hash of a decision: it identifies a retry and does not reveal the code.
    digest: Mapped[bytes | None]
    at: Mapped[datetime] = mapped_column(server_default=func.now())


class GiftCard(Base):
    """A gift card: a balance that tills redeem in parts and return to."""

    __tablename__ = "certificates"
    __table_args__ = (
        CheckConstraint("balance BETWEEN 0 AND nominal", name="balance"),
        Index("ix_certificates_brand_id_id", "brand_id", "id"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    brand_id: Mapped[int] = mapped_column(ForeignKey("brands.id"))
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), unique=True)
    digest: Mapped[bytes] = mapped_column(unique=True)
    # A discount is used once and cannot be returned; a gift card is money.
    single: Mapped[bool]
    nominal: Mapped[int]
    balance: Mapped[int]
    valid_until: Mapped[date | None]
    closed_at: Mapped[datetime | None]


class GiftCardUse(Base):
    """A part that a till redeemed (kind 1), or returned of such a part (kind 2), under the till's own id."""

    __tablename__ = "certificate_uses"
    __table_args__ = (
        UniqueConstraint("till_id", "kind", "key"),
        CheckConstraint("kind IN (1, 2)", name="kind"),
        CheckConstraint("amount > 0", name="amount"),
        CheckConstraint("returned BETWEEN 0 AND amount", name="returned"),
        Index("ix_certificate_uses_certificate_id", "certificate_id"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    certificate_id: Mapped[int] = mapped_column(ForeignKey("certificates.id"))
    brand_id: Mapped[int] = mapped_column(ForeignKey("brands.id"))
    till_id: Mapped[int] = mapped_column(ForeignKey("tills.id"))
    shop_id: Mapped[int] = mapped_column(ForeignKey("shops.id"))
    cashier_id: Mapped[int | None]
    kind: Mapped[int] = mapped_column(SmallInteger)
    key: Mapped[str] = mapped_column(String(64))
    digest: Mapped[bytes]
    use_id: Mapped[int | None] = mapped_column(ForeignKey("certificate_uses.id"))
    amount: Mapped[int]
    returned: Mapped[int] = mapped_column(server_default="0")
    balance_after: Mapped[int]
    at: Mapped[datetime] = mapped_column(server_default=func.now())


class YearlySum(Base):
    """The sum that an agent received from a payer in a calendar year under one tax nature, in kopecks."""

    __tablename__ = "yearly_sums"

    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), primary_key=True, autoincrement=False)
    brand_id: Mapped[int] = mapped_column(ForeignKey("brands.id"), primary_key=True, autoincrement=False)
    year: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    tax: Mapped[str] = mapped_column(String(12), primary_key=True)
    amount: Mapped[int]


class Reveal(Base):
    """A display of the code of an order to its owner."""

    __tablename__ = "reveals"
    __table_args__ = (Index("ix_reveals_order_id", "order_id"),)

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"))
    device_id: Mapped[int]
    at: Mapped[datetime] = mapped_column(server_default=func.now())


class VerificationRequest(Base):
    """The verification level that an account requested. Of a tax number only a keyed hash is stored."""

    __tablename__ = "identities"
    __table_args__ = (
        CheckConstraint("rung BETWEEN 0 AND 2", name="rung"),
        CheckConstraint("kind IN ('person', 'self_employed', 'company')", name="kind"),
        Index("ix_identities_inn_digest", "inn_digest", postgresql_where="inn_digest IS NOT NULL"),
    )

    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), primary_key=True, autoincrement=False)
    rung: Mapped[int] = mapped_column(SmallInteger)
    kind: Mapped[str] = mapped_column(String(13))
    inn_digest: Mapped[bytes | None]
    asked_at: Mapped[datetime] = mapped_column(server_default=func.now())


class VerificationLevel(Base):
    """The verification level that a brand confirmed for an account; it applies to this brand only."""

    __tablename__ = "rungs"
    __table_args__ = (
        CheckConstraint("rung BETWEEN 0 AND 2", name="rung"),
        Index("ix_rungs_inn_digest", "brand_id", "inn_digest", postgresql_where="inn_digest IS NOT NULL"),
    )

    brand_id: Mapped[int] = mapped_column(ForeignKey("brands.id"), primary_key=True, autoincrement=False)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), primary_key=True, autoincrement=False)
    rung: Mapped[int] = mapped_column(SmallInteger)
    note: Mapped[str] = mapped_column(String(200), server_default="")
    # Of the confirmed tax number: later requests of the account do not change it.
    inn_digest: Mapped[bytes | None]
    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    at: Mapped[datetime] = mapped_column(server_default=func.now())
