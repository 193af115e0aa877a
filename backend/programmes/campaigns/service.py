"""Campaigns: create and change them version by version, and the transitions of their state."""

from datetime import UTC, datetime

import msgspec
from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.http.errors import Conflict, Invalid, NotFound
from backend.identity.brands import audit_log
from backend.identity.brands.authentication import Member
from backend.programmes import service
from backend.programmes.campaigns import budgets, rule_input
from backend.programmes.campaigns.schemas import CampaignIn
from backend.programmes.models import Campaign, CampaignState, CampaignVersion, DayCap
from backend.programmes.rules.rule import NEVER, PAYING_WAYS, Rule

EARLIEST_DATE, LATEST_DATE = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
STATE_TRANSITIONS: dict[CampaignState, set[CampaignState]] = {
    "draft": {"active", "ended"},
    "active": {"paused", "ended"},
    "paused": {"active", "ended"},
    "ended": set(),
}


class CampaignUnknown(NotFound):
    """Your brand has no such campaign."""

    code = "campaign_unknown"


class DatesInvalid(Invalid):
    """A campaign begins before it ends, and both lie in this century."""

    code = "dates_invalid"


class ProgrammeFixed(Conflict):
    """A campaign stays in its programme. Make another campaign instead."""

    code = "programme_fixed"


class StateUnreachable(Conflict):
    """A draft may be activated, an active campaign paused and resumed, and each may end; nothing else."""

    code = "state_unreachable"


class RuleNeverPays(Invalid):
    """Nothing earns by these ways yet: {ways}. A campaign that has no other one would never pay."""

    code = "rule_never_pays"


class CampaignEnded(Conflict):
    """This campaign has ended and stays as it was. Make another campaign instead."""

    code = "campaign_ended"


async def find_campaign(session: AsyncSession, member: Member, key: str, *, lock: bool = False) -> Campaign | None:
    """A campaign of the caller's brand by its key."""
    row = select(Campaign).where(Campaign.brand_id == member.brand_id, Campaign.key == key)
    found: Campaign | None = await session.scalar(row.with_for_update() if lock else row)
    return found


async def get_campaign(session: AsyncSession, member: Member, key: str, *, lock: bool = False) -> Campaign:
    """A campaign of the caller's brand by its key.

    Raises:
        CampaignUnknown: there is none.
    """
    found = await find_campaign(session, member, key, lock=lock)
    if found is None:
        raise CampaignUnknown
    return found


async def put_campaign(session: AsyncSession, member: Member, key: str, new: CampaignIn) -> Campaign:
    """Create or change a campaign; another name or rule makes a new version. Idempotent.

    Raises:
        ProgrammeUnknown, DatesInvalid, ProgrammeFixed, StateUnreachable, CampaignEnded, BudgetSpent,
        RULE_INPUT_ERRORS.
    """
    _check_dates(new)
    _check_ways(new)
    rule = await rule_input.build_rule(session, member, new.rule)
    await service.get_programme_by_id(session, member, new.programme_id)
    values: dict[str, object] = {"state": new.state, "starts_at": new.starts_at, "ends_at": new.ends_at}
    row = insert(Campaign).values(brand_id=member.brand_id, programme_id=new.programme_id, key=key, **values)
    created: Campaign | None = await session.scalar(
        row.on_conflict_do_nothing(index_elements=["brand_id", "key"]).returning(Campaign)
    )
    if created is None:
        return await _change_campaign(session, member, await get_campaign(session, member, key, lock=True), new, rule)
    _check_transition("draft", new.state)
    _add_version(session, member, created, 1, new, rule)
    await budgets.change_budget(session, created, new.budget)
    await _record_change(session, member, created, "campaign.created", [])
    return created


async def _change_campaign(
    session: AsyncSession, member: Member, found: Campaign, new: CampaignIn, rule: Rule
) -> Campaign:
    if found.programme_id != new.programme_id:
        raise ProgrammeFixed
    values = {"state": new.state, "starts_at": new.starts_at, "ends_at": new.ends_at, "budget": new.budget}
    changed = [name for name, value in values.items() if getattr(found, name) != value]
    is_planned = new.rule_from is not None and new.rule_from > datetime.now(UTC)
    if is_planned and not await _is_planned(session, found, new, rule):
        changed.append("planned")
    elif not is_planned and await _differs_from_version(session, found, found.version, new, rule):
        changed.append("rule")
    if not changed:
        return found
    if found.state == "ended":
        raise CampaignEnded
    _check_transition(found.state, new.state)
    found.state, found.starts_at, found.ends_at = new.state, new.starts_at, new.ends_at
    if rule.cap_per_agent is not None:
        await _drop_stale_totals(session, found)
    if "rule" in changed:
        found.version = await _next_version_number(session, found)
        found.next_version = found.next_at = None
        _add_version(session, member, found, found.version, new, rule)
    if "planned" in changed:
        found.next_version, found.next_at = await _next_version_number(session, found), new.rule_from
        _add_version(session, member, found, found.next_version, new, rule)
    if "budget" in changed:
        await budgets.change_budget(session, found, new.budget)
    await _record_change(session, member, found, "campaign.changed", changed)
    return found


async def _next_version_number(session: AsyncSession, found: Campaign) -> int:
    """The number of a new version; the campaign's row is locked."""
    row = select(func.max(CampaignVersion.version)).where(CampaignVersion.campaign_id == found.id)
    return int((await session.scalar(row)) or 0) + 1


async def _drop_stale_totals(session: AsyncSession, found: Campaign) -> None:
    """Drop the uses of total caps if the current rule has no such cap: they are stale, and the next claim sums them."""
    current_rule = select(CampaignVersion).where(
        CampaignVersion.campaign_id == found.id,
        CampaignVersion.version == found.version,
        CampaignVersion.rule.has_key("cap_per_agent"),
    )
    if await session.scalar(current_rule) is None:
        await session.execute(delete(DayCap).where(DayCap.campaign_id == found.id, DayCap.day == NEVER))


async def _is_planned(session: AsyncSession, found: Campaign, new: CampaignIn, rule: Rule) -> bool:
    if found.next_version is None or found.next_at != new.rule_from:
        return False
    return not await _differs_from_version(session, found, found.next_version, new, rule)


async def _differs_from_version(
    session: AsyncSession, found: Campaign, number: int, new: CampaignIn, rule: Rule
) -> bool:
    row = select(CampaignVersion).where(CampaignVersion.campaign_id == found.id, CampaignVersion.version == number)
    version = (await session.scalars(row)).one()
    old = (version.name_ru, version.name_en, msgspec.convert(version.rule, Rule))
    return old != (new.name_ru.strip(), new.name_en.strip(), rule)


def _add_version(
    session: AsyncSession, member: Member, campaign: Campaign, number: int, new: CampaignIn, rule: Rule
) -> None:
    session.add(
        CampaignVersion(
            brand_id=member.brand_id,
            campaign_id=campaign.id,
            version=number,
            name_ru=new.name_ru.strip(),
            name_en=new.name_en.strip(),
            rule=msgspec.to_builtins(rule, order="deterministic"),
            staff_id=member.staff_id,
        )
    )


async def _record_change(
    session: AsyncSession, member: Member, campaign: Campaign, kind: str, changed: list[str]
) -> None:
    audit_log.record(session, member, kind, id=campaign.id, version=campaign.version, changed=changed)
    await session.flush()
    await service.bump_rules_version(session, member.brand_id, only=campaign.programme_id)


def _check_dates(new: CampaignIn) -> None:
    ends_at = new.ends_at or LATEST_DATE
    if not EARLIEST_DATE <= new.starts_at < ends_at <= LATEST_DATE:
        raise DatesInvalid


def _check_ways(new: CampaignIn) -> None:
    if new.state == "active" and not new.rule.ways & PAYING_WAYS:
        raise RuleNeverPays(ways=", ".join(sorted(new.rule.ways)))


def _check_transition(before: CampaignState, after: CampaignState) -> None:
    if before != after and after not in STATE_TRANSITIONS[before]:
        raise StateUnreachable
