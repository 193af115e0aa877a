"""Responses about imports."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

import msgspec
from msgspec import Meta, field

from backend.core.http.models import ResponseModel
from backend.imports.models import ImportFile, ImportKind, ImportState
from backend.programmes.schemas import ImportRowProblem, ImportSource

Count = Annotated[int, Meta(ge=0, examples=[12])]
Moment = Annotated[datetime, Meta(tz=True, examples=["2026-11-30T10:00:00Z"])]


class ImportReport(ResponseModel, omit_defaults=False):
    """The result for the rows of a file; of a check, the expected result. Refused rows change nothing."""

    rows: Count
    created: Count
    updated: Count
    unchanged: Count
    refused: Count
    problems: Annotated[list[ImportRowProblem], Meta(description="The first thousand.")] = field(default_factory=list)
    source: ImportSource | None = None
    columns: Annotated[
        dict[str, str], Meta(description="What each header was taken for.", examples=[{"Код": "sku"}])
    ] = field(default_factory=dict)
    ignored_columns: Annotated[list[str], Meta(description="Columns that we do not know.", examples=[["Остаток"]])] = (
        field(default_factory=list)
    )


class ImportFileOut(ResponseModel):
    """A file that was checked or applied, and its report."""

    id: UUID
    kind: Annotated[ImportKind, Meta(examples=["products"])]
    state: Annotated[
        ImportState,
        Meta(description="`checked`: nothing was changed yet. `applied`: good rows are in.", examples=["checked"]),
    ]
    created_at: Moment
    expires_at: Annotated[datetime, Meta(tz=True, description="Until then it can be applied.")]
    report: ImportReport
    target: Annotated[str, Meta(description="The offer's key or the batch's id.", examples=["gift"])] = ""
    applied_at: Annotated[datetime, Meta(tz=True)] | None = None

    @classmethod
    def of(cls, row: ImportFile) -> Self:
        report = msgspec.convert(row.report, ImportReport)
        return cls(row.key, row.kind, row.state, row.created_at, row.expires_at, report, row.target, row.applied_at)


class ImportFilePage(ResponseModel):
    """Imports, newest first."""

    items: list[ImportFileOut]
    next: Annotated[str | None, Meta(description="Send it back as `cursor`.", examples=["WzE3XQ"])] = None
