"""Deletion of photos and answers: some time after the decision, and at once when the account is closed."""

from datetime import UTC, datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.db import jobs
from backend.core.db.database import Database
from backend.core.settings import Settings
from backend.core.storage.store import Files
from backend.earning.receipts import photos

BATCH = 500

OLD_PHOTOS = text("""
    SELECT id FROM receipts WHERE photo IS NOT NULL AND decided_at < now() - :days * interval '1 day'
    ORDER BY decided_at LIMIT :limit
""")
OLD_ANSWERS = text("""
    UPDATE receipts SET answer = NULL WHERE id = ANY(ARRAY(
        SELECT id FROM receipts WHERE answer IS NOT NULL AND decided_at < now() - :days * interval '1 day'
        LIMIT :limit))
    RETURNING id
""")
ACCOUNT_PHOTOS = text(
    "SELECT id FROM receipts WHERE account_id = :account AND photo IS NOT NULL ORDER BY id LIMIT :limit"
)
CLEAR_PHOTO = text("UPDATE receipts SET photo = NULL WHERE id = ANY(:ids)")
# Verified receipts stay claimed; their lines in review are refused one by one.
REFUSE = text("""
    SELECT receipts_refuse(id, 'account_closed') FROM receipts
    WHERE account_id = :account AND state IN ('pending', 'review')
""")
REFUSE_LINES = text("""
    WITH refused AS (
        UPDATE receipt_lines l SET state = 'refused', reason = 'account_closed' FROM receipts r
        WHERE r.account_id = :account AND l.receipt_id = r.id AND l.state = 'review' RETURNING l.receipt_id)
    SELECT DISTINCT receipt_id FROM refused ORDER BY 1
""")
REFRESH_STATE = text("SELECT receipts_conclude(:receipt, 'account_closed', NULL)")
# The key is the phone's own id, the same as the scan's.
UNLINK = text("UPDATE receipts SET answer = NULL, key = gen_random_uuid() WHERE account_id = :account")


async def erase_receipts(session: AsyncSession, account_id: int) -> None:
    """Refuse an account's undecided receipts and lines, and remove its answers and photos; claims and paid lines stay.

    The caller holds the account's lock.
    """
    account = {"account": account_id}
    await session.execute(REFUSE, account)
    for receipt_id in (await session.scalars(REFUSE_LINES, account)).all():
        await session.execute(REFRESH_STATE, {"receipt": receipt_id})
    await session.execute(UNLINK, account)
    # Last: all receipts are decided now, so no photo can be added any more.
    if (await session.execute(ACCOUNT_PHOTOS, account | {"limit": 1})).first():
        await jobs.enqueue(session, remove_photos, account_id=account_id)


@jobs.task("receipts", seconds=3600)
async def remove_photos(account_id: int, *, db: Database, files: Files) -> None:
    """Remove the photos of a closed account."""
    while rows := await db.rows(ACCOUNT_PHOTOS, account=account_id, limit=BATCH):
        await _remove_photos(db, files, [row.id for row in rows])


@jobs.task("receipts", cron="38 * * * *", seconds=3000)
async def remove_old_photos(*, db: Database, files: Files, settings: Settings) -> None:
    """Remove the photos of receipts that were decided long ago."""
    days = settings.numbers.at("receipt_photo_days", datetime.now(UTC).date())
    while rows := await db.rows(OLD_PHOTOS, days=days, limit=BATCH):
        await _remove_photos(db, files, [row.id for row in rows])


@jobs.task("receipts", cron="53 2 * * *", seconds=3000)
async def remove_old_answers(*, db: Database, settings: Settings) -> None:
    """Remove agents' answers about receipts that were decided long ago."""
    days = settings.numbers.at("receipt_photo_days", datetime.now(UTC).date())
    while await db.rows(OLD_ANSWERS, days=days, limit=BATCH):
        pass


async def _remove_photos(db: Database, files: Files, ids: list[int]) -> None:
    """Remove the objects first: a row names them until they are gone, so a retry after a crash finds the rest."""
    for receipt_id in ids:
        await files.remove_folder(photos.photo_folder(receipt_id))
        await db.rows(CLEAR_PHOTO, ids=[receipt_id])
