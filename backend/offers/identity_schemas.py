"""What the identity ladder says over the wire."""

from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import Meta, field

from backend.offers.identity import Asked
from backend.wire import LINE_OR_NOTHING, In, Out

Rung = Annotated[int, Meta(ge=0, le=2, description="0 anonymous, 1 named, 2 company or self-employed.", examples=[1])]
Kind = Literal["person", "self_employed", "company"]
Note = Annotated[str, Meta(max_length=200, pattern=LINE_OR_NOTHING, examples=["Agreement 17 of 2026-11-20."])]
CardNumber = Annotated[str, Meta(examples=["2200000000000004"])]


class IdentityIn(In):
    """Which rung you ask for. Of the tax number we keep a keyed hash only."""

    rung: Rung
    kind: Annotated[Kind, Meta(examples=["person"])] = "person"
    inn: Annotated[str, Meta(pattern=r"^[0-9]{10}([0-9]{2})?(?!\n)$", examples=["500100732259"])] | None = None

    def asked(self) -> Asked:
        """The same, as the service takes it."""
        return Asked(self.rung, self.kind, self.inn)


class RungOut(Out):
    """Where a brand has put you."""

    brand_id: Annotated[int, Meta(examples=[3])]
    brand: Annotated[str, Meta(examples=["Teplomaster"])]
    rung: Rung
    at: Annotated[datetime, Meta(tz=True, examples=["2026-11-22T10:00:00Z"])]


class IdentityOut(Out):
    """What you asked for, and what brands have confirmed: their word counts."""

    asked: Annotated[int | None, Meta(examples=[1])] = None
    kind: Annotated[Kind | None, Meta(examples=["person"])] = None
    has_inn: Annotated[bool, Meta(description="A hash of your tax number is kept.", examples=[False])] = False
    asked_at: Annotated[datetime, Meta(tz=True, examples=["2026-11-22T10:00:00Z"])] | None = None
    confirmed: Annotated[list[RungOut], Meta(examples=[[]])] = field(default_factory=list)


class ConfirmIn(In):
    """Where your brand puts an agent, and why. No personal data belongs in the note."""

    rung: Rung
    note: Note = ""


class AgentIdentity(Out):
    """An agent on the ladder, as your brand sees it."""

    card_number: CardNumber
    rung: Rung
    at: Annotated[datetime, Meta(tz=True, examples=["2026-11-22T10:00:00Z"])] | None = None
    note: Note = ""
    asked: Annotated[int | None, Meta(examples=[1])] = None
    kind: Annotated[Kind | None, Meta(examples=["person"])] = None
    has_inn: Annotated[bool, Meta(examples=[False])] = False
    asked_at: Annotated[datetime, Meta(tz=True, examples=["2026-11-22T10:00:00Z"])] | None = None
    same_inn: Annotated[
        int, Meta(description="Further accounts of your brand with the same tax number.", examples=[0])
    ] = 0


class IdentityPage(Out):
    """Agents on the ladder."""

    items: list[AgentIdentity]
    next: Annotated[str | None, Meta(description="Send it back as `cursor`.", examples=["WzE3XQ"])] = None


def identity_out(asked: Any | None, confirmed: list[Any]) -> IdentityOut:
    """The caller's own place on the ladder."""
    rungs = [RungOut(row.brand_id, row.brand, row.rung, row.at) for row in confirmed]
    if asked is None:
        return IdentityOut(confirmed=rungs)
    return IdentityOut(asked.rung, asked.kind, asked.has_inn, asked.asked_at, rungs)


def agent_identity(row: Any) -> AgentIdentity:
    """One of the brand's agents."""
    return AgentIdentity(
        row.card_number, row.rung, row.at, row.note, row.asked, row.kind, row.has_inn, row.asked_at, row.same_inn
    )
