"""The lines of a fiscal document, from any provider's names into ours, and how their sums stand to the total."""

from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

import msgspec

from scanning import document_fields as fields
from scanning import document_shapes, personal, product_code
from scanning.document_fields import DocumentUnreadable, Record

MOST_LINES = 2_000
LONGEST_NAME = 256  # characters; a till prints up to 128, a marketplace a few more

# A till may round the total to whole roubles, so the sums of the lines may differ by that (note of the FNS).
ROUNDING = 100  # kopecks


class Line(msgspec.Struct, frozen=True):
    """One line of a fiscal document. Amounts are kopecks."""

    n: int  # position in the document, from 0
    name: str  # as printed, stripped; may be empty
    price: int  # for one unit
    quantity: Decimal  # more than nought
    sum: int  # after discounts: the figure to use
    payment: int | None  # tag 1214: 4 is full settlement, None unknown (old formats)
    subject: int | None  # tag 1212: what is sold
    gtin: str | None  # 14 digits, check digit verified
    serial: str | None  # of a marked unit
    supplier_inn: str | None  # tag 1226, when valid
    unit: int | None  # tag 2108


class Lines(NamedTuple):
    """What a document lists, and what must be said of it."""

    lines: tuple[Line, ...]
    warnings: tuple[str, ...]
    by_agent: bool  # a line is sold for somebody else


def read(receipt: Record, total: int) -> Lines:
    """The lines of a receipt, their sums held against its total in kopecks.

    Raises DocumentUnreadable: "lines_invalid", "too_many_lines", "line_invalid", "quantity_invalid",
    "storno_unmatched".
    """
    items, voided = _items(receipt, "items"), _items(receipt, "stornoItems")
    voided += [item for item in items if item.get("storno") is True]
    items = [item for item in items if item.get("storno") is not True]
    if len(items) + len(voided) > MOST_LINES:
        raise DocumentUnreadable("too_many_lines", f"more than {MOST_LINES}")
    lines = [_line(n, item) for n, item in enumerate(items)]
    warnings = ["sums_computed"] if any(item.get("sum") is None for item in items) else []
    if voided and abs(_sum(lines) - total) > ROUNDING:
        lines = _without([_line(n, item) for n, item in enumerate(voided)], lines)
        warnings.append("storno_taken_out")
    warnings += _held_against(total, lines, is_computed="sums_computed" in warnings)
    return Lines(tuple(lines), tuple(warnings), any(_is_by_agent(item) for item in (*items, receipt)))


def _items(receipt: Record, name: str) -> list[Record]:
    raw = receipt.get(name)
    if raw is None:
        return []
    if not isinstance(raw, list):
        raise DocumentUnreadable("lines_invalid", f"{name} is no list")
    if len(raw) > MOST_LINES:
        raise DocumentUnreadable("too_many_lines", f"more than {MOST_LINES}")
    return [document_shapes.item(item) for item in raw]


def _line(n: int, item: Record) -> Line:
    quantity = _quantity(item)
    price, amount = (_amount(item, name) for name in ("price", "sum"))
    if amount is None:
        amount = _rounded(_known(price) * quantity)
    if price is None:
        price = _rounded(amount / quantity)
    gtin, serial = product_code.read(item)
    return Line(
        n=n,
        name=personal.without_contacts(fields.text(item.get("name"), LONGEST_NAME)),
        price=price,
        quantity=quantity,
        sum=amount,
        payment=fields.open_code(item.get("paymentType")),
        subject=fields.open_code(item.get("productType")),
        gtin=gtin,
        serial=serial,
        supplier_inn=fields.inn(item.get("providerInn")),
        unit=fields.open_code(item.get("itemsQuantityMeasure")),
    )


def _quantity(item: Record) -> Decimal:
    """How many; one where it is not said and the price is the sum."""
    if item.get("quantity") is None and item.get("price") == item.get("sum"):
        return Decimal(1)
    return fields.quantity(item.get("quantity"))


def _amount(item: Record, name: str) -> int | None:
    return None if item.get(name) is None else fields.kopecks(item[name], "line_invalid")


def _known(price: int | None) -> int:
    if price is None:
        raise DocumentUnreadable("line_invalid", "neither a price nor a sum")
    return price


def _rounded(amount: Decimal) -> int:
    kopecks = amount.to_integral_value(ROUND_HALF_UP)
    return fields.kopecks(int(kopecks), "line_invalid")


def _sum(lines: list[Line]) -> int:
    return sum(line.sum for line in lines)


def _without(voided: list[Line], lines: list[Line]) -> list[Line]:
    """The lines less what the cashier voided: whole lines first found by name and price, or a part of one."""
    for void in voided:
        same = [line for line in lines if (line.name, line.price) == (void.name, void.price)]
        whole = [line for line in same if (line.quantity, line.sum) == (void.quantity, void.sum)]
        larger = [line for line in same if line.quantity > void.quantity and line.sum >= void.sum]
        if whole:
            lines = [line for line in lines if line is not whole[-1]]
        elif larger:
            less = _less(larger[0], void)
            lines = [less if line is larger[0] else line for line in lines]
        else:
            raise DocumentUnreadable("storno_unmatched", "a voided line is not in the document")
    return lines


def _less(line: Line, void: Line) -> Line:
    return msgspec.structs.replace(line, quantity=line.quantity - void.quantity, sum=line.sum - void.sum)


def _held_against(total: int, lines: list[Line], *, is_computed: bool) -> list[str]:
    """A warning where the sums of the lines are not the total: "total_differs" by a rouble at most, as tills round it,
    "sums_differ" by more. Then one of the two is wrong, and whoever pays has to look.

    Sums that were computed may be off by what was cut from the quantities of weighed goods: pages print two decimals.
    """
    difference = abs(_sum(lines) - total)
    cut = sum(line.price for line in lines if line.quantity % 1) // 100 if is_computed else 0
    if lines and difference > ROUNDING + cut:
        return ["sums_differ"]
    return ["total_differs"] if lines and difference else []


def _is_by_agent(item: Record) -> bool:
    """Tags 1057 and 1222: bits of the kind of agent who sells for somebody else."""
    return any(fields.open_code(item.get(name)) for name in ("paymentAgentByProductType", "paymentAgentType"))
