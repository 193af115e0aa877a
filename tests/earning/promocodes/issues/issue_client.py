"""Requests about issues of promo codes, and the steps of their job."""

import uuid

from sqlalchemy import select, text

from backend.earning.promocodes.issues import generation as code_generation
from backend.earning.promocodes.models import PromoCode, PromoIssue
from backend.programmes.rules.rule import PercentAmount, Promo, Rule

JOBS = text("SELECT task_name, args FROM procrastinate_jobs ORDER BY id")
RULE = Rule(ways=frozenset({"promo"}), amount=PercentAmount(300), promo=Promo(discount=PercentAmount(500)))


def path(key, *more):
    return "/".join(["/v1/console/promo-issues", str(key), *more])


async def order(manager, campaign, count=100, key=None, **fields):
    return await manager.put(path(key or uuid.uuid4()), {"campaign": campaign.key, "count": count} | fields)


async def one_step(db, key):
    """Run one job without enqueueing the next."""
    async with db.begin() as session:
        issue = await session.scalar(select(PromoIssue.id).where(PromoIssue.key == uuid.UUID(key)))
        return await code_generation.generate_part(session, issue)


async def made(db, manager, campaign, **fields):
    """A finished issue."""
    issue = (await order(manager, campaign, **fields)).json()
    while await one_step(db, issue["id"]):
        pass
    return (await manager.get(path(issue["id"]))).json()


async def codes_of(db, key):
    async with db.begin() as session:
        query = select(PromoCode).join(PromoIssue, PromoIssue.id == PromoCode.issue_id)
        return list(await session.scalars(query.where(PromoIssue.key == uuid.UUID(key)).order_by(PromoCode.id)))
