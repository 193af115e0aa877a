"""Campaigns: writing them version by version, and what may become of which."""

from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from backend.brands import audit
from backend.brands.door import Member
from backend.errors import Conflict, Invalid, NotFound
from backend.programmes import budgets, rule_writing, service
from backend.programmes.campaign_schemas import CampaignIn
from backend.programmes.models import Campaign, CampaignState, CampaignVersion
from backend.programmes.rules import Rule

FIRST, LAST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
MOVES: dict[CampaignState, set[CampaignState]] = {
    "draft": {"active", "ended"},
    "active": {"paused", "ended"},
    "paused": {"active", "ended"},
    "ended": set(),
}


class CampaignUnknown(NotFound):
    """Your brand has no such campaign."""


class DatesInvalid(Invalid):
    """A campaign begins before it ends, and both lie in this century."""


class ProgrammeFixed(Conflict):
    """A campaign stays in its programme. Make another campaign instead."""


class StateUnreachable(Conflict):
    """A draft may be activated, an active campaign paused and resumed, and each may end; nothing else."""


class CampaignEnded(Conflict):
    """This campaign has ended and stays as it was. Make another campaign instead."""


async def find(session: AsyncSession, member: Member, key: str, *, lock: bool = False) -> Campaign | None:
    """A campaign of the caller's brand by its key."""
    row = select(Campaign).where(Campaign.brand_id == member.brand_id, Campaign.key == key)
    found: Campaign | None = await session.scalar(row.with_for_update() if lock else row)
    return found


async def get(session: AsyncSession, member: Member, key: str, *, lock: bool = False) -> Campaign:
    """A campaign of the caller's brand by its key.

    Raises:
        CampaignUnknown: there is none.
    """
    found = await find(session, member, key, lock=lock)
    if found is None:
        raise CampaignUnknown
    return found


async def put(session: AsyncSession, member: Member, key: str, new: CampaignIn) -> Campaign:
    """Make a campaign, or make an existing one so; another name or rule makes a new version. Again changes nothing.

    Raises:
        ProgrammeUnknown, DatesInvalid, ProgrammeFixed, StateUnreachable, CampaignEnded, BudgetSpent, those of
        `rule_writing`: as they say.
    """
    _check_dates(new)
    rule = await rule_writing.stored(session, member, new.rule)
    await service.by_id(session, member, new.programme_id)
    values: dict[str, Any] = {"state": new.state, "starts_at": new.starts_at, "ends_at": new.ends_at}
    row = insert(Campaign).values(brand_id=member.brand_id, programme_id=new.programme_id, key=key, **values)
    made: Campaign | None = await session.scalar(
        row.on_conflict_do_nothing(index_elements=["brand_id", "key"]).returning(Campaign)
    )
    if made is None:
        return await _change(session, member, await get(session, member, key, lock=True), new, rule)
    _check_move("draft", new.state)
    _add_version(session, member, made, new, rule)
    await budgets.change(session, made, new.budget)
    await _announce(session, member, made, "campaign.created", [])
    return made


async def _change(session: AsyncSession, member: Member, found: Campaign, new: CampaignIn, rule: Rule) -> Campaign:
    if found.programme_id != new.programme_id:
        raise ProgrammeFixed
    values = {"state": new.state, "starts_at": new.starts_at, "ends_at": new.ends_at, "budget": new.budget}
    changed = [name for name, value in values.items() if getattr(found, name) != value]
    if await _differs(session, found, new, rule):
        changed.append("rule")
    if not changed:
        return found
    if found.state == "ended":
        raise CampaignEnded
    _check_move(found.state, new.state)
    found.state, found.starts_at, found.ends_at = new.state, new.starts_at, new.ends_at
    if "rule" in changed:
        found.version += 1
        _add_version(session, member, found, new, rule)
    if "budget" in changed:
        await budgets.change(session, found, new.budget)
    await _announce(session, member, found, "campaign.changed", changed)
    return found


async def _differs(session: AsyncSession, found: Campaign, new: CampaignIn, rule: Rule) -> bool:
    row = select(CampaignVersion).where(
        CampaignVersion.campaign_id == found.id, CampaignVersion.version == found.version
    )
    newest = (await session.scalars(row)).one()
    was = (newest.name_ru, newest.name_en, msgspec.convert(newest.rule, Rule))
    return was != (new.name_ru.strip(), new.name_en.strip(), rule)


def _add_version(session: AsyncSession, member: Member, campaign: Campaign, new: CampaignIn, rule: Rule) -> None:
    session.add(
        CampaignVersion(
            brand_id=member.brand_id,
            campaign_id=campaign.id,
            version=campaign.version,
            name_ru=new.name_ru.strip(),
            name_en=new.name_en.strip(),
            rule=msgspec.to_builtins(rule, order="deterministic"),
            staff_id=member.staff_id,
        )
    )


async def _announce(session: AsyncSession, member: Member, campaign: Campaign, kind: str, changed: list[str]) -> None:
    audit.note(session, member, kind, id=campaign.id, version=campaign.version, changed=changed)
    await session.flush()
    await service.bump(session, member.brand_id, only=campaign.programme_id)


def _check_dates(new: CampaignIn) -> None:
    ends_at = new.ends_at or LAST
    if not FIRST <= new.starts_at < ends_at <= LAST:
        raise DatesInvalid


def _check_move(before: CampaignState, after: CampaignState) -> None:
    if before != after and after not in MOVES[before]:
        raise StateUnreachable
