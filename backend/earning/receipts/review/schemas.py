"""Requests and responses of the review queue."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal

from msgspec import Meta

from backend.core.http.models import RequestModel, ResponseModel

Id = Annotated[int, Meta(examples=[17])]
Card = Annotated[str | None, Meta(description="Empty once the account is closed.", examples=["4000123456789017"])]
Action = Literal["release", "claw_back", "freeze", "rule_wrong"]
Rule = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,23}(?!\n)$", examples=["receipt_velocity"])]
Note = Annotated[
    str, Meta(max_length=1000, description="Only your brand reads it.", examples=["Spoke with the agent."])
]
Minor = Annotated[int, Meta(description="Minor units.", examples=[5400])]
Kopecks = Annotated[int, Meta(description="Kopecks.", examples=[90000])]
Moment = Annotated[datetime, Meta(tz=True, examples=["2026-11-22T15:31:00Z"])]
Points = Annotated[int, Meta(description="The sum over the rules.", examples=[40])]


class ReviewAction(StrEnum):
    """What a reviewer does about an item; docs/review.md describes what each does to lines."""

    RELEASE = "release"
    RULE_WRONG = "rule_wrong"
    CLAW_BACK = "claw_back"
    FREEZE = "freeze"


PAYING_ACTIONS = (ReviewAction.RELEASE, ReviewAction.RULE_WRONG)


class ReviewDecisionIn(RequestModel):
    """A decision. `release` pays the lines in review; `rule_wrong` does too and counts against the rule; `claw_back`
    claws back the lines of the findings and refuses those in review; `freeze` sends all new lines to review, and the
    lines in review stay there."""

    action: Annotated[Action, Meta(examples=["release"])]
    note: Note = ""
    rule: Annotated[Rule | None, Meta(description="For `rule_wrong`: the rule; all with a finding if missing.")] = None


class ReviewItem(ResponseModel):
    """An agent whose lines the brand has to decide."""

    id: Id
    card_number: Card
    state: Annotated[Literal["open", "decided"], Meta(examples=["open"])]
    points: Points
    opened_at: Moment
    decide_by: Moment
    waiting: Annotated[int, Meta(description="Lines in review.", examples=[2])]
    frozen: Annotated[bool, Meta(examples=[False])] = False
    decision: Annotated[Action | None, Meta(examples=[None])] = None
    decided_at: Moment | None = None


class ReviewPage(ResponseModel):
    """Items: open ones first, those with the most points before the others."""

    items: list[ReviewItem]
    next: Annotated[str | None, Meta(description="Send it back as `cursor`.", examples=["WzE3XQ"])] = None


class ReviewSignalOut(ResponseModel):
    """A finding of a rule and its receipt. In shadow it changed nothing."""

    rule: Rule
    version: Annotated[int, Meta(examples=[1])]
    shadow: Annotated[bool, Meta(examples=[False])]
    points: Points
    inputs: Annotated[dict[str, Any], Meta(examples=[{"day": 9, "hour": 1, "shop": 1}])]
    receipt: Id
    at: Moment


class ReviewLine(ResponseModel):
    """A line of the brand. `would_pay`: by the current rules, while it is in review."""

    id: Id
    name: Annotated[str, Meta(examples=["Розетка Оптима РА16-374"])]
    quantity: Annotated[Decimal, Meta(examples=["2"])]
    sum: Kopecks
    state: Annotated[Literal["paid", "review", "refused"], Meta(examples=["review"])]
    reason: Annotated[str | None, Meta(examples=["checked"])] = None
    amount: Annotated[int, Meta(description="Minor units, less what was clawed back.", examples=[0])] = 0
    would_pay: Annotated[int | None, Meta(description="Minor units.", examples=[5400])] = None


class ReviewReceipt(ResponseModel):
    """A receipt of the agent with goods of the brand; other goods on it are not shown."""

    id: Id
    sent_at: Moment
    bought_at: Annotated[
        datetime, Meta(tz=False, description="The till's own clock.", examples=["2026-11-22T15:28:00"])
    ]
    shop: Annotated[str, Meta(examples=["ООО «Стройдвор»"])]
    has_photo: Annotated[bool, Meta(examples=[False])]
    answer: Annotated[str | None, Meta(description="What the agent wrote.", examples=["A large order."])]
    lines: list[ReviewLine]


class LinkedAgent(ResponseModel):
    """Another agent with receipts of your goods from a till that a rule names."""

    card_number: Card
    till: Annotated[str, Meta(examples=["7380440902582955"])]
    receipts: Annotated[int, Meta(examples=[3])]


class ReviewStepOut(ResponseModel):
    """An action of a member of staff. Not final: a freeze, or a proposal that a second person has to confirm."""

    action: Annotated[Action, Meta(examples=["release"])]
    rule: Annotated[str | None, Meta(examples=[None])]
    note: Note
    amount: Minor
    staff: Annotated[str, Meta(examples=["anna@teplo.example"])]
    final: Annotated[bool, Meta(examples=[False])]
    at: Moment


class ReviewOut(ResponseModel):
    """An item with its details."""

    item: ReviewItem
    findings: list[ReviewSignalOut]
    receipts: Annotated[list[ReviewReceipt], Meta(description="The newest hundred, and all with lines in review.")]
    linked: list[LinkedAgent]
    steps: list[ReviewStepOut]
    would_pay: Annotated[int, Meta(description="Minor units that a release would pay.", examples=[5400])] = 0
    second_person: Annotated[bool, Meta(description="A release needs two people.", examples=[False])] = False


class FraudRuleFigures(ResponseModel):
    """The figures of a rule. `overturned`: the share of decisions that overturned it."""

    rule: Rule
    findings: Annotated[int, Meta(examples=[41])]
    in_shadow: Annotated[int, Meta(examples=[3])]
    decided: Annotated[int, Meta(examples=[30])]
    overturned: Annotated[float | None, Meta(examples=[0.1])]
    hours: Annotated[float | None, Meta(description="Median until the decision.", examples=[5.5])]


class FraudRuleFiguresList(ResponseModel):
    """The figures of each rule, over all time."""

    items: list[FraudRuleFigures]
