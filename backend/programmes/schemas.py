"""Programmes and products over the wire. Prices in kopecks."""

from datetime import datetime
from typing import Annotated, Self

from msgspec import Meta, field

from backend.programmes.models import Currency, Product, Programme
from backend.wire import BLANK, LINE, LINE_OR_NOTHING, In, Out

# Letters and digits, spaces and slashes inside; a path must survive on its way through proxies.
SKU = r"^/?(?![\s\S]*(//|/\.|\n))[^\x00-\x20/.|\x7f]([^\x00-\x1f|\x7f]*[^\x00-\x20/|\x7f])?$"
# A bar separates the entries of a list in a file.
ENTRY = rf"^[^\x00-\x1f|\x7f]*[^{BLANK}|][^\x00-\x1f|\x7f]*(?!\n)$"
SKU_LENGTH, NAME_LENGTH, ENTRIES, ENTRY_LENGTH = 64, 200, 50, 100
WARRANTY_MONTHS, PRICE = 1200, 10**12

Id = Annotated[int, Meta(examples=[17])]
Moment = Annotated[datetime, Meta(tz=True, examples=["2026-11-22T10:00:00Z"])]
Name = Annotated[str, Meta(min_length=1, max_length=120, pattern=LINE, examples=["Masters' club"])]
Sku = Annotated[str, Meta(pattern=SKU, max_length=SKU_LENGTH, examples=["RA16-374"])]
Gtin = Annotated[
    str, Meta(description="GTIN-8, -12, -13 or -14; kept as 14 digits.", max_length=20, examples=["4600000000015"])
]
NameRu = Annotated[str, Meta(min_length=1, max_length=NAME_LENGTH, pattern=LINE, examples=["Розетка двойная"])]
NameEn = Annotated[str, Meta(max_length=NAME_LENGTH, pattern=LINE_OR_NOTHING, examples=["Double socket"])]
Alias = Annotated[str, Meta(max_length=ENTRY_LENGTH, pattern=ENTRY, examples=["розетка с землёй"])]
Article = Annotated[str, Meta(max_length=ENTRY_LENGTH, pattern=ENTRY, examples=["РА16-374"])]
Warranty = Annotated[int, Meta(ge=0, le=WARRANTY_MONTHS, examples=[24])]
Price = Annotated[
    int,
    Meta(description="Recommended price in kopecks, the base of per-cent rules.", ge=0, le=PRICE, examples=[45000]),
]
Next = Annotated[str | None, Meta(description="Send it back as `cursor`.", examples=["WyJSQTE2LTM3NCJd"])]


class ProgrammeIn(In):
    """A programme as it should be. The currency stands once it is made."""

    name: Name
    currency: Annotated[Currency, Meta(examples=["RUB"])]
    timezone: Annotated[
        str, Meta(description="Where its days begin and end (IANA).", max_length=40, examples=["Europe/Moscow"])
    ] = "Europe/Moscow"


class ProgrammeOut(Out):
    """A brand's loyalty programme."""

    id: Id
    key: Annotated[str, Meta(examples=["club"])]
    name: Name
    currency: Annotated[Currency, Meta(examples=["RUB"])]
    timezone: Annotated[str, Meta(examples=["Europe/Moscow"])]
    created_at: Moment

    @classmethod
    def of(cls, row: Programme) -> Self:
        return cls(row.id, row.key, row.name, row.currency, row.timezone, row.created_at)


class ProgrammePage(Out):
    """The brand's programmes in the order of their keys."""

    items: list[ProgrammeOut]
    next: Next = None


class ProductIn(In):
    """A product as it should be: what is left out is empty afterwards."""

    name_ru: NameRu
    name_en: NameEn = ""
    gtin: Gtin | None = None
    aliases: Annotated[list[Alias], Meta(description="How people call it.", max_length=ENTRIES)] = field(
        default_factory=list
    )
    articles: Annotated[list[Article], Meta(description="As price lists write it.", max_length=ENTRIES)] = field(
        default_factory=list
    )
    warranty_months: Warranty = 0
    price: Price | None = None


class ProductOut(Out):
    """A product of the brand."""

    id: Id
    sku: Sku
    name_ru: NameRu
    updated_at: Moment
    name_en: NameEn = ""
    gtin: Annotated[str | None, Meta(examples=["04600000000015"])] = None
    aliases: list[Alias] = field(default_factory=list)
    articles: list[Article] = field(default_factory=list)
    warranty_months: Warranty = 0
    price: Price | None = None
    archived_at: Annotated[datetime, Meta(tz=True, examples=["2026-12-01T10:00:00Z"])] | None = None

    @classmethod
    def of(cls, row: Product) -> Self:
        return cls(**{name: getattr(row, name) for name in cls.__struct_fields__})


class ProductPage(Out):
    """Products in the order of their SKUs."""

    items: list[ProductOut]
    next: Next = None


class RowProblem(Out):
    """Why a row of a file was refused: where it is, and what to do about it."""

    line: Annotated[int, Meta(examples=[17])]
    column: Annotated[str, Meta(description="As the file calls it.", examples=["gtin"])]
    code: Annotated[str, Meta(examples=["gtin_invalid"])]
    detail: Annotated[str, Meta(examples=["This is not a GTIN."])]


class ImportOut(Out):
    """What became of each row of a file. Rows that were refused changed nothing; all others are in."""

    rows: Annotated[int, Meta(examples=[1200])]
    created: Annotated[int, Meta(examples=[1000])]
    updated: Annotated[int, Meta(examples=[150])]
    unchanged: Annotated[int, Meta(examples=[49])]
    refused: Annotated[int, Meta(examples=[1])]
    problems: Annotated[list[RowProblem], Meta(description="The first thousand.")] = field(default_factory=list)
    ignored_columns: Annotated[list[str], Meta(description="Columns that we do not know.", examples=[["Остаток"]])] = (
        field(default_factory=list)
    )
