"""Parses the lines of a fiscal document, and compares their sums with the total."""

from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

import msgspec

from scanning.codes import product_code
from scanning.receipts import document_fields as fields
from scanning.receipts import document_shapes, personal
from scanning.receipts.document_fields import DocumentUnreadable, Record

MOST_LINES = 2_000
LONGEST_NAME = 256  # characters; a till prints up to 128, a marketplace a few more

# A till may round the total to whole roubles, so the sums of the lines may differ by that (note of the FNS).
ROUNDING = 100  # kopecks


class Line(msgspec.Struct, frozen=True):
    """One line of a fiscal document. Amounts are kopecks."""

    n: int  # position in the document, from 0
    name: str  # as printed, stripped; may be empty
    price: int  # for one unit
    quantity: Decimal  # above zero
    sum: int  # after discounts: the figure to use
    payment: int | None  # tag 1214: 4 is full settlement, None unknown (old formats)
    subject: int | None  # tag 1212: what is sold
    gtin: str | None  # 14 digits, check digit verified
    serial: str | None  # of a marked unit
    supplier_inn: str | None  # tag 1226, when valid
    unit: int | None  # tag 2108


class Lines(NamedTuple):
    """The lines of a document, and warnings about them."""

    lines: tuple[Line, ...]
    warnings: tuple[str, ...]
    by_agent: bool  # a line is sold on behalf of another seller


class InvalidLine(NamedTuple):
    """A line that is no sale of goods: quantity zero or negative, or no amount. It pays nothing."""

    sum: int | None  # its share of the total, which may be negative; None: not known
    problem: DocumentUnreadable


def read(receipt: Record, total: int) -> Lines:
    """The lines of a receipt, their sums held against its total in kopecks.

    An invalid line is skipped if the total allows it, with the warning "lines_left_out", or "lines_unclear" if it may
    have reduced the price of the others. The others keep their positions in the document.

    Raises DocumentUnreadable: "lines_invalid", "too_many_lines", "storno_unmatched", and "line_invalid",
    "quantity_invalid" for an invalid line that the total requires.
    """
    items, voided = _line_records(receipt, "items"), _line_records(receipt, "stornoItems")
    voided += [item for item in items if item.get("storno") is True]
    items = [item for item in items if item.get("storno") is not True]
    if len(items) + len(voided) > MOST_LINES:
        raise DocumentUnreadable("too_many_lines", f"more than {MOST_LINES}")
    parsed = [_parse_line(n, item) for n, item in enumerate(items)]
    lines = [line for line in parsed if isinstance(line, Line)]
    invalid = [line for line in parsed if isinstance(line, InvalidLine)]
    is_computed = any(items[line.n].get("sum") is None for line in lines)
    warnings = ["sums_computed"] if is_computed else []
    if voided and abs(_sum_lines(lines) - _expected_total(total, lines, invalid)) > ROUNDING:
        lines = _subtract_voided(_voided_lines(voided), lines)
        warnings.append("storno_taken_out")
    differences = _sum_warnings(_expected_total(total, lines, invalid), lines, is_computed=is_computed)
    warnings += _warnings_of_skipped(total, lines, invalid, differences) if invalid else differences
    return Lines(tuple(lines), tuple(warnings), any(_is_by_agent(item) for item in (*items, receipt)))


def _line_records(receipt: Record, name: str) -> list[Record]:
    raw = receipt.get(name)
    if raw is None:
        return []
    if not isinstance(raw, list):
        raise DocumentUnreadable("lines_invalid", f"{name} is no list")
    if len(raw) > MOST_LINES:
        raise DocumentUnreadable("too_many_lines", f"more than {MOST_LINES}")
    return [_line_record(item) for item in raw]


def _line_record(raw: object) -> Record:
    """A line with our field names; an unreadable one is empty, which makes it invalid."""
    try:
        return document_shapes.item(raw)
    except DocumentUnreadable:
        return {}


def _parse_line(n: int, item: Record) -> Line | InvalidLine:
    try:
        return _document_line(n, item)
    except DocumentUnreadable as problem:
        return InvalidLine(_invalid_sum(item), problem)


def _invalid_sum(item: Record) -> int | None:
    """The share of an invalid line in the total: its sum, or 0 if it has none and its quantity is zero."""
    value = item.get("sum")
    try:
        if value is None:
            return None if fields.number(item.get("quantity"), "") else 0
        amount = fields.number(value, "")
    except DocumentUnreadable:
        return None
    return int(amount) if amount == amount.to_integral_value() else None


def _voided_lines(items: list[Record]) -> list[Line]:
    """The voided lines. An invalid line with sum zero voids nothing; any other raises DocumentUnreadable."""
    parsed = [_parse_line(n, item) for n, item in enumerate(items)]
    for line in parsed:
        if isinstance(line, InvalidLine) and line.sum != 0:
            raise line.problem
    return [line for line in parsed if isinstance(line, Line)]


def _expected_total(total: int, lines: list[Line], invalid: list[InvalidLine]) -> int:
    """The expected sum of the lines: the total, or the total less the invalid lines."""
    if abs(_sum_lines(lines) - total) <= ROUNDING:
        return total
    return total - sum(line.sum or 0 for line in invalid)


def _warnings_of_skipped(
    total: int, lines: list[Line], invalid: list[InvalidLine], differences: list[str]
) -> list[str]:
    """The warnings of a document without its invalid lines. Raises DocumentUnreadable if the total requires one."""
    expected = _expected_total(total, lines, invalid)
    is_unknown = any(line.sum is None for line in invalid)
    if not lines or (differences == ["sums_differ"] and not (is_unknown and _sum_lines(lines) <= expected)):
        raise invalid[0].problem
    if differences == ["sums_differ"]:
        return ["lines_unclear"]
    # A discount as a line of its own: the others cost less than their sums.
    has_discount = expected != total and any((line.sum or 0) < 0 for line in invalid)
    return [*differences, "lines_unclear" if has_discount else "lines_left_out"]


def _document_line(n: int, item: Record) -> Line:
    quantity = _read_quantity(item)
    price, amount = (_read_amount(item, name) for name in ("price", "sum"))
    if amount is None:
        amount = _round_to_kopeck(_required_price(price) * quantity)
    if price is None:
        price = _round_to_kopeck(amount / quantity)
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


def _read_quantity(item: Record) -> Decimal:
    """How many; one where it is not said and the price is the sum."""
    if item.get("quantity") is None and item.get("price") == item.get("sum"):
        return Decimal(1)
    return fields.quantity(item.get("quantity"))


def _read_amount(item: Record, name: str) -> int | None:
    return None if item.get(name) is None else fields.kopecks(item[name], "line_invalid")


def _required_price(price: int | None) -> int:
    if price is None:
        raise DocumentUnreadable("line_invalid", "neither a price nor a sum")
    return price


def _round_to_kopeck(amount: Decimal) -> int:
    kopecks = amount.to_integral_value(ROUND_HALF_UP)
    return fields.kopecks(int(kopecks), "line_invalid")


def _sum_lines(lines: list[Line]) -> int:
    return sum(line.sum for line in lines)


def _subtract_voided(voided: list[Line], lines: list[Line]) -> list[Line]:
    """The lines less what the cashier voided: whole lines first found by name and price, or a part of one."""
    for void in voided:
        same = [line for line in lines if (line.name, line.price) == (void.name, void.price)]
        whole = [line for line in same if (line.quantity, line.sum) == (void.quantity, void.sum)]
        larger = [line for line in same if line.quantity > void.quantity and line.sum >= void.sum]
        if whole:
            lines = [line for line in lines if line is not whole[-1]]
        elif larger:
            less = _subtract_line(larger[0], void)
            lines = [less if line is larger[0] else line for line in lines]
        else:
            raise DocumentUnreadable("storno_unmatched", "a voided line is not in the document")
    return lines


def _subtract_line(line: Line, void: Line) -> Line:
    return msgspec.structs.replace(line, quantity=line.quantity - void.quantity, sum=line.sum - void.sum)


def _sum_warnings(total: int, lines: list[Line], *, is_computed: bool) -> list[str]:
    """A warning where the sums of the lines are not the total: "total_differs" by a rouble at most, as tills round it,
    "sums_differ" by more. Then one of the two is wrong, and a reviewer has to decide.

    Sums that were computed may be off by what was cut from the quantities of weighed goods: pages print two decimals.
    """
    difference = abs(_sum_lines(lines) - total)
    cut = sum(line.price for line in lines if line.quantity % 1) // 100 if is_computed else 0
    if lines and difference > ROUNDING + cut:
        return ["sums_differ"]
    return ["total_differs"] if lines and difference else []


def _is_by_agent(item: Record) -> bool:
    """Tags 1057 and 1222: bits of the kind of agent that sells on behalf of another seller."""
    return any(fields.open_code(item.get(name)) for name in ("paymentAgentByProductType", "paymentAgentType"))
