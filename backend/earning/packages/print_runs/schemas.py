"""Requests and responses of print files. Positions count the labels of a batch from 1."""

from datetime import datetime
from typing import Annotated, Self

from msgspec import Meta, field

from backend.core.http.models import RequestModel, ResponseModel
from backend.earning.packages.models import Batch, BatchFile, BatchFilePart, FileState
from backend.earning.packages.print_runs.labels.files import PrintFormat
from backend.earning.packages.print_runs.print_run import LabelStyle
from backend.earning.packages.schemas import Count, Position
from backend.programmes.models import Product
from backend.programmes.schemas import Moment, Next


class PrintFileIn(RequestModel):
    """The design of the labels, in millimetres. A CSV has no labels and ignores it."""

    name: Annotated[str, Meta(max_length=200, description="Else the product's.", examples=["Socket"])] | None = None
    sku: Annotated[str, Meta(max_length=64, description="Else the product's.", examples=["RA16-374"])] | None = None
    width_mm: Annotated[float, Meta(ge=10, le=210, examples=[70])] = 70.0
    height_mm: Annotated[float, Meta(ge=10, le=297, examples=[37])] = 37.0
    module_mm: Annotated[float, Meta(ge=0.4, le=5, description="A module of the QR code.", examples=[0.5])] = 0.5
    columns: Annotated[int, Meta(ge=0, le=100, description="Of a sheet; 0: as many as fit.", examples=[0])] = 0
    rows: Annotated[int, Meta(ge=0, le=100, description="Of a sheet; 0: as many as fit.", examples=[0])] = 0
    cut_marks: Annotated[bool, Meta(examples=[True])] = True
    dpi: Annotated[int, Meta(ge=203, le=600, description="Of a label printer: 203, 300 or 600.", examples=[203])] = 203

    def style(self, product: Product) -> LabelStyle:
        """The style, with the texts of the product by default."""
        given = {name: getattr(self, name) for name in LabelStyle.__struct_fields__}
        given["name"] = product.name_ru if self.name is None else self.name
        given["sku"] = product.sku if self.sku is None else self.sku
        return LabelStyle(**given)


class PrintFilePart(ResponseModel):
    """A finished part: an entry of the hand-over record."""

    part: Annotated[int, Meta(examples=[1])]
    name: Annotated[str, Meta(examples=["0193f3a18c5e.00001-of-00001.csv"])]
    bytes: Annotated[int, Meta(examples=[7_900_041])]
    sha256: Annotated[str, Meta(examples=["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"])]
    first: Position
    last: Annotated[int, Meta(examples=[100_000])]
    codes: Count

    @classmethod
    def of(cls, row: BatchFilePart) -> Self:
        return cls(row.part, row.name, row.bytes, row.sha256, row.first, row.first + row.codes - 1, row.codes)


class PrintFileOut(ResponseModel):
    """A batch's files in one format, and their progress."""

    format: Annotated[PrintFormat, Meta(examples=["csv"])]
    state: Annotated[FileState, Meta(examples=["done"])]
    parts: Annotated[int, Meta(examples=[1])]
    parts_done: Annotated[int, Meta(examples=[1])]
    codes: Count
    codes_done: Count
    created_at: Moment
    done_at: Annotated[datetime, Meta(tz=True, examples=["2026-11-22T10:00:07Z"])] | None = None
    problem: Annotated[str, Meta(description="Why it failed.", examples=[""])] = ""
    items: Annotated[list[PrintFilePart], Meta(description="The finished parts.")] = field(default_factory=list)
    next: Next = None

    @classmethod
    def of(cls, row: BatchFile, batch: Batch) -> Self:
        return cls(
            PrintFormat(row.format),
            row.state,
            row.parts,
            row.parts_done,
            batch.count,
            row.codes_done,
            row.created_at,
            row.done_at,
            row.problem,
        )


class PrintFileList(ResponseModel):
    """The files that were ordered for a batch."""

    items: list[PrintFileOut]
