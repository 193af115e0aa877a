"""Photos of receipts: one for each, named in its row before it is stored, so that whatever is stored can be found.

An object without a row could never be deleted. A row without its object can: whoever was cut off sends the photo again.
"""

import io
from collections.abc import Iterable
from typing import Any
from uuid import UUID

import msgspec
from litestar.openapi.datastructures import ResponseSpec
from litestar.response import Stream
from sqlalchemy import text

from backend.database import Database
from backend.errors import Conflict, NotFound
from backend.files.objects import FileMissing
from backend.files.store import Files
from backend.receipts.listing import ReceiptUnknown

JPEG = "image/jpeg"
PHOTO = ResponseSpec(bytes, media_type=JPEG, description="The photo, as it was cleaned.", generate_examples=False)

ONE = text("""
    SELECT id, photo, decided_at IS NOT NULL AS decided FROM receipts WHERE account_id = :account AND key = :key
""")
WANTING = text("""
    SELECT id FROM receipts WHERE account_id = :account AND id = ANY(:ids) AND decided_at IS NULL AND photo IS NULL
""")
NAME = text("""
    UPDATE receipts SET photo = :name
    WHERE id = :id AND decided_at IS NULL AND (photo IS NULL OR photo = :name OR photo = :lost) RETURNING id
""")
STORED = text("""
    UPDATE receipts SET
        reason = CASE WHEN state = 'review' AND reason = 'photo_needed' THEN 'being_checked' ELSE reason END
    WHERE id = :id AND photo = :name RETURNING id
""")


class ReceiptDecided(Conflict):
    """This receipt is decided already."""


class PhotoKept(Conflict):
    """This receipt has a photo already."""


class PhotoUnknown(NotFound):
    """There is no photo of this receipt."""


class Place(msgspec.Struct, frozen=True):
    """Where a receipt's photo is to be stored. `lost`: a name in its row under which nothing was ever stored."""

    receipt_id: int
    name: str
    lost: str | None = None
    is_stored: bool = False


def folder(receipt_id: int) -> str:
    """Where all that is stored of a receipt lies."""
    return f"receipts/{receipt_id}"


def _name(receipt_id: int, digest: bytes) -> str:
    """By the picture as it was sent: the same bytes again are the same photo."""
    return f"{folder(receipt_id)}/{digest.hex()}.jpg"


async def place(db: Database, files: Files, account_id: int, key: UUID, digest: bytes) -> Place:
    """Where a photo of an account's receipt is to be stored, or is.

    Raises:
        ReceiptUnknown: the account has no such receipt. ReceiptDecided: nobody will look at it any more.
        PhotoKept: it has another one.
    """
    rows = await db.rows(ONE, account=account_id, key=key)
    if not rows:
        raise ReceiptUnknown
    row, name = rows[0], _name(rows[0].id, digest)
    stored = row.photo is not None and await files.exists(row.photo)
    if stored and row.photo == name:
        return Place(row.id, name, is_stored=True)
    if row.decided:
        raise ReceiptDecided
    if stored:
        raise PhotoKept
    return Place(row.id, name, lost=row.photo)


async def wanting(db: Database, account_id: int, ids: Iterable[int], digest: bytes) -> list[Place]:
    """Which of an account's receipts wait for their decision and have no photo yet."""
    rows = await db.rows(WANTING, account=account_id, ids=list(ids))
    return [Place(row.id, _name(row.id, digest)) for row in rows]


async def keep(db: Database, files: Files, where: Place, jpeg: bytes) -> None:
    """Store a clean photo; safe to run again. A receipt that waited for one waits for a person now.

    Raises:
        PhotoKept: another one was faster. ReceiptDecided: so was the decision, or the account's end.
    """
    if not await db.rows(NAME, id=where.receipt_id, name=where.name, lost=where.lost):
        raise PhotoKept
    await files.put(where.name, io.BytesIO(jpeg))
    if not await db.rows(STORED, id=where.receipt_id, name=where.name):
        # Deleted, or replaced as lost, while it was on its way: then nothing names it any more.
        await files.remove(where.name)
        raise ReceiptDecided


async def shown(files: Files, name: str | None) -> Stream:
    """A photo on its way to whoever may see it.

    Raises:
        PhotoUnknown: there is none, or it was deleted this very moment.
    """
    if name is None:
        raise PhotoUnknown
    try:
        chunks: Any = await files.open(name)
    except FileMissing as error:
        raise PhotoUnknown from error
    headers = {"Content-Disposition": 'inline; filename="receipt.jpg"', "Cache-Control": "private, no-store",
               "X-Content-Type-Options": "nosniff"}  # fmt: skip
    return Stream(chunks, media_type=JPEG, headers=headers)
