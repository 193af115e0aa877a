"""Responses with figures. Base and discount in kopecks, bonuses in minor units of the programme's currency."""

from datetime import date
from typing import Annotated, Literal, Self

from msgspec import Meta

from backend.core.http.models import ResponseModel
from backend.reporting.figures.service import FigureRow
from backend.spending.accounting.service import Period

Kopecks = Annotated[int, Meta(description="Kopecks.", examples=[250000])]
Minor = Annotated[int, Meta(description="Minor units of the currency.", examples=[15000])]
Currency = Annotated[Literal["PTS", "RUB"], Meta(examples=["RUB"])]


class FiguresTotals(ResponseModel):
    """Sums of a period. Returns are sums of their own, on the day of the return."""

    currency: Currency
    count: Annotated[int, Meta(description="Claims, paid lines, redemptions and corrections.", examples=[12])] = 0
    base: Annotated[
        int, Meta(description="Kopecks: what clients paid, of package codes the recommended price.", examples=[250000])
    ] = 0
    bonus: Minor = 0
    discount: Kopecks = 0
    base_returned: Kopecks = 0
    bonus_returned: Minor = 0
    discount_returned: Kopecks = 0
    cost: Annotated[
        int | None,
        Meta(description="Bonus and discount less returns, in kopecks; none in points.", examples=[15000]),
    ] = None

    @classmethod
    def of(cls, row: FigureRow) -> Self:
        cost = row.bonus - row.bonus_back + row.discount - row.discount_back
        return cls(
            row.currency,
            row.times,
            row.base,
            row.bonus,
            row.discount,
            row.base_back,
            row.bonus_back,
            row.discount_back,
            cost if row.currency == "RUB" else None,
        )


class FiguresRow(FiguresTotals, kw_only=True):
    """The sums of one campaign, product, shop, agent, day or month in one programme."""

    key: Annotated[
        str | None,
        Meta(
            description="The campaign's key, the SKU, your key of the shop, the card number, the day or the month. "
            "None: what has none, as corrections have no campaign.",
            examples=["autumn"],
        ),
    ] = None
    name: Annotated[str, Meta(examples=["Santehnika on Lesnaya"])] = ""
    programme: Annotated[str, Meta(examples=["club"])] = ""

    @classmethod
    def of(cls, row: FigureRow) -> Self:
        sums = FiguresTotals.of(row)
        values = {name: getattr(sums, name) for name in FiguresTotals.__struct_fields__}
        return cls(**values, key=row.shown, name=row.name or "", programme=row.programme or "")


class FiguresOut(ResponseModel, rename={"first": "from", "last": "to"}):
    """Figures of a period, the highest cost first, and totals over all of them. `has_more`: the file has the rest."""

    first: Annotated[date, Meta(examples=["2026-11-01"])]
    last: Annotated[date, Meta(examples=["2026-11-22"])]
    items: list[FiguresRow]
    totals: list[FiguresTotals]
    has_more: Annotated[bool, Meta(examples=[False])] = False

    @classmethod
    def of(cls, period: Period, rows: list[FigureRow], limit: int) -> Self:
        """At most `limit` figures, and the totals of all."""
        items = [FiguresRow.of(row) for row in rows if not row.is_total]
        totals = [FiguresTotals.of(row) for row in rows if row.is_total]
        return cls(period.first, period.last, items[:limit], totals, len(items) > limit)
