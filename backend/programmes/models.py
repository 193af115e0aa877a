"""Programmes, products, campaigns with versioned rules, and accruals."""

from datetime import date, datetime
from typing import Literal

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

from backend.programmes.search import search_line_of_row
from payouts.models import Base

Currency = Literal["PTS", "RUB"]
CampaignState = Literal["draft", "active", "paused", "ended"]


class Programme(Base):
    """A brand's loyalty programme. `rules_version` grows with each change that rules depend on."""

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
    """A product of a brand. `price` is the recommended price in kopecks, the base of percentage rules."""

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
    # Names of the maker on receipts beside the brand's own, and wordings that identify the product without a maker.
    maker: Mapped[str] = mapped_column(String(100), server_default="")
    trade_marks: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    exact_aliases: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    warranty_months: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    price: Mapped[int | None]
    search: Mapped[str] = mapped_column(default=search_line_of_row)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())
    archived_at: Mapped[datetime | None]


class Campaign(Base):
    """A campaign with a period. Its name and rule are in its versions; `version` is the current one."""

    __tablename__ = "campaigns"
    __table_args__ = (
        UniqueConstraint("brand_id", "key"),
        Index("ix_campaigns_programme_id", "programme_id"),
        CheckConstraint("state IN ('draft', 'active', 'paused', 'ended')", name="state"),
        CheckConstraint("ends_at IS NULL OR starts_at < ends_at", name="dates"),
        Index("ix_campaigns_next_at", "next_at", postgresql_where="next_at IS NOT NULL"),
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
    # A planned version, and the time from which it is the current one.
    next_version: Mapped[int | None]
    next_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class CampaignVersion(Base):
    """A version of a campaign's rule and name. Immutable; accruals refer to the version that decided them."""

    __tablename__ = "campaign_versions"
    __table_args__ = (UniqueConstraint("campaign_id", "version"),)

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    brand_id: Mapped[int] = mapped_column(ForeignKey("brands.id"))
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id"))
    version: Mapped[int]
    name_ru: Mapped[str] = mapped_column(String(120))
    name_en: Mapped[str] = mapped_column(String(120), server_default="")
    rule: Mapped[dict[str, object]] = mapped_column(JSONB)
    staff_id: Mapped[int | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class BudgetSlice(Base):
    """A sixteenth of a campaign's budget. Sixteen rows, so that transactions do not all wait for one row."""

    __tablename__ = "budget_slices"
    __table_args__ = (
        CheckConstraint("remaining >= 0", name="remaining"),
        {"postgresql_with": {"fillfactor": "50"}},
    )

    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id"), primary_key=True, autoincrement=False)
    slice: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    remaining: Mapped[int]


class DayCap(Base):
    """What counts against an agent's cap in a campaign on a day; on 9999-12-31 against the total cap."""

    __tablename__ = "day_caps"
    __table_args__ = (Index("ix_day_caps_day", "day"),)

    account_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    campaign_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    day: Mapped[date] = mapped_column(primary_key=True)
    used: Mapped[int]


class Accrual(Base):
    """One award: rule version, base, gross amount of the rule and amount after caps.

    The primary key is the cause, so a cause is awarded once.
    """

    __tablename__ = "accruals"
    __table_args__ = (
        CheckConstraint("amount > 0 AND amount <= gross", name="amount"),
        Index("ix_accruals_account_id", "account_id"),
        # For figures of a period: rows are append-only, so blocks are in the order of time. Costs a claim nothing.
        Index("ix_accruals_at", "at", postgresql_using="brin", postgresql_with={"autosummarize": "on"}),
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


class AdditionalAward(Base):
    """An award of a campaign that stacks, for a claim or a receipt line: an accrual of cause 12 under this id."""

    __tablename__ = "additional_awards"
    __table_args__ = (
        # A campaign adds its award to a cause once, even if the claim is repeated.
        UniqueConstraint("cause", "cause_id", "campaign_id"),
        CheckConstraint("cause IN (1, 2, 3, 6)", name="cause"),
        CheckConstraint("returned >= 0", name="returned"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    cause: Mapped[int] = mapped_column(SmallInteger)
    cause_id: Mapped[int]
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id"))
    # Whether the campaign had a budget at that time; a return gives back to it.
    budgeted: Mapped[bool]
    returned: Mapped[int] = mapped_column(server_default="0")


class AdditionalAwardReturn(Base):
    """The part of an additional award that a return clawed back: cause 13 under this id."""

    __tablename__ = "additional_award_returns"
    __table_args__ = (
        UniqueConstraint("award_id", "line_return_id"),
        CheckConstraint("amount > 0", name="amount"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    award_id: Mapped[int] = mapped_column(ForeignKey("additional_awards.id"))
    line_return_id: Mapped[int]
    amount: Mapped[int]
