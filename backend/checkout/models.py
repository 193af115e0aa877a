"""Sales with their lines and redemptions, returns, reservations, use counters, statements.

Amounts in kopecks, bonuses in minor units of the programme's currency.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
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


class Sale(Base):
    """A sale, under the till's own id. `answer` is the first response."""

    __tablename__ = "sales"
    __table_args__ = (
        UniqueConstraint("till_id", "key"),
        CheckConstraint("discount BETWEEN 0 AND amount", name="discount"),
        CheckConstraint("returned_amount BETWEEN 0 AND amount", name="returned"),
        Index("ix_sales_shop_id_id", "shop_id", "id"),
        # A fiscal receipt confirms one sale of its shop. Another shop may send the same numbers: nothing proves them.
        Index("uq_sales_shop_id_fn_fd", "shop_id", "fn", "fd", unique=True, postgresql_where="fn IS NOT NULL"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    till_id: Mapped[int] = mapped_column(ForeignKey("tills.id"))
    key: Mapped[str] = mapped_column(String(64))
    digest: Mapped[bytes]
    shop_id: Mapped[int]
    cashier_id: Mapped[int | None]
    at: Mapped[datetime] = mapped_column(server_default=func.now())
    # When an offline till made the sale; null for others.
    taken_at: Mapped[datetime | None]
    amount: Mapped[int]
    discount: Mapped[int]
    returned_amount: Mapped[int] = mapped_column(server_default="0")
    answer: Mapped[dict[str, Any]] = mapped_column(JSONB)
    fn: Mapped[str | None] = mapped_column(String(16))
    fd: Mapped[str | None] = mapped_column(String(10))
    fp: Mapped[str | None] = mapped_column(String(10))
    confirmed_at: Mapped[datetime | None]


class SaleLine(Base):
    """A line of a sale, and how much of it was returned, at most what was sold.

    There is no foreign key to the sale, nor from redemptions and shares to their parents: checkout_sell_v2 writes all
    of them in one transaction, nothing ever deletes them, the ledger audit adds them up, and the checks of the keys
    were an eighth of a sale's cost.
    """

    __tablename__ = "sale_lines"
    __table_args__ = (
        CheckConstraint("discount BETWEEN 0 AND amount", name="discount"),
        CheckConstraint("returned_amount BETWEEN 0 AND amount", name="returned_amount"),
        CheckConstraint("returned_quantity BETWEEN 0 AND quantity", name="returned_quantity"),
    )

    sale_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    line: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    product_id: Mapped[int | None]
    quantity: Mapped[Decimal] = mapped_column(Numeric(15, 3))
    amount: Mapped[int]
    discount: Mapped[int]
    returned_quantity: Mapped[Decimal] = mapped_column(Numeric(15, 3), server_default="0")
    returned_amount: Mapped[int] = mapped_column(server_default="0")


class Redemption(Base):
    """A promo code used in a sale: its discount, its agent's bonus, and how much of both was returned."""

    __tablename__ = "redemptions"
    __table_args__ = (
        UniqueConstraint("sale_id", "code_id"),
        CheckConstraint("returned_discount BETWEEN 0 AND discount", name="returned_discount"),
        CheckConstraint("returned_bonus BETWEEN 0 AND bonus", name="returned_bonus"),
        CheckConstraint("returned_base BETWEEN 0 AND base", name="returned_base"),
        Index("ix_redemptions_account_id_id", "account_id", "id", postgresql_where="account_id IS NOT NULL"),
        Index("ix_redemptions_code_id_id", "code_id", "id"),
        Index("ix_redemptions_brand_id_id", "brand_id", "id"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    sale_id: Mapped[int]
    code_id: Mapped[int]
    run: Mapped[int] = mapped_column(SmallInteger)
    brand_id: Mapped[int] = mapped_column(ForeignKey("brands.id"))
    shop_id: Mapped[int]
    campaign_id: Mapped[int]
    version_id: Mapped[int]
    account_id: Mapped[int | None]
    at: Mapped[datetime] = mapped_column(server_default=func.now())
    # What the buyer paid for the lines that count.
    base: Mapped[int]
    discount: Mapped[int]
    bonus: Mapped[int]
    # Why the agent got no bonus, or less: day_cap, own_code, taken_offline, ...
    reason: Mapped[str | None] = mapped_column(String(24))
    returned_base: Mapped[int] = mapped_column(server_default="0")
    returned_discount: Mapped[int] = mapped_column(server_default="0")
    returned_bonus: Mapped[int] = mapped_column(server_default="0")
    # The part of the returned bonus that had expired and was not clawed back.
    returned_expired: Mapped[int] = mapped_column(server_default="0")
    # Whether the campaign had a budget at the sale; a return refunds it.
    budgeted: Mapped[bool] = mapped_column(server_default="false")
    # The uses of the code and of limits, which a full return gives back.
    uses: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    use_given_back: Mapped[bool] = mapped_column(server_default="false")


class Share(Base):
    """The part of a redemption's discount on one line that counts for it, and what was paid for that line."""

    __tablename__ = "shares"

    redemption_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    line: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    base: Mapped[int]
    discount: Mapped[int]


class SaleReturn(Base):
    """A return of sold lines, under the till's own id."""

    __tablename__ = "sale_returns"
    __table_args__ = (UniqueConstraint("sale_id", "key"),)

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    sale_id: Mapped[int] = mapped_column(ForeignKey("sales.id"))
    key: Mapped[str] = mapped_column(String(64))
    digest: Mapped[bytes]
    at: Mapped[datetime] = mapped_column(server_default=func.now())
    answer: Mapped[dict[str, Any]] = mapped_column(JSONB)


class Reversal(Base):
    """What a return took back of one redemption. It is the cause of the clawback."""

    __tablename__ = "reversals"
    __table_args__ = (UniqueConstraint("return_id", "redemption_id"),)

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    return_id: Mapped[int] = mapped_column(ForeignKey("sale_returns.id"))
    redemption_id: Mapped[int] = mapped_column(ForeignKey("redemptions.id"))
    base: Mapped[int]
    discount: Mapped[int]
    bonus: Mapped[int]
    # The part of the bonus that had expired and was not clawed back.
    expired: Mapped[int] = mapped_column(server_default="0")


class Reservation(Base):
    """Uses of codes that are held for a basket until a time. A sale consumes them, or they expire."""

    __tablename__ = "reservations"
    __table_args__ = (
        UniqueConstraint("till_id", "key"),
        CheckConstraint("state IN ('open', 'sold', 'ended')", name="state"),
        Index("ix_reservations_expires_at", "expires_at", postgresql_where="state = 'open'"),
        Index("ix_reservations_till_id", "till_id", postgresql_where="state = 'open'"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    till_id: Mapped[int] = mapped_column(ForeignKey("tills.id"))
    key: Mapped[str] = mapped_column(String(64))
    digest: Mapped[bytes]
    state: Mapped[str] = mapped_column(String(5), server_default="open")
    expires_at: Mapped[datetime]
    # The reserved uses; a sale or the expiry gives these back.
    uses: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    answer: Mapped[dict[str, Any]] = mapped_column(JSONB)
    # A keyed hash of the caller's network, if a page called.
    visitor: Mapped[str | None] = mapped_column(String(24))


class UseCount(Base):
    """How often a campaign was used by a buyer, for an agent, or in a shop on a day, where a rule limits it."""

    __tablename__ = "use_counts"
    __table_args__ = (Index("ix_use_counts_day", "day"), {"postgresql_with": {"fillfactor": "70"}})

    campaign_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    scope: Mapped[str] = mapped_column(String(6), primary_key=True)  # buyer, agent, shop
    key: Mapped[str] = mapped_column(String(32), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)  # 9999-12-31: for all time
    used: Mapped[int]


class Signal(Base):
    """A finding of a fraud rule on a redemption. In shadow mode it has no effect."""

    __tablename__ = "fraud_signals"
    __table_args__ = (Index("ix_fraud_signals_brand_id_id", "brand_id", "id"),)

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    brand_id: Mapped[int] = mapped_column(ForeignKey("brands.id"))
    redemption_id: Mapped[int] = mapped_column(ForeignKey("redemptions.id"))
    rule: Mapped[str] = mapped_column(String(24))
    version: Mapped[int] = mapped_column(SmallInteger)
    shadow: Mapped[bool]
    inputs: Mapped[dict[str, Any]] = mapped_column(JSONB)
    at: Mapped[datetime] = mapped_column(server_default=func.now())


class Statement(Base):
    """What a brand owes a shop for a closed period: all payables of the period that no earlier statement contains
    (see checkout_statement_dues).
    """

    __tablename__ = "statements"
    __table_args__ = (UniqueConstraint("shop_id", "brand_id", "number"),)

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    brand_id: Mapped[int] = mapped_column(ForeignKey("brands.id"))
    shop_id: Mapped[int] = mapped_column(ForeignKey("shops.id"))
    number: Mapped[int]
    after_due: Mapped[int]  # `upto_due` of the statement before
    upto_due: Mapped[int]
    # The period's last day, if it has one; its end in the shop's time zone; the last payable up to which all are
    # settled.
    through: Mapped[date | None]
    until: Mapped[datetime | None]
    settled_due: Mapped[int | None]
    sales: Mapped[int]
    discounts: Mapped[int]
    returned: Mapped[int]
    certificates: Mapped[int] = mapped_column(server_default="0")
    certificates_returned: Mapped[int] = mapped_column(server_default="0")
    total: Mapped[int]
    closed_at: Mapped[datetime] = mapped_column(server_default=func.now())
    staff_id: Mapped[int | None]
