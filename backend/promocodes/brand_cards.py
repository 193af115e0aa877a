"""How a brand's cards look: what staff may set, and that it can be read."""

import asyncio
from datetime import date
from typing import Annotated, Self

import msgspec
from msgspec import Meta
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from backend.brands import audit
from backend.brands.door import Member
from backend.errors import Invalid, NotFound
from backend.programmes.models import Campaign
from backend.promocodes.cards import colours, logo
from backend.promocodes.cards.content import Look
from backend.promocodes.cards.logo import LogoUnreadable
from backend.promocodes.models import BrandCard
from backend.wire import KEY, LINE, In, Out

MOST_LABELS = 50
Colour = Annotated[str, Meta(pattern=colours.COLOUR, examples=["#0A6B3D"])]


class ColoursTooClose(Invalid):
    """Nobody could read {ink} on {background}: their contrast is {found}, and text needs {needed}."""


class LogoRefused(Invalid):
    """This is no logo that we take. Send a PNG of at most 1 MiB and 4 megapixels."""


class LabelCampaignUnknown(Invalid):
    """Your brand has no campaign {key}, which a label names."""


class LabelDates(Invalid):
    """A label ends before it begins."""


class CardLogoMissing(NotFound):
    """Your brand has no logo yet."""


class AdLabel(In, omit_defaults=True):
    """What stands on cards and pages from a day until a day, both included: who advertises, and the token (erid)."""

    start: Annotated[date, Meta(examples=["2026-11-22"])] = msgspec.field(name="from")
    advertiser: Annotated[str, Meta(min_length=1, max_length=120, pattern=LINE, examples=["ООО «Тепломастер»"])]
    erid: Annotated[str, Meta(max_length=64, pattern=r"^[0-9A-Za-z_-]*(?!\n)$", examples=["2VtzqwQwerty"])] = ""
    until: Annotated[date, Meta(examples=["2026-12-31"])] | None = None
    campaign: Annotated[str, Meta(pattern=KEY, description="For all campaigns when left out.", examples=["autumn"])] | (
        None
    ) = None


class BrandCardIn(In):
    """Colours as #RRGGBB. The QR code is dark on white whatever they are."""

    background: Colour = Look().background
    ink: Colour = Look().ink
    accent: Colour = Look().accent
    labels: Annotated[list[AdLabel], Meta(max_length=MOST_LABELS)] = msgspec.field(default_factory=list)


class BrandCardOut(Out):
    """How the brand's cards look."""

    background: Colour
    ink: Colour
    accent: Colour
    has_logo: Annotated[bool, Meta(examples=[True])]
    labels: list[AdLabel] = msgspec.field(default_factory=list)

    @classmethod
    def of(cls, row: BrandCard | None, *, has_logo: bool) -> Self:
        if row is None:
            return cls(Look().background, Look().ink, Look().accent, has_logo)
        return cls(row.background, row.ink, row.accent, has_logo, msgspec.convert(row.labels, list[AdLabel]))


async def get(session: AsyncSession, brand_id: int) -> BrandCardOut:
    """A brand's setting, or the house's where it set nothing."""
    query = select(BrandCard, BrandCard.logo.is_not(None)).where(BrandCard.brand_id == brand_id)
    found = (await session.execute(query)).first()
    return BrandCardOut.of(found[0], has_logo=found[1]) if found else BrandCardOut.of(None, has_logo=False)


async def put(session: AsyncSession, member: Member, wanted: BrandCardIn) -> BrandCardOut:
    """Set colours and labels; cards made from now on show them.

    Raises:
        ColoursTooClose: the text could not be read. LabelDates, LabelCampaignUnknown: a label is wrong.
    """
    found = colours.contrast(wanted.ink, wanted.background)
    if found < colours.TEXT_CONTRAST:
        raise ColoursTooClose(ink=wanted.ink, background=wanted.background, found=f"{found:.1f}",
                              needed=f"{colours.TEXT_CONTRAST}")  # fmt: skip
    await _check_labels(session, member.brand_id, wanted.labels)
    row = await _row(session, member.brand_id)
    row.background, row.ink, row.accent = wanted.background.upper(), wanted.ink.upper(), wanted.accent.upper()
    row.labels = msgspec.to_builtins(wanted.labels)
    audit.note(session, member, "brand.card_changed", background=row.background, ink=row.ink, accent=row.accent,
               labels=row.labels)  # fmt: skip
    await session.flush()
    return await get(session, member.brand_id)


async def cleaned(content: bytes) -> bytes:
    """A logo as we keep it, off the event loop.

    Raises:
        LogoRefused: it is no PNG that we take.
    """
    try:
        return await asyncio.to_thread(logo.clean, content)
    except LogoUnreadable as error:
        raise LogoRefused from error


async def put_logo(session: AsyncSession, member: Member, png: bytes | None) -> BrandCardOut:
    """Set a cleaned logo, or take it away."""
    row = await _row(session, member.brand_id)
    row.logo = png
    audit.note(session, member, "brand.logo_changed", bytes=len(png or b""))
    await session.flush()
    return await get(session, member.brand_id)


async def logo_of(session: AsyncSession, brand_id: int) -> bytes:
    """A brand's logo. Raises CardLogoMissing."""
    found = await session.scalar(select(BrandCard.logo).where(BrandCard.brand_id == brand_id))
    if found is None:
        raise CardLogoMissing
    return found


async def _check_labels(session: AsyncSession, brand_id: int, labels: list[AdLabel]) -> None:
    if any(label.until and label.until < label.start for label in labels):
        raise LabelDates
    named = {label.campaign for label in labels if label.campaign}
    query = select(Campaign.key).where(Campaign.brand_id == brand_id, Campaign.key.in_(named))
    for key in sorted(named - set(await session.scalars(query))):
        raise LabelCampaignUnknown(key=key)


async def _row(session: AsyncSession, brand_id: int) -> BrandCard:
    """The brand's row, locked; made with the house's colours where there is none."""
    look = Look()
    made = insert(BrandCard).values(brand_id=brand_id, background=look.background, ink=look.ink, accent=look.accent)
    # Two may save first at the same time: the later one waits here, and finds the row.
    await session.execute(made.on_conflict_do_nothing())
    return await session.get_one(BrandCard, brand_id, with_for_update=True)
