"""Programmes and products in the API. Prices in kopecks."""

from datetime import datetime
from typing import Annotated, Literal, Self

from msgspec import Meta, field

from backend.core.http.models import BLANK, LINE, LINE_OR_NOTHING, RequestModel, ResponseModel
from backend.core.tabular.cells import Source
from backend.programmes.models import Currency, Product, Programme

# Letters and digits, spaces and slashes inside; as a part of a path it must pass through proxies unchanged.
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
    str, Meta(description="GTIN-8, -12, -13 or -14; stored as 14 digits.", max_length=20, examples=["4600000000015"])
]
NameRu = Annotated[str, Meta(min_length=1, max_length=NAME_LENGTH, pattern=LINE, examples=["Розетка двойная"])]
NameEn = Annotated[str, Meta(max_length=NAME_LENGTH, pattern=LINE_OR_NOTHING, examples=["Double socket"])]
Alias = Annotated[str, Meta(max_length=ENTRY_LENGTH, pattern=ENTRY, examples=["розетка с землёй"])]
Article = Annotated[str, Meta(max_length=ENTRY_LENGTH, pattern=ENTRY, examples=["РА16-374"])]
Maker = Annotated[
    str,
    Meta(
        max_length=ENTRY_LENGTH,
        pattern=LINE_OR_NOTHING,
        examples=["Optima"],
        description="Who makes it, as receipts name it. Your brand's own name counts without being written here.",
    ),
]
TradeMark = Annotated[str, Meta(max_length=ENTRY_LENGTH, pattern=ENTRY, examples=["Nordlight"])]
TradeMarks = Annotated[list[TradeMark], Meta(max_length=ENTRIES, description="Further names of the maker.")]
ExactAliases = Annotated[
    list[Alias],
    Meta(
        max_length=ENTRIES,
        description="Wordings of receipts that mean this product in any shop, also where no maker is named. They pay"
        " without a review.",
    ),
]
Warranty = Annotated[int, Meta(ge=0, le=WARRANTY_MONTHS, examples=[24])]
Price = Annotated[
    int,
    Meta(description="Recommended price in kopecks, the base of per-cent rules.", ge=0, le=PRICE, examples=[45000]),
]
Next = Annotated[str | None, Meta(description="Send it back as `cursor`.", examples=["WyJSQTE2LTM3NCJd"])]


class ProgrammeIn(RequestModel):
    """The wanted state of a programme. The currency cannot change."""

    name: Name
    currency: Annotated[Currency, Meta(examples=["RUB"])]
    timezone: Annotated[
        str, Meta(description="Time zone of its days (IANA).", max_length=40, examples=["Europe/Moscow"])
    ] = "Europe/Moscow"


class ProgrammeOut(ResponseModel):
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


class ProgrammePage(ResponseModel):
    """The brand's programmes in the order of their keys."""

    items: list[ProgrammeOut]
    next: Next = None


class ProductIn(RequestModel):
    """The wanted state of a product. A field that is left out becomes empty."""

    name_ru: NameRu
    name_en: NameEn = ""
    gtin: Gtin | None = None
    aliases: Annotated[list[Alias], Meta(description="Other names of the product.", max_length=ENTRIES)] = field(
        default_factory=list
    )
    articles: Annotated[list[Article], Meta(description="As price lists write it.", max_length=ENTRIES)] = field(
        default_factory=list
    )
    maker: Maker = ""
    trade_marks: TradeMarks = field(default_factory=list)
    exact_aliases: ExactAliases = field(default_factory=list)
    warranty_months: Warranty = 0
    price: Price | None = None


class ProductOut(ResponseModel):
    """A product of the brand."""

    id: Id
    sku: Sku
    name_ru: NameRu
    updated_at: Moment
    name_en: NameEn = ""
    gtin: Annotated[str | None, Meta(examples=["04600000000015"])] = None
    aliases: list[Alias] = field(default_factory=list)
    articles: list[Article] = field(default_factory=list)
    maker: Maker = ""
    trade_marks: list[TradeMark] = field(default_factory=list)
    exact_aliases: list[Alias] = field(default_factory=list)
    warranty_months: Warranty = 0
    price: Price | None = None
    archived_at: Annotated[datetime, Meta(tz=True, examples=["2026-12-01T10:00:00Z"])] | None = None

    @classmethod
    def of(cls, row: Product) -> Self:
        return cls(**{name: getattr(row, name) for name in cls.__struct_fields__})


class ProductPage(ResponseModel):
    """Products in the order of their SKUs."""

    items: list[ProductOut]
    next: Next = None


class ImportRowProblem(ResponseModel):
    """Why a row of a file was refused: its position, and what to do about it."""

    line: Annotated[int, Meta(examples=[17])]
    column: Annotated[str, Meta(description="As the file calls it.", examples=["gtin"])]
    code: Annotated[str, Meta(examples=["gtin_invalid"])]
    detail: Annotated[str, Meta(examples=["This is not a GTIN."])]
    value: Annotated[str, Meta(description="As the file has it, cut; secrets are left out.", examples=["460001"])] = ""


class ImportSource(ResponseModel):
    """The detected format of the file. Of a workbook the first visible sheet is read; the others are named."""

    format: Annotated[Literal["csv", "xlsx"], Meta(examples=["csv"])]
    encoding: Annotated[str, Meta(examples=["cp1251"])] = ""
    delimiter: Annotated[str, Meta(examples=[";"])] = ""
    sheet: Annotated[str, Meta(examples=["Лист1"])] = ""
    other_sheets: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, source: Source) -> Self:
        return cls(source.format, source.encoding, source.delimiter, source.sheet, source.other_sheets)


class ProductImportReport(ResponseModel):
    """The result of an import by rows. Refused rows changed nothing; all others are imported."""

    rows: Annotated[int, Meta(examples=[1200])]
    created: Annotated[int, Meta(examples=[1000])]
    updated: Annotated[int, Meta(examples=[150])]
    unchanged: Annotated[int, Meta(examples=[49])]
    refused: Annotated[int, Meta(examples=[1])]
    problems: Annotated[list[ImportRowProblem], Meta(description="The first thousand.")] = field(default_factory=list)
    ignored_columns: Annotated[list[str], Meta(description="Columns that we do not know.", examples=[["Остаток"]])] = (
        field(default_factory=list)
    )
    source: ImportSource | None = None
    columns: Annotated[dict[str, str], Meta(description="The field of each header.", examples=[{"Код": "sku"}])] = (
        field(default_factory=dict)
    )
