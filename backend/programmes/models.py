"""Programmes, products, campaigns with versioned rules, and what was accrued under them."""

from datetime import date, datetime
from typing import Any, Literal

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    SmallInteger,
    String,
    UniqueConstraint,
    func,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import Text

from backend.programmes import searching
from payouts.models import Base

Currency = Literal["PTS", "RUB"]
CampaignState = Literal["draft", "active", "paused", "ended"]


class Programme(Base):
    """A brand's loyalty programme: a currency, a day boundary, and a number that grows with each change of rules."""

    __tablename__ = "programmes"
    __table_args__ = (
        UniqueConstraint("brand_id", "key"),
        UniqueConstraint("brand_id", "name"),
        CheckConstraint("currency IN ('PTS', 'RUB')", name="currency"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    brand_id: Mapped[int] = mapped_column(ForeignKey("brands.id"))
    key: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(120))
    currency: Mapped[Currency] = mapped_column(String(3))
    timezone: Mapped[str] = mapped_column(String(40), server_default="Europe/Moscow")
    rules_version: Mapped[int] = mapped_column(server_default="1")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Product(Base):
    """Something the brand makes. `price` is the recommended price in kopecks, the base of per-cent rules."""

    __tablename__ = "products"
    __table_args__ = (
        UniqueConstraint("brand_id", "sku"),
        UniqueConstraint("brand_id", "gtin"),
        CheckConstraint("price IS NULL OR price >= 0", name="price"),
        CheckConstraint("warranty_months BETWEEN 0 AND 1200", name="warranty_months"),
        Index("ix_products_gtin", "gtin"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    brand_id: Mapped[int] = mapped_column(ForeignKey("brands.id"))
    sku: Mapped[str] = mapped_column(String(64))
    gtin: Mapped[str | None] = mapped_column(String(14))
    name_ru: Mapped[str] = mapped_column(String(200))
    name_en: Mapped[str] = mapped_column(String(200), server_default="")
    aliases: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    articles: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    warranty_months: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    price: Mapped[int | None]
    search: Mapped[str] = mapped_column(default=searching.line_of_row)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())
    archived_at: Mapped[datetime | None]


class Campaign(Base):
    """An offer for a time. Its name and rule are the newest version's; older ones stay for what they awarded."""

    __tablename__ = "campaigns"
    __table_args__ = (
        UniqueConstraint("brand_id", "key"),
        Index("ix_campaigns_programme_id", "programme_id"),
        CheckConstraint("state IN ('draft', 'active', 'paused', 'ended')", name="state"),
        CheckConstraint("ends_at IS NULL OR starts_at < ends_at", name="dates"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    brand_id: Mapped[int] = mapped_column(ForeignKey("brands.id"))
    programme_id: Mapped[int] = mapped_column(ForeignKey("programmes.id"))
    key: Mapped[str] = mapped_column(String(64))
    state: Mapped[CampaignState] = mapped_column(String(6))
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(server_default="1")
    budget: Mapped[int | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class CampaignVersion(Base):
    """A rule and its name as they stood: written once, referred to by every accrual it decided."""

    __tablename__ = "campaign_versions"
    __table_args__ = (UniqueConstraint("campaign_id", "version"),)

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    brand_id: Mapped[int] = mapped_column(ForeignKey("brands.id"))
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id"))
    version: Mapped[int]
    name_ru: Mapped[str] = mapped_column(String(120))
    name_en: Mapped[str] = mapped_column(String(120), server_default="")
    rule: Mapped[dict[str, Any]] = mapped_column(JSONB)
    staff_id: Mapped[int | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class BudgetSlice(Base):
    """A sixteenth of a campaign's budget: sixteen rows, so that no row is everybody's."""

    __tablename__ = "budget_slices"
    __table_args__ = (
        CheckConstraint("remaining >= 0", name="remaining"),
        {"postgresql_with": {"fillfactor": "50"}},
    )

    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id"), primary_key=True, autoincrement=False)
    slice: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    remaining: Mapped[int]


class DayCap(Base):
    """What an agent got from a campaign on a day, for campaigns that cap it."""

    __tablename__ = "day_caps"
    __table_args__ = (Index("ix_day_caps_day", "day"),)

    account_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    campaign_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    day: Mapped[date] = mapped_column(primary_key=True)
    used: Mapped[int]


class Accrual(Base):
    """One award and its explanation: rule version, base, what the rule gave and what the caps left.

    The primary key is the claim itself, so that a cause is paid once in the world.
    """

    __tablename__ = "accruals"
    __table_args__ = (
        CheckConstraint("amount > 0 AND amount <= gross", name="amount"),
        Index("ix_accruals_account_id", "account_id"),
    )

    cause: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    cause_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    account_id: Mapped[int]
    programme_id: Mapped[int]
    version_id: Mapped[int]
    product_id: Mapped[int | None]
    base: Mapped[int]
    gross: Mapped[int]
    amount: Mapped[int]
    at: Mapped[datetime] = mapped_column(server_default=func.now())
    matures_on: Mapped[date]
    expires_on: Mapped[date]
