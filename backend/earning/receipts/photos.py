"""Photos of receipts: one for each. The row names the object before it is stored, so every stored object can be found.

An object without a row could never be deleted. A row without its object is harmless: the agent sends the photo again.
"""

import io
from collections.abc import Iterable
from typing import Any
from uuid import UUID

import msgspec
from litestar.openapi.datastructures import ResponseSpec
from litestar.response import Stream
from sqlalchemy import text

from backend.core.db.database import Database
from backend.core.http.errors import Conflict, NotFound
from backend.core.storage.objects import FileMissing
from backend.core.storage.store import Files
from backend.earning.receipts.receipt_list import ReceiptUnknown

JPEG = "image/jpeg"
PHOTO = ResponseSpec(bytes, media_type=JPEG, description="The photo without metadata.", generate_examples=False)

RECEIPT_PHOTO = text("""
    SELECT id, photo, decided_at IS NOT NULL AS decided FROM receipts WHERE account_id = :account AND key = :key
""")
RECEIPTS_WITHOUT_PHOTO = text("""
    SELECT id FROM receipts WHERE account_id = :account AND id = ANY(:ids) AND decided_at IS NULL AND photo IS NULL
""")
SET_PHOTO_NAME = text("""
    UPDATE receipts SET photo = :name
    WHERE id = :id AND decided_at IS NULL AND (photo IS NULL OR photo = :name OR photo = :lost) RETURNING id
""")
CONFIRM_PHOTO = text("""
    UPDATE receipts SET
        reason = CASE WHEN state = 'review' AND reason = 'photo_needed' THEN 'being_checked' ELSE reason END
    WHERE id = :id AND photo = :name RETURNING id
""")


class ReceiptDecided(Conflict):
    """This receipt is decided already."""

    code = "receipt_decided"


class PhotoExists(Conflict):
    """This receipt has a photo already."""

    code = "photo_kept"


class PhotoUnknown(NotFound):
    """There is no photo of this receipt."""

    code = "photo_unknown"


class PhotoLocation(msgspec.Struct, frozen=True):
    """Where a receipt's photo is stored. `lost`: a name in its row under which no object was ever stored."""

    receipt_id: int
    name: str
    lost: str | None = None
    is_stored: bool = False


def photo_folder(receipt_id: int) -> str:
    """The storage folder of a receipt."""
    return f"receipts/{receipt_id}"


def _object_name(receipt_id: int, digest: bytes) -> str:
    """The object's name, by the digest of the picture as it was sent: the same bytes are the same photo."""
    return f"{photo_folder(receipt_id)}/{digest.hex()}.jpg"


async def locate_photo(db: Database, files: Files, account_id: int, key: UUID, digest: bytes) -> PhotoLocation:
    """The location of a photo of an account's receipt.

    Raises:
        ReceiptUnknown: the account has no such receipt. ReceiptDecided: it needs no photo any more.
        PhotoKept: it has another one.
    """
    rows = await db.rows(RECEIPT_PHOTO, account=account_id, key=key)
    if not rows:
        raise ReceiptUnknown
    row, name = rows[0], _object_name(rows[0].id, digest)
    stored = row.photo is not None and await files.exists(row.photo)
    if stored and row.photo == name:
        return PhotoLocation(row.id, name, is_stored=True)
    if row.decided:
        raise ReceiptDecided
    if stored:
        raise PhotoExists
    return PhotoLocation(row.id, name, lost=row.photo)


async def receipts_without_photo(
    db: Database, account_id: int, ids: Iterable[int], digest: bytes
) -> list[PhotoLocation]:
    """Locations for the account's undecided receipts without a photo."""
    rows = await db.rows(RECEIPTS_WITHOUT_PHOTO, account=account_id, ids=list(ids))
    return [PhotoLocation(row.id, _object_name(row.id, digest)) for row in rows]


async def store_photo(db: Database, files: Files, location: PhotoLocation, jpeg: bytes) -> None:
    """Store a cleaned photo. Idempotent. A receipt with the reason `photo_needed` becomes `being_checked`.

    Raises:
        PhotoKept: another photo was stored first. ReceiptDecided: it was decided first, or the account was closed.
    """
    if not await db.rows(SET_PHOTO_NAME, id=location.receipt_id, name=location.name, lost=location.lost):
        raise PhotoExists
    await files.put(location.name, io.BytesIO(jpeg))
    if not await db.rows(CONFIRM_PHOTO, id=location.receipt_id, name=location.name):
        # Deleted, or replaced as lost, during the upload: no row names the object any more.
        await files.remove(location.name)
        raise ReceiptDecided


async def stream_photo(files: Files, name: str | None) -> Stream:
    """Stream a photo.

    Raises:
        PhotoUnknown: there is none, or it was just deleted.
    """
    if name is None:
        raise PhotoUnknown
    try:
        chunks: Any = await files.open(name)
    except FileMissing as error:
        raise PhotoUnknown from error
    headers = {
        "Content-Disposition": 'inline; filename="receipt.jpg"',
        "Cache-Control": "private, no-store",
        "X-Content-Type-Options": "nosniff",
    }
    return Stream(chunks, media_type=JPEG, headers=headers)
