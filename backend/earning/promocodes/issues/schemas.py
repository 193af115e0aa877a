"""Request and response models of bulk issues."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

import msgspec
from msgspec import Meta

from backend.core.http.models import KEY, RequestModel, ResponseModel
from backend.earning.promocodes.issues.random_codes import Design
from backend.earning.promocodes.issues.service import IssueOrder
from backend.earning.promocodes.models import IssueState, PromoIssue
from backend.programmes.schemas import Moment, Next

MAX_CODES = 10_000_000
# Without letters whose capital is two letters, such as a sharp s.
PREFIX = r"^([0-9A-Za-zА-Яа-яЁё][0-9A-Za-zА-Яа-яЁё-]*)?(?!\n)$"

CampaignKey = Annotated[str, Meta(pattern=KEY, description="With a rule for promo codes.", examples=["autumn"])]
Codes = Annotated[int, Meta(ge=1, le=MAX_CODES, examples=[100_000])]
Length = Annotated[
    int,
    Meta(
        ge=6,
        le=16,
        description="Symbols after the prefix, the last of them a check symbol; with the prefix any number but 16. All "
        "codes of one length and prefix that the brand ordered are at most one in 10,000 of the possible ones.",
        examples=[9],
    ),
]
Prefix = Annotated[
    str,
    Meta(
        max_length=8,
        pattern=PREFIX,
        description="The beginning of all codes, without U and without Cyrillic letters that have no Latin look-alike.",
        examples=["SALE-"],
    ),
]


class PromoCodeBatchIn(RequestModel):
    """An order of codes: a campaign, a count, and the form of the codes."""

    campaign: CampaignKey
    count: Codes
    length: Length = 9
    prefix: Prefix = ""

    @property
    def order(self) -> IssueOrder:
        return IssueOrder(self.campaign, self.count, Design(self.length, self.prefix))


class PromoCodeBatchOut(ResponseModel):
    """An issue and its progress."""

    id: Annotated[UUID, Meta(examples=["0193f3a1-8c5e-7b42-9d16-4f7a2c8e5b03"])]
    campaign: CampaignKey
    state: Annotated[IssueState, Meta(examples=["working"])]
    count: Codes
    done: Annotated[int, Meta(description="Codes made so far.", examples=[50_000])]
    length: Length
    prefix: Prefix
    created_at: Moment
    done_at: Annotated[datetime, Meta(tz=True, examples=["2026-11-22T10:00:07Z"])] | None = None
    problem: Annotated[str, Meta(description="Why it failed.", examples=[""])] = ""

    @classmethod
    def of(cls, row: PromoIssue, campaign: str) -> Self:
        design = msgspec.convert(row.design, Design)
        return cls(
            id=row.key,
            campaign=campaign,
            state=row.state,
            count=row.count,
            done=row.done,
            length=design.length,
            prefix=design.prefix,
            created_at=row.created_at,
            done_at=row.done_at,
            problem=row.problem,
        )


class PromoCodeBatchPage(ResponseModel):
    """The brand's issues, newest first."""

    items: list[PromoCodeBatchOut]
    next: Next = None
