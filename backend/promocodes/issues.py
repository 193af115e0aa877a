"""Promo codes that a brand orders in bulk: the order, how far it has come, and the file of its codes."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Select, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from backend import events, jobs
from backend.brands.models import Brand
from backend.database import Database
from backend.errors import BodyChanged, Conflict, Invalid, NotFound
from backend.programmes.campaigns import CampaignEnded, CampaignUnknown
from backend.programmes.models import Campaign, CampaignVersion
from backend.promocodes import issuing, spelling
from backend.promocodes.drawing import Design, shortest
from backend.promocodes.forbidden import is_forbidden
from backend.promocodes.models import PromoIssue
from backend.promocodes.wishes import WishForbidden
from backend.settings import Settings
from scanning import package, symbols

LINES_AT_ONCE = 20_000
LINES = text("SELECT last, lines FROM promo_issue_lines(:issue, :after, :most, :link)")

Issue = tuple[PromoIssue, str]  # with its campaign's key


class IssueUnknown(NotFound):
    """Your brand has no such issue of promo codes."""


class CampaignWithoutPromo(Invalid):
    """This campaign has no rule for promo codes: a code of it would give nobody anything."""


class PrefixInvalid(Invalid):
    """A prefix has digits and Latin letters but U, or Cyrillic letters that look like these."""


class LikePackageCodes(Invalid):
    """Codes of {length} symbols are taken for package codes. Take one more or one less."""


class CodesTooShort(Invalid):
    """So many codes of this length are easy to guess. Take at least {length} symbols."""


class IssueUnfinished(Conflict):
    """These codes are still being made: {done} of {count} are there."""


class Wanted(msgspec.Struct, frozen=True):
    """What a brand orders: so many codes of a campaign, and what they look like."""

    campaign: str
    count: int
    design: Design


async def order(
    session: AsyncSession, settings: Settings, brand_id: int, key: UUID, wanted: Wanted, staff_id: int | None = None
) -> Issue:
    """Order codes under the id that the caller chose; the worker makes them.

    Asked again, it is the same order; one that failed goes on.

    Raises:
        BodyChanged: the id has another order. CampaignUnknown, CampaignEnded, CampaignWithoutPromo, PrefixInvalid,
        WishForbidden, LikePackageCodes, CodesTooShort: there can be no such codes.
    """
    if found := (await session.execute(_by(brand_id).where(PromoIssue.key == key))).one_or_none():
        return await _again(session, (found[0], found[1]), wanted)
    campaign = await _campaign(session, brand_id, wanted.campaign)
    _check_form(settings, wanted.design)
    await _check_room(session, brand_id, wanted)
    row = insert(PromoIssue).values(
        key=key,
        brand_id=brand_id,
        campaign_id=campaign.id,
        count=wanted.count,
        design=msgspec.to_builtins(wanted.design),
    )
    made = await session.scalar(row.on_conflict_do_nothing(index_elements=["brand_id", "key"]).returning(PromoIssue))
    if made is None:
        # The same order came twice at once, and the other was first.
        return await _again(session, await get(session, brand_id, key), wanted)
    events.record(session, "promo_issue.ordered", brand_id=brand_id, staff_id=staff_id, issue=str(key),
                  campaign=campaign.key, codes=made.count)  # fmt: skip
    await jobs.enqueue(session, issuing.make_codes, issue_id=made.id)
    return made, campaign.key


async def get(session: AsyncSession, brand_id: int, key: UUID) -> Issue:
    """An issue of the brand. Raises IssueUnknown."""
    found = (await session.execute(_by(brand_id).where(PromoIssue.key == key))).one_or_none()
    if found is None:
        raise IssueUnknown
    return found[0], found[1]


async def page(session: AsyncSession, brand_id: int, before: int | None, limit: int) -> list[Issue]:
    """The brand's issues, newest first, from those before a number on."""
    query = _by(brand_id) if before is None else _by(brand_id).where(PromoIssue.id < before)
    rows = await session.execute(query.order_by(PromoIssue.id.desc()).limit(limit))
    return [(row[0], row[1]) for row in rows]


async def take(session: AsyncSession, brand_id: int, key: UUID, staff_id: int | None = None) -> PromoIssue:
    """An issue whose file somebody is about to download; who takes codes is written down.

    Raises:
        IssueUnknown: there is none. IssueUnfinished: codes are missing still.
    """
    issue, _ = await get(session, brand_id, key)
    if issue.state != "done":
        raise IssueUnfinished(done=issue.done, count=issue.count)
    events.record(session, "promo_issue.taken", brand_id=brand_id, staff_id=staff_id, issue=str(key), codes=issue.count)
    return issue


async def lines(db: Database, issue_id: int, base_url: str) -> AsyncIterator[bytes]:
    """A CSV of an issue's codes and their links, piece by piece; no connection is held in between."""
    yield b"code,url\r\n"
    values: dict[str, Any] = {"issue": issue_id, "most": LINES_AT_ONCE, "link": spelling.link(base_url, "")}
    row = await db.call(LINES, after=0, **values)
    while row.last is not None:
        yield row.lines.encode()
        row = await db.call(LINES, after=row.last, **values)


def _by(brand_id: int) -> Select[PromoIssue, str]:
    query = select(PromoIssue, Campaign.key).join(Campaign, Campaign.id == PromoIssue.campaign_id)
    return query.where(PromoIssue.brand_id == brand_id)


async def _again(session: AsyncSession, found: Issue, wanted: Wanted) -> Issue:
    issue, campaign = found
    if Wanted(campaign, issue.count, msgspec.convert(issue.design, Design)) != wanted:
        raise BodyChanged
    if issue.state == "failed":
        issue.state, issue.problem = "waiting", ""
        await jobs.enqueue(session, issuing.make_codes, issue_id=issue.id)
    return found


async def _campaign(session: AsyncSession, brand_id: int, key: str) -> Campaign:
    found = await session.scalar(select(Campaign).where(Campaign.brand_id == brand_id, Campaign.key == key))
    if found is None:
        raise CampaignUnknown
    if found.state == "ended":
        raise CampaignEnded
    rule = await session.scalar(
        select(CampaignVersion.rule).where(
            CampaignVersion.campaign_id == found.id, CampaignVersion.version == found.version
        )
    )
    if not rule or "promo" not in rule:
        raise CampaignWithoutPromo
    return found


def _check_form(settings: Settings, design: Design) -> None:
    if not symbols.is_written_in_alphabet(design.folded):
        raise PrefixInvalid
    if is_forbidden(design.folded, settings.forbidden_words):
        raise WishForbidden
    if len(design.folded) + design.length == package.LENGTH:
        raise LikePackageCodes(length=package.LENGTH)


async def _check_room(session: AsyncSession, brand_id: int, wanted: Wanted) -> None:
    """All codes of one spelling that the brand ordered must be few among what is possible."""
    # One order after another in a brand, or two at once could pass the limit; no foreign key is held up.
    await session.get_one(Brand, brand_id, with_for_update={"key_share": True})
    rows = select(PromoIssue.design, func.sum(PromoIssue.count)).where(PromoIssue.brand_id == brand_id)
    ordered = [
        (msgspec.convert(design, Design), int(count))
        for design, count in await session.execute(rows.group_by(PromoIssue.design))
    ]
    alike = wanted.design.length, wanted.design.folded
    count = wanted.count + sum(count for design, count in ordered if (design.length, design.folded) == alike)
    if count > wanted.design.most:
        raise CodesTooShort(length=shortest(count))
