"""The audit log: a page of entries, or all of a period as a file."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Annotated, Any, NamedTuple, Self

import msgspec
from msgspec import Meta
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.db.database import Database
from backend.core.db.rows import read_rows
from backend.core.http.models import ResponseModel
from backend.core.json_values import JsonObject
from backend.core.language import Language
from backend.core.tabular.output.table_files import Cell, Format, table_file
from backend.identity.brands.authentication import Member
from backend.reporting.lists.files import PAGE_ROWS, Headers, format_moscow_time, read_pages
from backend.reporting.lists.list_filters import AuditFilters, equality_condition, period_condition

ENTRIES = text(f"""
    SELECT e.id, e.at, e.kind, e.body, m.email FROM events e JOIN staff m ON m.id = e.staff_id
    WHERE e.brand_id = :brand AND e.staff_id IS NOT NULL AND e.id < :before
        AND {period_condition("events", "e.id", "e.at")} AND {equality_condition("m.email", "member")}
        AND (CAST(:kind AS text) IS NULL OR e.kind = :kind
            OR right(CAST(:kind AS text), 1) = '.' AND starts_with(e.kind, CAST(:kind AS text)))
    ORDER BY e.id DESC LIMIT :limit
""")  # noqa: S608 - our own conditions, values are parameters
HEADERS: Headers = {
    "en": ("event", "at", "member", "kind", "details"),
    "ru": ("Событие", "Когда", "Сотрудник", "Что сделано", "Подробности"),
}


class AuditEntry(NamedTuple):
    """A row of the audit log; `email` is that of the member of staff."""

    id: int
    at: datetime
    kind: str
    body: JsonObject
    email: str


class AuditEntryOut(ResponseModel):
    """What a member of staff did."""

    event: Annotated[int, Meta(description="Grows with time; the seals name it.", examples=[90210])]
    at: Annotated[datetime, Meta(tz=True, examples=["2026-11-22T10:00:00Z"])]
    member: Annotated[str, Meta(description="E-mail.", examples=["anna@teplo.example"])]
    kind: Annotated[str, Meta(examples=["campaign.changed"])]
    details: Annotated[dict[str, Any], Meta(description="Ids and figures.", examples=[{"id": 17}])]

    @classmethod
    def of(cls, row: AuditEntry) -> Self:
        return cls(row.id, row.at, row.email, row.kind, row.body)


class AuditEntryPage(ResponseModel):
    """What staff did, newest first."""

    items: list[AuditEntryOut]
    next: Annotated[str | None, Meta(description="Send it back as `cursor`.", examples=["WzQyXQ"])] = None


async def list_entries(
    session: AsyncSession, member: Member, wanted: AuditFilters, before: int | None, limit: int
) -> list[AuditEntry]:
    """At most `limit` of the brand's entries with ids below `before`, newest first."""
    values = wanted.values(member) | {"before": before or 2**62, "limit": limit}
    return await read_rows(session, AuditEntry, ENTRIES, values)


async def export_entries(
    db: Database, member: Member, wanted: AuditFilters, kind: Format, language: Language
) -> AsyncIterator[bytes]:
    """All entries of a period as a file, in chunks; times are Moscow's, details are JSON."""

    async def read(session: AsyncSession, before: int | None) -> list[AuditEntry]:
        return await list_entries(session, member, wanted, before, PAGE_ROWS)

    file = table_file(kind, language)
    yield file.rows([HEADERS[language]])
    async for rows in read_pages(db, member, read):
        yield file.rows(_format_row(row) for row in rows)
    yield file.end()


def _format_row(row: AuditEntry) -> Sequence[Cell]:
    return row.id, format_moscow_time(row.at), row.email, row.kind, msgspec.json.encode(row.body).decode()
