"""Requests and responses of batches, their ranges and lists. Positions count the labels of a batch from 1."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from msgspec import Meta, field

from backend.core.http.models import LINE_OR_NOTHING, RequestModel, ResponseModel
from backend.earning.packages.batches import BatchProgress, BatchRequest
from backend.earning.packages.code_lists.code_list import Reason
from backend.earning.packages.code_lists.imports import CodeListReport
from backend.earning.packages.models import Batch, BatchState, Origin
from backend.earning.packages.ranges import PositionRange
from backend.programmes.models import Product
from backend.programmes.schemas import Id, Moment, Next, Sku

MAX_CODES = 1_000_000_000

Key = Annotated[UUID, Meta(examples=["0193f3a1-8c5e-7b42-9d16-4f7a2c8e5b03"])]
State = Annotated[BatchState, Meta(examples=["active"])]
Count = Annotated[int, Meta(examples=[100_000])]
Position = Annotated[int, Meta(examples=[1])]
Start = Annotated[
    datetime,
    Meta(tz=True, description="When the codes become active; at once if absent.", examples=["2026-12-01T06:00:00Z"]),
]
ActiveFrom = Start | None
Note = Annotated[str, Meta(max_length=200, pattern=LINE_OR_NOTHING, examples=["Roll 12, line 3"])]


class BatchIn(RequestModel):
    """A new batch: a number of computed codes of a product, or a list from a file."""

    programme_id: Annotated[int, Meta(ge=1, le=2**63 - 1, examples=[17])]
    sku: Sku
    codes: Annotated[
        Origin,
        Meta(
            description="`computed`: ours, to be printed. `imported`: printed elsewhere. `marked`: units under state "
            "marking. The last two come from a file.",
            examples=["computed"],
        ),
    ] = "computed"
    count: Annotated[int, Meta(ge=1, le=MAX_CODES, description="Of computed codes.", examples=[100_000])] | None = None
    note: Note = ""

    @property
    def wanted(self) -> BatchRequest:
        return BatchRequest(self.programme_id, self.sku, self.codes, self.count, self.note)


class CodeStateIn(RequestModel):
    """The new state of codes."""

    state: State
    active_from: ActiveFrom | None = None


class CodeRangeOut(ResponseModel):
    """Positions in one state."""

    first: Position
    last: Annotated[int, Meta(examples=[5000])]
    state: State
    active_from: Annotated[datetime, Meta(tz=True, examples=["2026-12-01T06:00:00Z"])] | None = None

    @classmethod
    def of(cls, part: PositionRange) -> Self:
        return cls(part.first, part.last, part.state, part.active_from)


class CodeRangePage(ResponseModel):
    """The ranges of a batch in the order of their positions."""

    items: list[CodeRangeOut]
    next: Next = None


class BatchSummary(ResponseModel):
    """A batch in a list. Its state is that of its furthest range."""

    id: Key
    programme_id: Id
    sku: Sku
    codes: Annotated[Origin, Meta(examples=["computed"])]
    count: Count
    state: State
    created_at: Moment
    slot: Annotated[int | None, Meta(description="The key slot; each code begins with it.", examples=[3])] = None
    note: Note = ""

    @classmethod
    def of(cls, batch: Batch, product: Product) -> Self:
        return cls(
            batch.key,
            batch.programme_id,
            product.sku,
            batch.origin,
            batch.count,
            batch.state,
            batch.created_at,
            batch.slot,
            batch.note,
        )


class BatchPage(ResponseModel):
    """The brand's batches, newest first."""

    items: list[BatchSummary]
    next: Next = None


class BatchOut(BatchSummary, kw_only=True):
    """A batch, its progress, and its first ranges."""

    states: Annotated[dict[BatchState, int], Meta(description="Codes by state.", examples=[{"active": 100_000}])]
    claimed: Annotated[int, Meta(description="Claims, counted up to 100,000.", examples=[1204])]
    ranges: list[CodeRangeOut]
    more_ranges: Annotated[bool, Meta(description="There are more; see `/ranges`.", examples=[False])] = False

    @classmethod
    def whole(
        cls, batch: Batch, product: Product, standing: BatchProgress, parts: Sequence[PositionRange], most: int
    ) -> Self:
        line = BatchSummary.of(batch, product)
        return cls(
            **{name: getattr(line, name) for name in BatchSummary.__struct_fields__},
            states=standing.states,
            claimed=standing.claimed,
            ranges=[CodeRangeOut.of(part) for part in parts[:most]],
            more_ranges=len(parts) > most,
        )


class RefusedCodeListRow(ResponseModel):
    """A refused row of a file."""

    line: Annotated[int, Meta(examples=[3])]
    reason: Annotated[Reason, Meta(examples=["repeated"])]
    same_as: Annotated[int | None, Meta(description="The first line with the same code.", examples=[1])] = None


class CodeListOut(ResponseModel):
    """The result of importing a list; the same file again gets the same response."""

    rows: Annotated[int, Meta(description="With a code in them.", examples=[1000])]
    accepted: Annotated[int, Meta(description="Codes of the file that are in the batch now.", examples=[998])]
    refused: Annotated[dict[Reason, int], Meta(description="Rows by reason.", examples=[{"repeated": 2}])]
    first_refused: Annotated[list[RefusedCodeListRow], Meta(description="The first thousand.")] = field(
        default_factory=list
    )

    @classmethod
    def of(cls, report: CodeListReport) -> Self:
        named = [RefusedCodeListRow(row.line, row.reason, row.same_as) for row in report.named]
        return cls(report.rows, report.accepted, report.refused, named)
