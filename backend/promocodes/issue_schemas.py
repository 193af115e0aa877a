"""Promo codes ordered in bulk, over the wire."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

import msgspec
from msgspec import Meta

from backend.programmes.schemas import Moment, Next
from backend.promocodes.drawing import Design
from backend.promocodes.issues import Wanted
from backend.promocodes.models import IssueState, PromoIssue
from backend.wire import KEY, In, Out

MOST_CODES = 10_000_000
# What a capital becomes in two letters (a sharp s) has no place here.
PREFIX = r"^([0-9A-Za-zА-Яа-яЁё][0-9A-Za-zА-Яа-яЁё-]*)?(?!\n)$"

CampaignKey = Annotated[str, Meta(pattern=KEY, description="With a rule for promo codes.", examples=["autumn"])]
Codes = Annotated[int, Meta(ge=1, le=MOST_CODES, examples=[100_000])]
Length = Annotated[
    int,
    Meta(
        ge=6,
        le=16,
        description="Symbols behind the prefix, the last of them a check; with the prefix any number but 16. All codes "
        "of a length and prefix that the brand ever ordered are at most one in 10,000 of those possible.",
        examples=[9],
    ),
]
Prefix = Annotated[
    str,
    Meta(
        max_length=8,
        pattern=PREFIX,
        description="What all of them begin with, without U or letters that look like no Latin one.",
        examples=["SALE-"],
    ),
]


class IssueIn(In):
    """So many codes of a campaign, and what they look like."""

    campaign: CampaignKey
    count: Codes
    length: Length = 9
    prefix: Prefix = ""

    @property
    def wanted(self) -> Wanted:
        return Wanted(self.campaign, self.count, Design(self.length, self.prefix))


class IssueOut(Out):
    """An issue, and how far its codes are made."""

    id: Annotated[UUID, Meta(examples=["0193f3a1-8c5e-7b42-9d16-4f7a2c8e5b03"])]
    campaign: CampaignKey
    state: Annotated[IssueState, Meta(examples=["working"])]
    count: Codes
    done: Annotated[int, Meta(description="Codes that are made.", examples=[50_000])]
    length: Length
    prefix: Prefix
    created_at: Moment
    done_at: Annotated[datetime, Meta(tz=True, examples=["2026-11-22T10:00:07Z"])] | None = None
    problem: Annotated[str, Meta(description="Why it failed.", examples=[""])] = ""

    @classmethod
    def of(cls, row: PromoIssue, campaign: str) -> Self:
        design = msgspec.convert(row.design, Design)
        return cls(
            row.key, campaign, row.state, row.count, row.done, design.length, design.prefix, row.created_at,
            row.done_at, row.problem,
        )  # fmt: skip


class IssuePage(Out):
    """The brand's issues, newest first."""

    items: list[IssueOut]
    next: Next = None
