"""Settings of a brand's cards: colours with enough contrast, logo, advertising labels."""

import asyncio
from datetime import date
from typing import Annotated, Self

import msgspec
from msgspec import Meta
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.http.errors import Invalid, NotFound
from backend.core.http.models import KEY, LINE, RequestModel, ResponseModel
from backend.earning.promocodes.cards.artwork import colours, logo
from backend.earning.promocodes.cards.artwork.content import CardStyle
from backend.earning.promocodes.cards.artwork.logo import LogoUnreadable
from backend.earning.promocodes.models import BrandCard
from backend.identity.brands import audit_log
from backend.identity.brands.authentication import Member
from backend.programmes.models import Campaign

MAX_LABELS = 50
Colour = Annotated[str, Meta(pattern=colours.COLOUR, examples=["#0A6B3D"])]


class ColoursTooClose(Invalid):
    """The contrast of {ink} on {background} is {found}; text needs {needed}."""

    code = "colours_too_close"


class LogoRefused(Invalid):
    """This logo cannot be used. Send a PNG of at most 1 MiB and 4 megapixels."""

    code = "logo_refused"


class LabelCampaignUnknown(Invalid):
    """Your brand has no campaign {key}, which a label names."""

    code = "label_campaign_unknown"


class LabelDates(Invalid):
    """A label ends before it begins."""

    code = "label_dates"


class CardLogoMissing(NotFound):
    """Your brand has no logo yet."""

    code = "card_logo_missing"


class AdLabel(RequestModel, omit_defaults=True):
    """The text on cards and pages from a day until a day, both included: the advertiser and the token (erid)."""

    start: Annotated[date, Meta(examples=["2026-11-22"])] = msgspec.field(name="from")
    advertiser: Annotated[str, Meta(min_length=1, max_length=120, pattern=LINE, examples=["ООО «Тепломастер»"])]
    erid: Annotated[str, Meta(max_length=64, pattern=r"^[0-9A-Za-z_-]*(?!\n)$", examples=["2VtzqwQwerty"])] = ""
    until: Annotated[date, Meta(examples=["2026-12-31"])] | None = None
    campaign: Annotated[str, Meta(pattern=KEY, description="For all campaigns when left out.", examples=["autumn"])] | (
        None
    ) = None


class BrandCardIn(RequestModel):
    """Colours as #RRGGBB. The QR code is always dark on white."""

    background: Colour = CardStyle().background
    ink: Colour = CardStyle().ink
    accent: Colour = CardStyle().accent
    labels: Annotated[list[AdLabel], Meta(max_length=MAX_LABELS)] = msgspec.field(default_factory=list)


class BrandCardOut(ResponseModel):
    """The settings of the brand's cards."""

    background: Colour
    ink: Colour
    accent: Colour
    has_logo: Annotated[bool, Meta(examples=[True])]
    labels: list[AdLabel] = msgspec.field(default_factory=list)

    @classmethod
    def of(cls, row: BrandCard | None, *, has_logo: bool) -> Self:
        if row is None:
            return cls(CardStyle().background, CardStyle().ink, CardStyle().accent, has_logo)
        return cls(row.background, row.ink, row.accent, has_logo, msgspec.convert(row.labels, list[AdLabel]))


async def get_card_settings(session: AsyncSession, brand_id: int) -> BrandCardOut:
    """A brand's settings, or the defaults."""
    query = select(BrandCard, BrandCard.logo.is_not(None)).where(BrandCard.brand_id == brand_id)
    row = (await session.execute(query)).first()
    return BrandCardOut.of(row[0], has_logo=row[1]) if row else BrandCardOut.of(None, has_logo=False)


async def put_card_settings(session: AsyncSession, member: Member, new: BrandCardIn) -> BrandCardOut:
    """Set colours and labels of new cards.

    Raises:
        ColoursTooClose: the contrast is too low for text. LabelDates, LabelCampaignUnknown: a label is invalid.
    """
    contrast = colours.contrast(new.ink, new.background)
    if contrast < colours.TEXT_CONTRAST:
        raise ColoursTooClose(
            ink=new.ink, background=new.background, found=f"{contrast:.1f}", needed=f"{colours.TEXT_CONTRAST}"
        )
    await _check_labels(session, member.brand_id, new.labels)
    row = await _lock_settings(session, member.brand_id)
    row.background, row.ink, row.accent = new.background.upper(), new.ink.upper(), new.accent.upper()
    row.labels = msgspec.to_builtins(new.labels)
    changed = {"background": row.background, "ink": row.ink, "accent": row.accent, "labels": row.labels}
    audit_log.record(session, member, "brand.card_changed", **changed)
    await session.flush()
    return await get_card_settings(session, member.brand_id)


async def clean_logo(content: bytes) -> bytes:
    """Re-encode a logo for storage, in a thread.

    Raises:
        LogoRefused: it is not an accepted PNG.
    """
    try:
        return await asyncio.to_thread(logo.reencode_logo, content)
    except LogoUnreadable as error:
        raise LogoRefused from error


async def put_logo(session: AsyncSession, member: Member, png: bytes | None) -> BrandCardOut:
    """Set a re-encoded logo, or remove it."""
    row = await _lock_settings(session, member.brand_id)
    row.logo = png
    audit_log.record(session, member, "brand.logo_changed", bytes=len(png or b""))
    await session.flush()
    return await get_card_settings(session, member.brand_id)


async def get_logo(session: AsyncSession, brand_id: int) -> bytes:
    """A brand's logo. Raises CardLogoMissing."""
    png = await session.scalar(select(BrandCard.logo).where(BrandCard.brand_id == brand_id))
    if png is None:
        raise CardLogoMissing
    return png


async def _check_labels(session: AsyncSession, brand_id: int, labels: list[AdLabel]) -> None:
    if any(label.until and label.until < label.start for label in labels):
        raise LabelDates
    named = {label.campaign for label in labels if label.campaign}
    query = select(Campaign.key).where(Campaign.brand_id == brand_id, Campaign.key.in_(named))
    for key in sorted(named - set(await session.scalars(query))):
        raise LabelCampaignUnknown(key=key)


async def _lock_settings(session: AsyncSession, brand_id: int) -> BrandCard:
    """The brand's row, locked. Created with the default colours if there is none."""
    style = CardStyle()
    statement = insert(BrandCard).values(
        brand_id=brand_id, background=style.background, ink=style.ink, accent=style.accent
    )
    # Of two concurrent first requests the later one waits here and then finds the row.
    await session.execute(statement.on_conflict_do_nothing())
    return await session.get_one(BrandCard, brand_id, with_for_update=True)
