"""The brands that review receipts which no provider can verify."""

from sqlalchemy import and_, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.earning.receipts.models import ReceiptPass
from backend.identity.brands.models import Brand
from backend.programmes.models import Campaign, CampaignVersion

# Those whose campaigns pay for receipts now, unless the operator hides the receipts from them.
REVIEWING_BRANDS = (
    select(Campaign.brand_id)
    .join(
        CampaignVersion,
        and_(CampaignVersion.campaign_id == Campaign.id, CampaignVersion.version == Campaign.version),
    )
    .join(Brand, Brand.id == Campaign.brand_id)
    .where(Campaign.state == "active", CampaignVersion.rule["ways"].has_key("receipt"), Brand.reads_receipts)
)


async def is_reviewing_brand(session: AsyncSession, brand_id: int) -> bool:
    """Whether the brand reviews such receipts now."""
    return await session.scalar(REVIEWING_BRANDS.where(Campaign.brand_id == brand_id).limit(1)) is not None


async def is_any_brand_left(session: AsyncSession, receipt_id: int) -> bool:
    """Whether a brand reviews such receipts that has not said of this one that none of the goods are its own."""
    passes = select(ReceiptPass.brand_id).where(ReceiptPass.receipt_id == receipt_id)
    return await session.scalar(REVIEWING_BRANDS.where(Campaign.brand_id.not_in(passes)).limit(1)) is not None
