"""Bulk issues of promo codes: the order, its progress, and the file of its codes."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Select, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.db import events, jobs
from backend.core.db.database import Database
from backend.core.http.errors import BodyChanged, Conflict, Invalid, NotFound
from backend.core.settings import Settings
from backend.earning.promocodes.issues import generation as code_generation
from backend.earning.promocodes.issues.random_codes import Design, shortest_length
from backend.earning.promocodes.models import PromoIssue
from backend.earning.promocodes.words import code_parser
from backend.earning.promocodes.words.code_words import RequestedWordForbidden
from backend.earning.promocodes.words.forbidden import is_forbidden
from backend.identity.brands.models import Brand
from backend.programmes.campaigns.service import CampaignEnded, CampaignUnknown
from backend.programmes.models import Campaign, CampaignVersion
from scanning.codes import package, symbols

CSV_BATCH = 20_000
CSV_LINES = text("SELECT last, lines FROM promo_issue_lines(:issue, :after, :most, :link, :prefix)")

IssueWithCampaign = tuple[PromoIssue, str]  # an issue and its campaign's key


class IssueUnknown(NotFound):
    """Your brand has no such issue of promo codes."""

    code = "issue_unknown"


class CampaignWithoutPromo(Invalid):
    """This campaign has no rule for promo codes: its codes would give nothing."""

    code = "campaign_without_promo"


class PrefixInvalid(Invalid):
    """A prefix has digits and Latin letters but U, or Cyrillic letters that look like these."""

    code = "prefix_invalid"


class LikePackageCodes(Invalid):
    """Codes of {length} symbols are taken for package codes. Take one more or one less."""

    code = "like_package_codes"


class CodesTooShort(Invalid):
    """So many codes of this length are easy to guess. Take at least {length} symbols."""

    code = "codes_too_short"


class IssueUnfinished(Conflict):
    """These codes are still being made: {done} of {count} are there."""

    code = "issue_unfinished"


class IssueOrder(msgspec.Struct, frozen=True):
    """An order of codes: a campaign, a count, and the form of the codes."""

    campaign: str
    count: int
    design: Design


async def order_issue(
    session: AsyncSession, settings: Settings, brand_id: int, key: UUID, new: IssueOrder, staff_id: int | None = None
) -> IssueWithCampaign:
    """Order codes under the id that the caller chose; the worker makes them.

    Idempotent. An order that failed continues when it is repeated.

    Raises:
        BodyChanged: the id has another order.
        CampaignUnknown, CampaignEnded, CampaignWithoutPromo: the campaign cannot have codes.
        PrefixInvalid, RequestedWordForbidden, LikePackageCodes, CodesTooShort: the form of the codes is refused.
    """
    if existing := (await session.execute(_select_issues(brand_id).where(PromoIssue.key == key))).one_or_none():
        return await _repeat_order(session, (existing[0], existing[1]), new)
    campaign = await _promo_campaign(session, brand_id, new.campaign)
    _check_form(settings, new.design)
    await _check_density(session, brand_id, new)
    row = insert(PromoIssue).values(
        key=key,
        brand_id=brand_id,
        campaign_id=campaign.id,
        count=new.count,
        design=msgspec.to_builtins(new.design),
    )
    issue = await session.scalar(row.on_conflict_do_nothing(index_elements=["brand_id", "key"]).returning(PromoIssue))
    if issue is None:
        # A concurrent request with the same order was first.
        return await _repeat_order(session, await get_issue(session, brand_id, key), new)
    body = {"issue": str(key), "campaign": campaign.key, "codes": issue.count}
    events.record(session, "promo_issue.ordered", brand_id=brand_id, staff_id=staff_id, **body)
    await jobs.enqueue(session, code_generation.make_codes, issue_id=issue.id)
    return issue, campaign.key


async def get_issue(session: AsyncSession, brand_id: int, key: UUID) -> IssueWithCampaign:
    """An issue of the brand. Raises IssueUnknown."""
    existing = (await session.execute(_select_issues(brand_id).where(PromoIssue.key == key))).one_or_none()
    if existing is None:
        raise IssueUnknown
    return existing[0], existing[1]


async def list_issues(session: AsyncSession, brand_id: int, before: int | None, limit: int) -> list[IssueWithCampaign]:
    """A page of the brand's issues, newest first, with ids below `before`."""
    query = _select_issues(brand_id) if before is None else _select_issues(brand_id).where(PromoIssue.id < before)
    rows = await session.execute(query.order_by(PromoIssue.id.desc()).limit(limit))
    return [(row[0], row[1]) for row in rows]


async def start_download(session: AsyncSession, brand_id: int, key: UUID, staff_id: int | None = None) -> PromoIssue:
    """An issue whose file is to be downloaded. Records who downloads it.

    Raises:
        IssueUnknown: there is none. IssueUnfinished: not all codes are made.
    """
    issue, _ = await get_issue(session, brand_id, key)
    if issue.state != "done":
        raise IssueUnfinished(done=issue.done, count=issue.count)
    events.record(session, "promo_issue.taken", brand_id=brand_id, staff_id=staff_id, issue=str(key), codes=issue.count)
    return issue


async def csv_lines(db: Database, issue: PromoIssue, base_url: str) -> AsyncIterator[bytes]:
    """A CSV of an issue's codes and their links, in batches. No connection is held between batches."""
    yield b"code,url,code_id\r\n"
    design = msgspec.convert(issue.design, Design)
    link = code_parser.short_link(base_url, design.shown or design.folded)
    values: dict[str, Any] = {"issue": issue.id, "most": CSV_BATCH, "link": link, "prefix": len(design.folded)}
    row = await db.call(CSV_LINES, after=0, **values)
    while row.last is not None:
        yield row.lines.encode()
        row = await db.call(CSV_LINES, after=row.last, **values)


def _select_issues(brand_id: int) -> Select[PromoIssue, str]:
    query = select(PromoIssue, Campaign.key).join(Campaign, Campaign.id == PromoIssue.campaign_id)
    return query.where(PromoIssue.brand_id == brand_id)


async def _repeat_order(session: AsyncSession, existing: IssueWithCampaign, new: IssueOrder) -> IssueWithCampaign:
    issue, campaign = existing
    if IssueOrder(campaign, issue.count, msgspec.convert(issue.design, Design)) != new:
        raise BodyChanged
    if issue.state == "failed":
        issue.state, issue.problem = "waiting", ""
        await jobs.enqueue(session, code_generation.make_codes, issue_id=issue.id)
    return existing


async def _promo_campaign(session: AsyncSession, brand_id: int, key: str) -> Campaign:
    campaign = await session.scalar(select(Campaign).where(Campaign.brand_id == brand_id, Campaign.key == key))
    if campaign is None:
        raise CampaignUnknown
    if campaign.state == "ended":
        raise CampaignEnded
    rule = await session.scalar(
        select(CampaignVersion.rule).where(
            CampaignVersion.campaign_id == campaign.id, CampaignVersion.version == campaign.version
        )
    )
    if not rule or "promo" not in rule:
        raise CampaignWithoutPromo
    return campaign


def _check_form(settings: Settings, design: Design) -> None:
    if not symbols.is_written_in_alphabet(design.folded):
        raise PrefixInvalid
    if is_forbidden(design.folded, settings.forbidden_words):
        raise RequestedWordForbidden
    if len(design.folded) + design.length == package.LENGTH:
        raise LikePackageCodes(length=package.LENGTH)


async def _check_density(session: AsyncSession, brand_id: int, new: IssueOrder) -> None:
    """Refuse an order if the brand's codes of this length and prefix become too many of the possible ones.

    Raises:
        CodesTooShort: they do.
    """
    # Serialises the orders of a brand, or two at once could exceed the limit. Does not block foreign keys to the brand.
    await session.get_one(Brand, brand_id, with_for_update={"key_share": True})
    rows = select(PromoIssue.design, func.sum(PromoIssue.count)).where(PromoIssue.brand_id == brand_id)
    ordered = [
        (msgspec.convert(design, Design), int(count))
        for design, count in await session.execute(rows.group_by(PromoIssue.design))
    ]
    form = new.design.length, new.design.folded
    count = new.count + sum(count for design, count in ordered if (design.length, design.folded) == form)
    if count > new.design.max_codes:
        raise CodesTooShort(length=shortest_length(count))
