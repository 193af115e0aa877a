"""What goes of receipts: photos and answers some time after the decision, and at once when their agent goes."""

from datetime import UTC, datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from backend import jobs
from backend.database import Database
from backend.files.store import Files
from backend.receipts import photos
from backend.settings import Settings

BATCH = 500

OLD = text("""
    SELECT id FROM receipts WHERE photo IS NOT NULL AND decided_at < now() - :days * interval '1 day'
    ORDER BY decided_at LIMIT :most
""")
OLD_ANSWERS = text("""
    UPDATE receipts SET answer = NULL WHERE id = ANY(ARRAY(
        SELECT id FROM receipts WHERE answer IS NOT NULL AND decided_at < now() - :days * interval '1 day' LIMIT :most))
    RETURNING id
""")
OF_ACCOUNT = text("SELECT id FROM receipts WHERE account_id = :account AND photo IS NOT NULL ORDER BY id LIMIT :most")
GONE = text("UPDATE receipts SET photo = NULL WHERE id = ANY(:ids)")
# Receipts that were verified stay claimed: what of them still waited is refused line by line.
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
CONCLUDE = text("SELECT receipts_conclude(:receipt, 'account_closed', NULL)")
# The id was the phone's own, the same as the scan's.
UNLINK = text("UPDATE receipts SET answer = NULL, key = gen_random_uuid() WHERE account_id = :account")


async def forget(session: AsyncSession, account_id: int) -> None:
    """Close what waits of an account's receipts, and remove its answers and photos; claims and paid lines stay.

    The caller holds the account's lock.
    """
    account = {"account": account_id}
    await session.execute(REFUSE, account)
    for receipt_id in (await session.scalars(REFUSE_LINES, account)).all():
        await session.execute(CONCLUDE, {"receipt": receipt_id})
    await session.execute(UNLINK, account)
    # Asked last: now all are decided, and no photo can be named any more.
    if (await session.execute(OF_ACCOUNT, account | {"most": 1})).first():
        await jobs.enqueue(session, remove_photos, account_id=account_id)


@jobs.task("receipts", seconds=3600)
async def remove_photos(account_id: int, *, db: Database, files: Files) -> None:
    """Remove the photos of an account that has gone."""
    while rows := await db.rows(OF_ACCOUNT, account=account_id, most=BATCH):
        await _remove(db, files, [row.id for row in rows])


@jobs.task("receipts", cron="38 * * * *", seconds=3000)
async def remove_old_photos(*, db: Database, files: Files, settings: Settings) -> None:
    """Remove the photos of receipts that were decided long ago."""
    days = settings.numbers.at("receipt_photo_days", datetime.now(UTC).date())
    while rows := await db.rows(OLD, days=days, most=BATCH):
        await _remove(db, files, [row.id for row in rows])


@jobs.task("receipts", cron="53 2 * * *", seconds=3000)
async def remove_old_answers(*, db: Database, settings: Settings) -> None:
    """Remove what agents answered about receipts that were decided long ago."""
    days = settings.numbers.at("receipt_photo_days", datetime.now(UTC).date())
    while await db.rows(OLD_ANSWERS, days=days, most=BATCH):
        pass


async def _remove(db: Database, files: Files, ids: list[int]) -> None:
    """The objects first: a row names them until they are gone, so whoever comes after a fall finds the rest."""
    for receipt_id in ids:
        await files.remove_folder(photos.folder(receipt_id))
        await db.rows(GONE, ids=[receipt_id])
