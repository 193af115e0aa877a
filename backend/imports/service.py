"""Check files and apply them. A check is the import itself, rolled back."""

import asyncio
import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from cryptography.exceptions import InvalidTag
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import undefer

from backend.core.http.errors import BodyChanged, Conflict, NotFound
from backend.core.security import encryption
from backend.core.settings import Settings
from backend.identity.brands.authentication import Member
from backend.imports import import_kinds
from backend.imports.import_kinds import ImportRequest
from backend.imports.models import ImportFile
from backend.imports.schemas import ImportReport
from backend.programmes.products.imports import FileTooLarge, ImportUnderWay, import_limits

PURPOSE = b"scanback import files"
WAITING_TIME = timedelta(days=1)
WAITING_FILES = 10  # of a brand; older ones can no longer be applied
# Content is stored only while it can be applied, and only for the newest files of a brand.
DELETE_CONTENT = text("""
    UPDATE import_files SET content = NULL WHERE brand_id = :brand AND content IS NOT NULL AND (expires_at < :now
        OR id NOT IN (SELECT id FROM import_files WHERE brand_id = :brand AND content IS NOT NULL
            ORDER BY id DESC LIMIT :most))
""")


class ImportUnknown(NotFound):
    """Your brand has no import with this id."""

    code = "import_unknown"


class ImportExpired(Conflict):
    """This file was checked too long ago and is no longer held. Send it again."""

    code = "import_expired"


async def check_file(
    session: AsyncSession, settings: Settings, member: Member, request: ImportRequest, content: bytes, now: datetime
) -> ImportFile:
    """Check a file, or apply it at once. Idempotent by its id.

    Raises:
        BodyChanged: the id is another file's. FileTooLarge, ImportUnderWay, and what the kind's own import raises.
    """
    if len(content) > (limit := import_limits(settings, now).bytes):
        raise FileTooLarge(most=limit // 2**20)
    digest = hashlib.sha256(content).digest()
    if existing := await _find_file(session, member, request.key):
        if (existing.kind, existing.target, existing.digest) != (request.kind, request.target, digest):
            raise BodyChanged
        return existing
    report = await _import_file(session, settings, member, request, content, now)
    row = ImportFile(
        brand_id=member.brand_id,
        key=request.key,
        staff_id=member.staff_id,
        kind=request.kind,
        target=request.target,
        state="applied" if request.apply else "checked",
        digest=digest,
        report=msgspec.to_builtins(report),
        content=None if request.apply else await asyncio.to_thread(_encrypt_content, settings, request.key, content),
        created_at=now,
        expires_at=now + WAITING_TIME,
        applied_at=now if request.apply else None,
    )
    session.add(row)
    try:
        await session.flush()
    except IntegrityError as error:
        raise ImportUnderWay from error
    await session.execute(DELETE_CONTENT, {"brand": member.brand_id, "now": now, "most": WAITING_FILES})
    return row


async def apply_import(
    session: AsyncSession, settings: Settings, member: Member, key: UUID, now: datetime
) -> ImportFile:
    """Apply a checked file. Idempotent. The report is that of the application.

    Raises:
        ImportUnknown, ImportExpired, and what the kind's own import raises.
    """
    row = await _find_file(session, member, key, lock=True)
    if row is None:
        raise ImportUnknown
    if row.state == "applied":
        return row
    if row.content is None or row.expires_at <= now:
        raise ImportExpired
    try:
        content = await asyncio.to_thread(encryption.decrypt, settings.master_keys, PURPOSE, key.bytes, row.content)
    except InvalidTag as error:
        raise ImportExpired from error
    request = ImportRequest(key, row.kind, row.target, apply=True)
    report = await import_kinds.import_file(session, settings, member, request, content, now)
    row.report, row.state, row.content, row.applied_at = msgspec.to_builtins(report), "applied", None, now
    await session.flush()
    return row


async def get_import(session: AsyncSession, member: Member, key: UUID) -> ImportFile:
    """An import of the brand.

    Raises:
        ImportUnknown: there is none.
    """
    row = await _find_file(session, member, key)
    if row is None:
        raise ImportUnknown
    return row


async def list_imports(session: AsyncSession, member: Member, before: int | None, most: int) -> Sequence[ImportFile]:
    """The brand's imports with ids below `before`, newest first."""
    rows = select(ImportFile).where(ImportFile.brand_id == member.brand_id, ImportFile.id < (before or 2**62))
    return (await session.scalars(rows.order_by(ImportFile.id.desc()).limit(most))).all()


async def _import_file(
    session: AsyncSession, settings: Settings, member: Member, request: ImportRequest, content: bytes, now: datetime
) -> ImportReport:
    """Import in a savepoint, which a check rolls back, so that both have the same report."""
    async with session.begin_nested() as savepoint:
        report = await import_kinds.import_file(session, settings, member, request, content, now)
        if not request.apply:
            await savepoint.rollback()
    return report


async def _find_file(session: AsyncSession, member: Member, key: UUID, *, lock: bool = False) -> ImportFile | None:
    query = select(ImportFile).where(ImportFile.brand_id == member.brand_id, ImportFile.key == key)
    row: ImportFile | None = await session.scalar(
        query.options(undefer(ImportFile.content)).with_for_update() if lock else query
    )
    return row


def _encrypt_content(settings: Settings, key: UUID, content: bytes) -> bytes:
    return encryption.encrypt(settings.master_keys, PURPOSE, key.bytes, content)
