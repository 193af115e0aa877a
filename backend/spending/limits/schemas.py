"""Wire format of verification levels."""

from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import Meta, field

from backend.core.http.models import LINE_OR_NOTHING, RequestModel, ResponseModel
from backend.spending.limits.identity import LevelRequest

Level = Annotated[int, Meta(ge=0, le=2, description="0 anonymous, 1 named, 2 company or self-employed.", examples=[1])]
Kind = Literal["person", "self_employed", "company"]
Note = Annotated[str, Meta(max_length=200, pattern=LINE_OR_NOTHING, examples=["Agreement 17 of 2026-11-20."])]
CardNumber = Annotated[str, Meta(examples=["2200000000000004"])]


class IdentityIn(RequestModel):
    """The requested level. Of the tax number only a keyed hash is stored."""

    rung: Level
    kind: Annotated[Kind, Meta(examples=["person"])] = "person"
    inn: Annotated[str, Meta(pattern=r"^[0-9]{10}([0-9]{2})?(?!\n)$", examples=["500100732259"])] | None = None

    def level_request(self) -> LevelRequest:
        """The request for the service."""
        return LevelRequest(self.rung, self.kind, self.inn)


class VerificationLevelOut(ResponseModel):
    """The level that a brand confirmed."""

    brand_id: Annotated[int, Meta(examples=[3])]
    brand: Annotated[str, Meta(examples=["Teplomaster"])]
    rung: Level
    at: Annotated[datetime, Meta(tz=True, examples=["2026-11-22T10:00:00Z"])]


class IdentityOut(ResponseModel):
    """The requested level and the confirmed ones; only confirmed levels count."""

    asked: Annotated[int | None, Meta(examples=[1])] = None
    kind: Annotated[Kind | None, Meta(examples=["person"])] = None
    has_inn: Annotated[bool, Meta(description="A hash of your tax number is stored.", examples=[False])] = False
    asked_at: Annotated[datetime, Meta(tz=True, examples=["2026-11-22T10:00:00Z"])] | None = None
    confirmed: Annotated[list[VerificationLevelOut], Meta(examples=[[]])] = field(default_factory=list)


class IdentityConfirmationIn(RequestModel):
    """The level of an agent with your brand, and a note. The note must not contain personal data."""

    rung: Level
    note: Note = ""


class AgentIdentity(ResponseModel):
    """An agent's level with your brand."""

    card_number: CardNumber
    rung: Level
    at: Annotated[datetime, Meta(tz=True, examples=["2026-11-22T10:00:00Z"])] | None = None
    note: Note = ""
    asked: Annotated[int | None, Meta(examples=[1])] = None
    kind: Annotated[Kind | None, Meta(examples=["person"])] = None
    has_inn: Annotated[bool, Meta(examples=[False])] = False
    asked_at: Annotated[datetime, Meta(tz=True, examples=["2026-11-22T10:00:00Z"])] | None = None
    same_inn: Annotated[
        int, Meta(description="Further accounts of your brand with the same tax number.", examples=[0])
    ] = 0


class IdentityPage(ResponseModel):
    """Agents with a requested or confirmed level."""

    items: list[AgentIdentity]
    next: Annotated[str | None, Meta(description="Send it back as `cursor`.", examples=["WzE3XQ"])] = None


def identity_out(request: Any | None, confirmed: list[Any]) -> IdentityOut:
    """The caller's levels."""
    levels = [VerificationLevelOut(row.brand_id, row.brand, row.rung, row.at) for row in confirmed]
    if request is None:
        return IdentityOut(confirmed=levels)
    return IdentityOut(request.rung, request.kind, request.has_inn, request.asked_at, levels)


def agent_identity(row: Any) -> AgentIdentity:
    """One of the brand's agents."""
    return AgentIdentity(
        row.card_number, row.rung, row.at, row.note, row.asked, row.kind, row.has_inn, row.asked_at, row.same_inn
    )
