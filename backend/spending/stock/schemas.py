"""Wire format of codes in stock. Face values in kopecks; codes are never included."""

from typing import Annotated

from msgspec import Meta, field

from backend.core.http.models import ResponseModel
from backend.programmes.schemas import ImportRowProblem

Count = Annotated[int, Meta(ge=0, examples=[200])]


class StockImportReport(ResponseModel, omit_defaults=False):
    """The result of an import. Rejected rows change nothing; all others are imported."""

    rows: Count
    added: Count
    known: Annotated[int, Meta(ge=0, description="Already in stock, unchanged.", examples=[0])]
    refused: Annotated[int, Meta(ge=0, examples=[1])]
    problems: Annotated[list[ImportRowProblem], Meta(description="The first thousand.")] = field(default_factory=list)


class FaceValueStock(ResponseModel, omit_defaults=False):
    """The stock of a face value."""

    nominal: Annotated[int, Meta(description="Kopecks.", examples=[100000])]
    free: Count
    sold: Count
    expired: Annotated[int, Meta(ge=0, description="Not sold, and past their last day.", examples=[0])]
    low: Annotated[bool, Meta(description="Fewer than the threshold are left.", examples=[False])]


class StockOut(ResponseModel):
    """Free and sold codes by face value."""

    items: list[FaceValueStock]
