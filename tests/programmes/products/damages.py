"""What spreadsheets, other programs and broken transfers make of a table: of a cell, of a file in bytes."""

import csv
import io
import re
from datetime import datetime
from decimal import Decimal, InvalidOperation

from hypothesis import strategies as st

MONTHS = ("янв", "фев", "мар", "апр", "май", "июн", "июл", "авг", "сен", "окт", "ноя", "дек")
ERRORS = ("#ИМЯ?", "#Н/Д", "#REF!", "#ССЫЛКА!", "#N/A", "#####", "#DIV/0!")


def as_excel(text):
    """What Excel makes of a cell of a CSV: a number, a date, a truth, or a text."""
    bare = text.replace(" ", "")
    if re.fullmatch(r"[1-9]\d?[-/.][1-9]\d?", bare):
        day, month = map(int, re.split(r"[-/.]", bare))
        if day <= 28 and month <= 12:
            return datetime(2026, month, day)  # noqa: DTZ001 - a spreadsheet knows no zones
    if bare in ("TRUE", "FALSE"):
        return bare == "TRUE"
    try:
        number = Decimal(bare.replace(",", "."))
    except InvalidOperation:
        return text
    if not number.is_finite() or not re.fullmatch(r"[+-]?\d+([.,]\d+)?(E[+-]?\d+)?", bare):
        return text
    return int(number) if number == number.to_integral_value() else float(number)


def as_csv(value):
    """What Excel writes of that into a CSV again: fifteen digits, long numbers shortened."""
    if isinstance(value, datetime):
        return f"{value:%d}.{MONTHS[value.month - 1]}"
    if isinstance(value, bool):
        return "ИСТИНА" if value else "ЛОЖЬ"
    if isinstance(value, int) and abs(value) >= 10**11:
        mantissa, exponent = f"{value:.5E}".split("E")
        return f"{float(mantissa):g}".replace(".", ",") + f"E+{int(exponent):02}"
    return str(value).replace(".", ",") if isinstance(value, float) else str(value)


def saved_by_excel(text):
    return as_csv(as_excel(text))


def saved_by_foreign_excel(text):
    """Where a comma groups thousands."""
    return text.replace(",", "") if re.fullmatch(r"[0-9]+,[0-9]{2}", text) else text


def with_other_decimal_sign(text):
    if not re.fullmatch(r"[0-9]+[.,][0-9]+", text):
        return text
    return text.translate(str.maketrans(",.", ".,"))


def without_blanks(text):
    return " ".join(text.split())


def with_no_break_spaces(text):
    return f"\xa0{text.replace(' ', chr(0xA0))} \u200b" if text else text


CELLS = st.one_of(
    st.sampled_from(
        [saved_by_excel, saved_by_foreign_excel, with_other_decimal_sign, without_blanks, with_no_break_spaces]
    ),
    st.sampled_from(ERRORS).map(lambda error: lambda text: error),
)


def written(rows, encoding="utf-8", end="\r\n", separator=";", quoting=csv.QUOTE_MINIMAL):
    file = io.StringIO(newline="")
    csv.writer(file, delimiter=separator, lineterminator=end, quoting=quoting).writerows(rows)
    return file.getvalue().encode(encoding, "replace")


def rows_of(content, separator=";"):
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig")), delimiter=separator))


def saved_in(encoding):
    """Letters that the encoding lacks are lost."""
    return lambda content: content.decode("utf-8-sig").encode(encoding, "replace")


def read_as(encoding):
    """A program took UTF-8 for another encoding, and wrote UTF-8 again."""
    return lambda content: content.removeprefix(b"\xef\xbb\xbf").decode(encoding, "replace").encode()


def cut(places):
    """A transfer that ended early, in the last line."""

    def damage(content):
        last = content.rstrip().rfind(b"\n") + 1
        return content[: last + 1 + places % (len(content) - last - 1)]

    return damage


def without_mark(content):
    return content.removeprefix(b"\xef\xbb\xbf")


def with_line_ends(end):
    return lambda content: content.replace(b"\r\n", end)


FILES = st.one_of(
    st.sampled_from(["cp1251", "cp866", "koi8-r", "mac-cyrillic", "cp1252", "utf-16", "utf-16-le"]).map(saved_in),
    st.sampled_from(["cp1251", "cp1252", "latin-1", "cp866"]).map(read_as),
    st.integers(0, 10_000).map(cut),
    st.sampled_from([b"\n", b"\r"]).map(with_line_ends),
    st.just(without_mark),
)
