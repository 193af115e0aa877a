"""Wire format of rewards and rates for staff. Face values in kopecks, prices in the programme's minor units."""

from datetime import date, datetime
from typing import Annotated, Self

from msgspec import Meta, field

from backend.core.http.models import LINE, LINE_OR_NOTHING, RequestModel, ResponseModel
from backend.spending.models import Rate, Reward
from backend.spending.reward_kinds import Fulfilment, RewardKind, TaxNature

Id = Annotated[int, Meta(ge=1, le=2**63 - 1, examples=[3])]
KindName = Annotated[RewardKind, Meta(examples=["certificate"])]
FulfilmentName = Annotated[
    Fulfilment,
    Meta(
        description="By codes in stock, gift cards, suppliers over HTTP, staff, or at once.",
        examples=["own"],
    ),
]
NameRu = Annotated[str, Meta(min_length=1, max_length=120, pattern=LINE, examples=["Сертификат на инструмент"])]
NameEn = Annotated[str, Meta(max_length=120, pattern=LINE_OR_NOTHING, examples=["Certificate for tools"])]
About = Annotated[str, Meta(max_length=2000, examples=["Valid in all shops of the chain."])]
Shelf = Annotated[str, Meta(max_length=40, pattern=LINE_OR_NOTHING, examples=["tools"])]
Partner = Annotated[str, Meta(max_length=120, pattern=LINE_OR_NOTHING, examples=["Toolmarket"])]
Nominal = Annotated[int, Meta(ge=1, le=10**12, description="Kopecks.", examples=[100000])]
Step = Annotated[int, Meta(ge=1, le=10**12, description="Kopecks between face values.", examples=[10000])]
Price = Annotated[
    int,
    Meta(
        ge=1,
        le=10**12,
        description="Minor units, for a single face value; otherwise the rate of the day applies.",
        examples=[100000],
    ),
]
Units = Annotated[int, Meta(ge=0, le=10**9, description="Units left; unlimited if left out.", examples=[40])]
LevelNumber = Annotated[int, Meta(ge=0, le=2, description="0 anonymous, 1 named, 2 company or self-employed.")]
TaxName = Annotated[TaxNature, Meta(description="The tax nature; by its kind if left out.", examples=["gift"])]
Place = Annotated[str, Meta(min_length=1, max_length=200, pattern=LINE, examples=["Kazan, Dekabristov 85"])]
Days = Annotated[int, Meta(ge=1, le=3660, description="Days of validity.", examples=[365])]
Months = Annotated[
    int, Meta(ge=1, le=240, description="Months by which a service extends a unit's warranty.", examples=[12])
]
Deferral = Annotated[int, Meta(ge=1, le=366, description="Days by which an invoice may be paid later.", examples=[14])]
Moment = Annotated[datetime, Meta(tz=True, examples=["2026-11-22T10:00:00Z"])]


class RewardSupplier(RequestModel):
    """A supplier of the installation and its product code."""

    name: Annotated[str, Meta(min_length=1, max_length=40, pattern=LINE, examples=["tremendous"])]
    product: Annotated[str, Meta(min_length=1, max_length=100, pattern=LINE, examples=["OKMHM2X2OHYV"])]


class RewardIn(RequestModel):
    """The complete reward: fields that are left out become empty."""

    programme_id: Id
    kind: KindName
    fulfilment: FulfilmentName
    name_ru: NameRu
    least: Nominal
    most: Annotated[Nominal | None, Meta(description="Kopecks; `least` if left out.", examples=[500000])] = None
    step: Step = 100
    name_en: NameEn = ""
    about_ru: About = ""
    about_en: About = ""
    shelf: Shelf = ""
    partner: Partner = ""
    price: Price | None = None
    stock: Units | None = None
    rung: LevelNumber = 0
    tax: TaxName | None = None
    places: Annotated[list[Place], Meta(max_length=100, description="Where goods are picked up.")] = field(
        default_factory=list
    )
    valid_days: Days | None = None
    extends_months: Months | None = None
    defers_days: Deferral | None = None
    starts_at: Moment | None = None
    ends_at: Moment | None = None
    suppliers: Annotated[
        list[RewardSupplier], Meta(max_length=5, description="In the order in which they are tried.")
    ] = field(default_factory=list)
    archived: Annotated[bool, Meta(description="Not shown to agents any more.", examples=[False])] = False


class RewardAdmin(ResponseModel):
    """A reward of the brand."""

    id: Id
    key: Annotated[str, Meta(examples=["tools-1000"])]
    programme_id: Id
    kind: KindName
    fulfilment: FulfilmentName
    name_ru: NameRu
    least: Nominal
    most: Nominal
    step: Step
    tax: Annotated[str, Meta(examples=["gift"])]
    starts_at: Moment
    created_at: Moment
    name_en: NameEn = ""
    about_ru: About = ""
    about_en: About = ""
    shelf: Shelf = ""
    partner: Partner = ""
    price: Price | None = None
    stock: Units | None = None
    rung: LevelNumber = 0
    places: list[Place] = field(default_factory=list)
    valid_days: Days | None = None
    extends_months: Months | None = None
    defers_days: Deferral | None = None
    ends_at: Moment | None = None
    suppliers: list[RewardSupplier] = field(default_factory=list)
    archived_at: Moment | None = None

    @classmethod
    def of(cls, row: Reward) -> Self:
        values = {name: getattr(row, name) for name in cls.__struct_fields__ if name != "suppliers"}
        suppliers = [RewardSupplier(supplier["name"], supplier["product"]) for supplier in row.suppliers]
        return cls(suppliers=suppliers, **values)


class RewardAdminPage(ResponseModel):
    """The brand's rewards in the order of their keys."""

    items: list[RewardAdmin]
    next: Annotated[str | None, Meta(description="Send it back as `cursor`.", examples=["WyJ0b29scyJd"])] = None


class PointRateIn(RequestModel):
    """The price of a rouble from a day on."""

    per_rouble: Annotated[int, Meta(ge=1, le=10**9, description="Minor units of the programme.", examples=[10])]
    source: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=200,
            pattern=LINE,
            description="The decision that sets it.",
            examples=["Order 14 of May"],
        ),
    ]


class PointRateOut(ResponseModel):
    """The price of a rouble from a day until the next rate."""

    start: Annotated[date, Meta(examples=["2026-12-01"])]
    per_rouble: Annotated[int, Meta(examples=[10])]
    source: Annotated[str, Meta(examples=["Order 14 of May"])]

    @classmethod
    def of(cls, row: Rate) -> Self:
        return cls(row.start, row.per_rouble, row.source)


class PointRateList(ResponseModel):
    """The programme's rates, newest first."""

    items: list[PointRateOut]
