"""The worker's job that makes ordered codes in parts. After a crash it continues with the next part."""

import asyncio
from pathlib import Path

import msgspec
from sqlalchemy import func, text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.db import events, jobs
from backend.core.db.database import Database
from backend.core.settings import Settings
from backend.earning.promocodes.issues.random_codes import Design, draw_codes
from backend.earning.promocodes.models import PromoIssue
from backend.earning.promocodes.words.forbidden import is_forbidden

PART = 50_000  # codes; a part takes about half a second

# Codes that exist already are left out; the next part draws others in their place.
STORE = text("""
    WITH made AS (
        INSERT INTO promo_codes (code, shown, brand_id, campaign_id, issue_id)
        SELECT code, CAST(:prefix AS text) || substr(code, :folded + 1), :brand, :campaign, :issue
        FROM string_to_table(:codes, ' ') AS code
        ON CONFLICT (code) DO NOTHING RETURNING 1
    )
    SELECT count(*) FROM made
""")


@jobs.task("promo")
async def make_codes(issue_id: int, *, db: Database, settings: Settings) -> None:
    """Make the next part of an issue's codes, and enqueue the job for the one after in the same transaction."""
    async with db.begin() as session:
        if await generate_part(session, issue_id, settings.forbidden_words):
            await jobs.enqueue(session, make_codes, issue_id=issue_id)


async def generate_part(session: AsyncSession, issue_id: int, forbidden_words: Path | None = None) -> bool:
    """Store one part of an issue's codes and count it, in one transaction. Returns whether codes are missing.

    Locks the issue, so concurrent workers store different parts.
    """
    issue = await session.get(PromoIssue, issue_id, with_for_update=True, populate_existing=True)
    if issue is None or issue.state in ("done", "failed"):
        return False
    design = msgspec.convert(issue.design, Design)
    if is_forbidden(design.folded, forbidden_words):
        issue.state, issue.problem = "failed", "The prefix holds a word that has become forbidden."
        return False
    codes = await asyncio.to_thread(_draw_allowed_codes, min(PART, issue.count - issue.done), design, forbidden_words)
    issue.done += await _store_codes(session, issue, design, codes)
    issue.state = "working"
    if issue.done == issue.count:
        issue.state, issue.done_at = "done", func.now()
        events.record(session, "promo_issue.done", brand_id=issue.brand_id, issue=str(issue.key), codes=issue.count)
    return issue.state != "done"


def _draw_allowed_codes(count: int, design: Design, forbidden_words: Path | None) -> list[str]:
    """Up to `count` codes without forbidden words."""
    return [code for code in draw_codes(count, design) if not is_forbidden(code, forbidden_words)]


async def _store_codes(session: AsyncSession, issue: PromoIssue, design: Design, codes: list[str]) -> int:
    """Store codes. Returns how many of them are new."""
    values = {
        "codes": " ".join(codes),
        "prefix": design.shown,
        "folded": len(design.folded),
        "brand": issue.brand_id,
        "campaign": issue.campaign_id,
        "issue": issue.id,
    }
    stored = await session.execute(STORE, values)
    return int(stored.scalar_one())
