"""Request and response models of promo codes and runs. Payments in kopecks, bonuses in minor units of the currency."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, field

from backend.core.http.models import LINE, LINE_OR_NOTHING, RequestModel, ResponseModel
from backend.programmes.schemas import Id, Moment, Next

RUNS = 99
# Invisible characters, combining accents, and characters around a pasted word.
_UNSEEN = r"\u00ad\u0300-\u036f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff"
_AROUND = _UNSEEN + r" \u00a0\"'\u00ab\u00bb\u2018-\u201f.,:;!?"
_LETTERS = r"0-9A-Za-z\u0400-\u04ff\u0391-\u03a9\uff10-\uff19\uff21-\uff3a\uff41-\uff5a"
REQUESTED_WORD = rf"^[{_AROUND}]*([{_LETTERS}][{_UNSEEN}]*){{3,16}}[{_AROUND}]*(?!\n)$"

CampaignOrProgrammeId = Annotated[int, Meta(ge=1, le=2**63 - 1, examples=[17])]
RequestedWord = Annotated[
    str,
    Meta(
        description="Latin or Cyrillic letters and digits. Letters that look alike are the same: IVAN7 and 1VAN7. "
        "Invisible characters and quotes around the word are ignored.",
        min_length=3,
        max_length=64,
        pattern=REQUESTED_WORD,
        examples=["IVAN7"],
    ),
]
RunName = Annotated[str, Meta(min_length=1, max_length=60, pattern=LINE, examples=["fridge magnet"])]
Nickname = Annotated[
    str, Meta(description="On cards.", max_length=40, pattern=LINE_OR_NOTHING, examples=["Ivan, heating"])
]
Code = Annotated[str, Meta(examples=["IVAN7"])]
Url = Annotated[str, Meta(examples=["https://ex.ru/p/IVAN7"])]
N = Annotated[int, Meta(description="0 is the code without a run.", examples=[1])]
Kopecks = Annotated[int, Meta(description="Kopecks.", examples=[250000])]
Amount = Annotated[int, Meta(description="Minor units.", examples=[15000])]
Count = Annotated[int, Meta(examples=[3])]


class PromoCodeIn(RequestModel):
    """A code to create for the best offer of a programme, or for one of its campaigns."""

    programme_id: CampaignOrProgrammeId
    wish: Annotated[RequestedWord | None, Meta(description="Drawn at random when left out.", examples=["IVAN7"])] = None
    runs: Annotated[
        list[RunName], Meta(description="Ways of sharing it, each with a link and counters.", max_length=RUNS)
    ] = field(default_factory=list)
    nickname: Nickname = ""
    campaign: Annotated[CampaignOrProgrammeId | None, Meta(description="The number of a campaign.", examples=[17])] = (
        None
    )


class PromoCodeRunIn(RequestModel):
    """A new way of sharing a code."""

    name: RunName


class PromoCodeRunOut(ResponseModel):
    """A way of sharing a code."""

    n: N
    name: Annotated[str, Meta(examples=["fridge magnet"])]
    url: Annotated[str, Meta(examples=["https://ex.ru/p/IVAN7.1"])]


class PromoCodeOut(ResponseModel):
    """A code with its runs."""

    id: UUID
    code: Code
    url: Url
    programme_id: Id
    campaign: Id
    runs: list[PromoCodeRunOut] = field(default_factory=list)
    nickname: Nickname = ""


class RunBonus(ResponseModel):
    """An agent's bonus from a run: pending, paid to the wallet, and taken back for returns."""

    pending: Amount = 0
    paid: Amount = 0
    returned: Amount = 0


class PromoCodeRunStats(ResponseModel):
    """A way of sharing a code with its counters: page views, sales, what buyers paid less returns, and the bonus."""

    n: N
    url: Url
    name: Annotated[str, Meta(examples=["fridge magnet"])] = ""
    views: Count = 0
    came: Count = 0
    sum: Kopecks = 0
    bonus: RunBonus = field(default_factory=RunBonus)


class PromoCodeStats(ResponseModel):
    """A code of the caller with its counters. Run 0 is the code without a run."""

    id: UUID
    code: Code
    url: Url
    programme_id: Id
    campaign: Id
    currency: Annotated[Literal["PTS", "RUB"], Meta(examples=["RUB"])]
    offer: Annotated[str, Meta(description="What the buyer gets.", examples=["5% off, from 1,000 RUB"])]
    created_at: Moment
    runs: list[PromoCodeRunStats]
    nickname: Nickname = ""
    closed_at: Annotated[datetime, Meta(tz=True, examples=["2026-12-01T10:00:00Z"])] | None = None


class PromoCodePage(ResponseModel):
    """Codes of the caller, newest first; `next` is the cursor of the following page."""

    items: list[PromoCodeStats]
    next: Next = None
