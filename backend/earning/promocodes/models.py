"""Promo codes, their runs, and the views of their pages."""

from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, SmallInteger, String, UniqueConstraint, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from payouts.models import Base

IssueState = Literal["waiting", "working", "done", "failed"]


class PromoCode(Base):
    """A word that a buyer shows at the till.

    `code` is the folded spelling, by which the code is found; `shown` is the spelling that the agent chose.
    `used` counts sales and open reservations.

    An agent's code has the agent's account and an id that the phone chose; a code that the brand issued has neither.
    Brand, campaign and issue have no foreign keys: checking three of them for each row takes most of the time when a
    million codes are issued. They are read in the transaction that writes the code, and none is ever deleted.
    """

    __tablename__ = "promo_codes"
    __table_args__ = (
        UniqueConstraint("account_id", "key"),
        CheckConstraint("used >= 0", name="used"),
        CheckConstraint("(account_id IS NULL) = (key IS NULL)", name="owner"),
        Index("ix_promo_codes_issue_id", "issue_id", "id", postgresql_where="issue_id IS NOT NULL"),
        {"postgresql_with": {"fillfactor": "90"}},
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    code: Mapped[str] = mapped_column(String(24), unique=True)
    shown: Mapped[str | None] = mapped_column(String(24))  # none: as `code`
    brand_id: Mapped[int]
    campaign_id: Mapped[int]
    account_id: Mapped[int | None] = mapped_column(ForeignKey("accounts.id"))
    key: Mapped[UUID | None]
    digest: Mapped[bytes | None]  # of the request that made it
    issue_id: Mapped[int | None]
    used: Mapped[int] = mapped_column(server_default="0")
    # The agent's name on cards, if any.
    nickname: Mapped[str | None] = mapped_column(String(40))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    closed_at: Mapped[datetime | None]
    # Since when the code has its word, if a closed code had it before (words/ownership.py).
    word_since: Mapped[datetime | None]


class PromoRun(Base):
    """A way of sharing a code (a fridge magnet, a chat) with its own link and counters. Run 0 is the code without a
    run."""

    __tablename__ = "promo_runs"
    __table_args__ = (
        CheckConstraint("came >= 0 AND sum >= 0", name="counters"),
        {"postgresql_with": {"fillfactor": "70"}},
    )

    code_id: Mapped[int] = mapped_column(ForeignKey("promo_codes.id"), primary_key=True, autoincrement=False)
    n: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(60), server_default="")
    came: Mapped[int] = mapped_column(server_default="0")  # sales
    sum: Mapped[int] = mapped_column(server_default="0")  # kopecks that buyers paid, less returns


class PromoBonus(Base):
    """Bonuses of a run that mature on one day, and what returns took back of them, in minor units of the currency.

    The pending amount is a sum over a few days, however many sales there were.
    """

    __tablename__ = "promo_bonuses"
    __table_args__ = (
        CheckConstraint("returned BETWEEN 0 AND bonus", name="returned"),
        {"postgresql_with": {"fillfactor": "70"}},
    )

    code_id: Mapped[int] = mapped_column(ForeignKey("promo_codes.id"), primary_key=True, autoincrement=False)
    n: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    matures_on: Mapped[date] = mapped_column(primary_key=True)
    bonus: Mapped[int]
    returned: Mapped[int] = mapped_column(server_default="0")


class PromoView(Base):
    """Views of a run's page on one day, without previews and robots."""

    __tablename__ = "promo_views"

    code_id: Mapped[int] = mapped_column(ForeignKey("promo_codes.id"), primary_key=True, autoincrement=False)
    n: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    day: Mapped[date] = mapped_column(primary_key=True)
    views: Mapped[int]


class PromoIssue(Base):
    """A bulk issue of codes by a brand. Its job continues where it stopped."""

    __tablename__ = "promo_issues"
    __table_args__ = (
        UniqueConstraint("brand_id", "key"),
        CheckConstraint("done BETWEEN 0 AND count", name="done"),
        CheckConstraint("state IN ('waiting', 'working', 'done', 'failed')", name="state"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    key: Mapped[UUID]
    brand_id: Mapped[int] = mapped_column(ForeignKey("brands.id"))
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id"))
    count: Mapped[int]
    done: Mapped[int] = mapped_column(server_default="0")
    # Length and prefix of the codes (random_codes.Design).
    design: Mapped[dict[str, Any]] = mapped_column(JSONB)
    state: Mapped[IssueState] = mapped_column(String(7), server_default="waiting")
    problem: Mapped[str] = mapped_column(server_default="")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    done_at: Mapped[datetime | None]


class BrandCard(Base):
    """Colours and logo of a brand's cards and pages, and the dated advertising labels that the law requires."""

    __tablename__ = "brand_cards"

    brand_id: Mapped[int] = mapped_column(ForeignKey("brands.id"), primary_key=True, autoincrement=False)
    background: Mapped[str] = mapped_column(String(7))
    ink: Mapped[str] = mapped_column(String(7))
    accent: Mapped[str] = mapped_column(String(7))
    labels: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default="[]")
    logo: Mapped[bytes | None] = mapped_column(deferred=True)  # a PNG


class PromoCard(Base):
    """The file name of a stored card, and the day of its last request."""

    __tablename__ = "promo_cards"
    __table_args__ = (Index("ix_promo_cards_used_at", "used_at"),)

    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    used_at: Mapped[datetime] = mapped_column(server_default=func.now())
