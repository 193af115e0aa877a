"""Promo codes and their runs over the wire. What buyers paid in kopecks, bonuses in minor units of the currency."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, field

from backend.programmes.schemas import Id, Moment, Next
from backend.wire import LINE, LINE_OR_NOTHING, In, Out

RUNS = 99

Wanted = Annotated[int, Meta(ge=1, le=2**63 - 1, examples=[17])]
Wish = Annotated[
    str,
    Meta(
        description="Latin or Cyrillic letters and digits. Letters that look alike are one: IVAN7 and 1VAN7.",
        min_length=3,
        max_length=16,
        pattern=r"^[0-9A-Za-z\u0400-\u04ff]+(?!\n)$",
        examples=["IVAN7"],
    ),
]
RunName = Annotated[str, Meta(min_length=1, max_length=60, pattern=LINE, examples=["fridge magnet"])]
Nickname = Annotated[
    str, Meta(description="On cards.", max_length=40, pattern=LINE_OR_NOTHING, examples=["Ivan, heating"])
]
Code = Annotated[str, Meta(examples=["IVAN7"])]
Url = Annotated[str, Meta(examples=["https://ex.ru/p/IVAN7"])]
N = Annotated[int, Meta(description="0 is the bare code.", examples=[1])]
Kopecks = Annotated[int, Meta(description="Kopecks.", examples=[250000])]
Amount = Annotated[int, Meta(description="Minor units.", examples=[15000])]
Count = Annotated[int, Meta(examples=[3])]


class PromoCodeIn(In):
    """A code to be made: for the best offer of a programme, or for one of its campaigns."""

    programme_id: Wanted
    wish: Annotated[Wish | None, Meta(description="Drawn at random when left out.", examples=["IVAN7"])] = None
    runs: Annotated[
        list[RunName], Meta(description="Ways of sharing it, each with a link and counters.", max_length=RUNS)
    ] = field(default_factory=list)
    nickname: Nickname = ""
    campaign: Annotated[Wanted | None, Meta(description="The number of a campaign.", examples=[17])] = None


class RunOut(Out):
    """A way of sharing a code."""

    n: N
    name: Annotated[str, Meta(examples=["fridge magnet"])]
    url: Annotated[str, Meta(examples=["https://ex.ru/p/IVAN7.1"])]


class PromoCodeOut(Out):
    """A code as it was made."""

    id: UUID
    code: Code
    url: Url
    programme_id: Id
    campaign: Id
    runs: list[RunOut] = field(default_factory=list)
    nickname: Nickname = ""


class BonusOut(Out):
    """What a run brought its agent: still pending, paid out to the wallet, and taken back with returns."""

    pending: Amount = 0
    paid: Amount = 0
    returned: Amount = 0


class RunCounted(Out):
    """A way of sharing a code, and what came of it: how often its page was opened, sales, what their buyers paid
    less what they returned, and the bonus."""

    n: N
    url: Url
    name: Annotated[str, Meta(examples=["fridge magnet"])] = ""
    views: Count = 0
    came: Count = 0
    sum: Kopecks = 0
    bonus: BonusOut = field(default_factory=BonusOut)


class PromoCodeCounted(Out):
    """A code of the caller's with its counters; run 0 is the bare code."""

    id: UUID
    code: Code
    url: Url
    programme_id: Id
    campaign: Id
    currency: Annotated[Literal["PTS", "RUB"], Meta(examples=["RUB"])]
    offer: Annotated[str, Meta(description="What the buyer gets.", examples=["5% off, from 1,000 RUB"])]
    created_at: Moment
    runs: list[RunCounted]
    nickname: Nickname = ""
    closed_at: Annotated[datetime, Meta(tz=True, examples=["2026-12-01T10:00:00Z"])] | None = None


class PromoCodePage(Out):
    """Codes of the caller, newest first; `next` is the cursor of the following page."""

    items: list[PromoCodeCounted]
    next: Next = None
