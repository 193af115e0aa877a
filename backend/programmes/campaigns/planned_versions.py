"""Planned versions of campaigns: each becomes the current version at its time."""

import structlog
from sqlalchemy import text

from backend.core.db import events, jobs
from backend.core.db.database import Database
from backend.programmes import service

log = structlog.get_logger("scanback")

# Locked in the order of their ids; a campaign that is locked by another transaction comes with the next run.
DUE = text("""
    UPDATE campaigns c SET version = d.next_version, next_version = NULL, next_at = NULL
    FROM (SELECT id, next_version FROM campaigns WHERE next_at <= now() AND state <> 'ended'
        ORDER BY id FOR UPDATE SKIP LOCKED LIMIT 100) AS d
    WHERE c.id = d.id RETURNING c.id, c.brand_id, c.programme_id, c.version
""")


@jobs.task("upkeep", cron="* * * * * */5")
async def begin_planned_versions(*, db: Database) -> None:
    """Make due versions current, and raise the rules version of their programmes."""
    async with db.begin() as session:
        for row in (await session.execute(DUE)).all():
            events.record(
                session, "campaign.changed", brand_id=row.brand_id, id=row.id, version=row.version, changed=["rule"]
            )
            await session.flush()
            await service.bump_rules_version(session, row.brand_id, only=row.programme_id)
            log.info("campaign_version_begun", campaign=row.id, version=row.version)
