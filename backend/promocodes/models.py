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
    """A word that a buyer shows at the till. `code` is its folded spelling, by which it is known; `shown` is how its
    maker wrote it. `used` counts sales and open reservations.

    An agent's code has his account and the id that his phone gave it; one issued by the brand has neither.
    Brand, campaign and issue have no foreign keys: three look-ups a row would take longer than all else when a
    million are issued. They are read in the transaction that writes the code, and none is ever deleted.
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
    # What the agent wants to stand on his cards instead of nothing.
    nickname: Mapped[str | None] = mapped_column(String(40))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    closed_at: Mapped[datetime | None]


class PromoRun(Base):
    """One way of sharing a code (a fridge magnet, a chat), with a link and counters of its own; run 0 is the bare
    code."""

    __tablename__ = "promo_runs"
    __table_args__ = (
        CheckConstraint("came >= 0 AND sum >= 0", name="counters"),
        {"postgresql_with": {"fillfactor": "70"}},
    )

    code_id: Mapped[int] = mapped_column(ForeignKey("promo_codes.id"), primary_key=True, autoincrement=False)
    n: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(60), server_default="")
    came: Mapped[int] = mapped_column(server_default="0")  # sales
    sum: Mapped[int] = mapped_column(server_default="0")  # kopecks that buyers paid in them, less what was returned


class PromoBonus(Base):
    """What a run's sales earned that matures on a day, in minor units of the programme's currency, and how much of it
    was taken back: what is pending is a sum over a few days, however many sales there were."""

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
    """How often a run's page was opened on a day; previews and robots are not counted."""

    __tablename__ = "promo_views"

    code_id: Mapped[int] = mapped_column(ForeignKey("promo_codes.id"), primary_key=True, autoincrement=False)
    n: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    day: Mapped[date] = mapped_column(primary_key=True)
    views: Mapped[int]


class PromoIssue(Base):
    """Codes issued by the brand in bulk: a job that goes on where it was."""

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
    # Length and prefix, as they were ordered.
    design: Mapped[dict[str, Any]] = mapped_column(JSONB)
    state: Mapped[IssueState] = mapped_column(String(7), server_default="waiting")
    problem: Mapped[str] = mapped_column(server_default="")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    done_at: Mapped[datetime | None]


class BrandCard(Base):
    """How a brand's cards and pages look, and what the law wants said on them: labels are dated."""

    __tablename__ = "brand_cards"

    brand_id: Mapped[int] = mapped_column(ForeignKey("brands.id"), primary_key=True, autoincrement=False)
    background: Mapped[str] = mapped_column(String(7))
    ink: Mapped[str] = mapped_column(String(7))
    accent: Mapped[str] = mapped_column(String(7))
    labels: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default="[]")
    logo: Mapped[bytes | None] = mapped_column(deferred=True)  # a PNG
