"""Stocks of codes over the wire. Nominals in kopecks; codes themselves are never shown here."""

from typing import Annotated

from msgspec import Meta, field

from backend.programmes.schemas import RowProblem
from backend.wire import Out

Count = Annotated[int, Meta(ge=0, examples=[200])]


class StockReport(Out, omit_defaults=False):
    """What became of each row of a file. Rows that were refused changed nothing; all others are in."""

    rows: Count
    added: Count
    known: Annotated[int, Meta(ge=0, description="That were there just so already.", examples=[0])]
    refused: Annotated[int, Meta(ge=0, examples=[1])]
    problems: Annotated[list[RowProblem], Meta(description="The first thousand.")] = field(default_factory=list)


class StockNominal(Out, omit_defaults=False):
    """How a nominal stands."""

    nominal: Annotated[int, Meta(description="Kopecks.", examples=[100000])]
    free: Count
    sold: Count
    expired: Annotated[int, Meta(ge=0, description="Not sold, and past their last day.", examples=[0])]
    low: Annotated[bool, Meta(description="Fewer than the alarm number are left.", examples=[False])]


class StockOut(Out):
    """What is free and what was sold, by nominal."""

    items: list[StockNominal]
