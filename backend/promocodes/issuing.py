"""How the worker makes the codes that a brand ordered: part by part, and what is done stays done when it falls."""

import asyncio
from pathlib import Path

import msgspec
from sqlalchemy import func, text
from sqlalchemy.ext.asyncio import AsyncSession

from backend import events, jobs
from backend.database import Database
from backend.promocodes.drawing import Design, draw
from backend.promocodes.forbidden import is_forbidden
from backend.promocodes.models import PromoIssue
from backend.settings import Settings

PART = 50_000  # codes; a part takes about half a second

# A code that somebody has already is left out; the next part draws another in its place.
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
        if await step(session, issue_id, settings.forbidden_words):
            await jobs.enqueue(session, make_codes, issue_id=issue_id)


async def step(session: AsyncSession, issue_id: int, forbidden_words: Path | None = None) -> bool:
    """Store one part of an issue's codes and count it, in one transaction; says whether codes are missing still.

    The issue is locked: of several workers at it, each stores another part.
    """
    issue = await session.get(PromoIssue, issue_id, with_for_update=True, populate_existing=True)
    if issue is None or issue.state in ("done", "failed"):
        return False
    design = msgspec.convert(issue.design, Design)
    if is_forbidden(design.folded, forbidden_words):
        issue.state, issue.problem = "failed", "The prefix holds a word that has become forbidden."
        return False
    codes = await asyncio.to_thread(_decent, min(PART, issue.count - issue.done), design, forbidden_words)
    issue.done += await _store(session, issue, design, codes)
    issue.state = "working"
    if issue.done == issue.count:
        issue.state, issue.done_at = "done", func.now()
        events.record(session, "promo_issue.done", brand_id=issue.brand_id, issue=str(issue.key), codes=issue.count)
    return issue.state != "done"


def _decent(count: int, design: Design, forbidden_words: Path | None) -> list[str]:
    """At most so many codes, none of which holds a forbidden word."""
    return [code for code in draw(count, design) if not is_forbidden(code, forbidden_words)]


async def _store(session: AsyncSession, issue: PromoIssue, design: Design, codes: list[str]) -> int:
    """Store codes; returns how many of them nobody had."""
    values = {
        "codes": " ".join(codes), "prefix": design.shown, "folded": len(design.folded),
        "brand": issue.brand_id, "campaign": issue.campaign_id, "issue": issue.id,
    }  # fmt: skip
    stored = await session.execute(STORE, values)
    return int(stored.scalar_one())
