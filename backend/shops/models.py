"""Shops, the brands they serve, their tills and cashiers."""

from datetime import datetime
from typing import Literal

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, String, UniqueConstraint, func
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import Text

from payouts.models import Base

TillKind = Literal["till", "web"]


class Shop(Base):
    """A place where people buy. Other brands refer to it by its public number."""

    __tablename__ = "shops"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    number: Mapped[str] = mapped_column(String(10), unique=True)
    name: Mapped[str] = mapped_column(String(120))
    city: Mapped[str] = mapped_column(String(80), server_default="")
    address: Mapped[str] = mapped_column(String(200), server_default="")
    timezone: Mapped[str] = mapped_column(String(40), server_default="Europe/Moscow")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class BrandShop(Base):
    """The link of a brand with a shop, under the brand's own key.

    The keeper is the brand that manages the shop's tills and cashiers and accepts the links of other brands. Until then
    these are pending, and tills do not accept the brand's codes.

    `owed` is the brand's unpaid debt to the shop in kopecks; it is stored only if `debt_most` limits it.
    """

    __tablename__ = "brand_shops"
    __table_args__ = (
        UniqueConstraint("brand_id", "key"),
        UniqueConstraint("shop_id", "brand_id"),
        # A shop has one keeper.
        Index("uq_brand_shops_keeper", "shop_id", unique=True, postgresql_where="keeper"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    brand_id: Mapped[int] = mapped_column(ForeignKey("brands.id"))
    key: Mapped[str] = mapped_column(String(64))
    shop_id: Mapped[int] = mapped_column(ForeignKey("shops.id"))
    keeper: Mapped[bool] = mapped_column(server_default="false")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    ended_at: Mapped[datetime | None]
    pending: Mapped[bool] = mapped_column(server_default="false")
    accepted_at: Mapped[datetime | None]
    debt_most: Mapped[int | None]
    owed: Mapped[int] = mapped_column(server_default="0")
    # The number of the last paid statement.
    paid_statement: Mapped[int] = mapped_column(server_default="0")


class Cashier(Base):
    """A person at a till, known by a label only, who signs in for a shift with a PIN or without."""

    __tablename__ = "cashiers"
    __table_args__ = (UniqueConstraint("shop_id", "key"),)

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    shop_id: Mapped[int] = mapped_column(ForeignKey("shops.id"))
    key: Mapped[str] = mapped_column(String(64))
    pin_hash: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    disabled_at: Mapped[datetime | None]


class Till(Base):
    """A till or web shop with its own token. The last cashier who signed in is on shift until the shift ends."""

    __tablename__ = "tills"
    __table_args__ = (
        UniqueConstraint("shop_id", "key"),
        CheckConstraint("kind IN ('till', 'web')", name="kind"),
        # For CORS preflight requests, which have an origin and no token.
        Index("ix_tills_origins", "origins", postgresql_using="gin", postgresql_where="kind = 'web'"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    shop_id: Mapped[int] = mapped_column(ForeignKey("shops.id"))
    key: Mapped[str] = mapped_column(String(64))
    kind: Mapped[TillKind] = mapped_column(String(4), server_default="till")
    token_digest: Mapped[bytes] = mapped_column(unique=True)
    # Sells only while a cashier with a PIN is signed in.
    needs_cashier: Mapped[bool] = mapped_column(server_default="false")
    # Origins of a web shop's pages that may call (CORS).
    origins: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    cashier_id: Mapped[int | None] = mapped_column(ForeignKey("cashiers.id"))
    shift_ends_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    disabled_at: Mapped[datetime | None]
