"""What a cell may hold by what its column is: a code, a text, a number, a day. All else is refused with its reason."""

from backend.core.http.errors import Invalid
from backend.core.tabular import damage
from backend.core.tabular.cells import Cell
from scanning import normalization


class CellErrorInvalid(Invalid):
    """This is a spreadsheet error, not a value. Correct the formula, or enter the value."""

    code = "cell_error_invalid"


class FormulaInvalid(Invalid):
    """This is a formula whose value is not in the file. Open the file in a spreadsheet, save it, and send it again."""

    code = "formula_invalid"


class MergedCellInvalid(Invalid):
    """This cell is merged with another, so its value is unclear. Unmerge the cells and fill in each of them."""

    code = "merged_cell_invalid"


class EncodingInvalid(Invalid):
    """Letters of this cell are damaged: the file mixes encodings, or was saved in one that lacks them."""

    code = "encoding_invalid"


class ShortenedNumberInvalid(Invalid):
    """A spreadsheet shortened this number, so digits are lost. Make the column a text and enter the code again."""

    code = "shortened_number_invalid"


class DateCellInvalid(Invalid):
    """A spreadsheet made a date of this. Make the column a text and enter the value again."""

    code = "date_cell_invalid"


class NumberFormatInvalid(Invalid):
    """We cannot tell how a spreadsheet shows this number. Make the column a text."""

    code = "number_format_invalid"


class UnitInvalid(Invalid):
    """This number is a percentage, or an amount in another currency. Write the plain number."""

    code = "unit_invalid"


class LeadingZerosInvalid(Invalid):
    """This code seems to have lost the zeros before it. Make the column a text and enter the code again."""

    code = "leading_zeros_invalid"


class CodeChangedInvalid(Invalid):
    """A spreadsheet seems to have changed this code: your brand has {code}. Make the column a text, enter it again."""

    code = "code_changed_invalid"


def check(cell: Cell) -> None:
    """Refuse what is no value of any column.

    Raises:
        CellErrorInvalid, FormulaInvalid, MergedCellInvalid, EncodingInvalid.
    """
    if cell.kind == "formula":
        raise FormulaInvalid
    if cell.kind == "merged":
        raise MergedCellInvalid
    if cell.kind == "broken" or (cell.kind == "text" and damage.is_broken(cell.text)):
        raise EncodingInvalid
    if cell.kind == "error" or damage.is_error(normalization.remove_invisible(cell.text)):
        raise CellErrorInvalid


def code(cell: Cell) -> str:
    """A code as displayed: an SKU, a GTIN, a certificate's code; without invisible characters.

    Raises:
        what `check` does, ShortenedNumberInvalid, DateCellInvalid, NumberFormatInvalid.
    """
    check(cell)
    if cell.kind == "date":
        raise DateCellInvalid
    plain = normalization.remove_invisible(cell.text)
    if cell.kind in ("flag", "unit") or damage.is_decimal(plain):
        raise NumberFormatInvalid
    if cell.kind == "number":
        return _display_cell(cell)
    if damage.is_shortened(plain):
        raise ShortenedNumberInvalid
    if cell.kind == "loose" and damage.is_day(plain):
        raise DateCellInvalid
    return plain


def text(cell: Cell) -> str:
    """A text for people.

    Raises:
        what `check` does, DateCellInvalid, NumberFormatInvalid, ShortenedNumberInvalid.
    """
    check(cell)
    if cell.kind == "date":
        raise DateCellInvalid
    if cell.kind in ("flag", "unit"):
        raise NumberFormatInvalid
    if cell.kind == "number":
        return _display_cell(cell)
    if cell.kind == "loose" and damage.is_shortened(normalization.remove_invisible(cell.text)):
        raise ShortenedNumberInvalid
    return cell.text


def number(cell: Cell) -> str:
    """A number as text, for the column to read.

    Raises:
        what `check` does, DateCellInvalid, NumberFormatInvalid, UnitInvalid.
    """
    if cell.kind == "flag":
        raise NumberFormatInvalid
    return flag(cell)


def flag(cell: Cell) -> str:
    """Yes or no, also as a number, for the column to read.

    Raises:
        what `check` does, DateCellInvalid, UnitInvalid.
    """
    check(cell)
    if cell.kind == "date":
        raise DateCellInvalid
    if cell.kind == "unit":
        raise UnitInvalid
    return cell.text


def day(cell: Cell) -> str:
    """A day as text: a workbook's date in ISO 8601, or what was typed.

    Raises:
        what `check` does.
    """
    check(cell)
    return cell.text


def _display_cell(cell: Cell) -> str:
    if cell.shown is None:
        is_long = "." not in cell.text and len(cell.text.lstrip("-")) > 15
        raise ShortenedNumberInvalid if is_long or damage.is_shortened(cell.text.upper()) else NumberFormatInvalid
    return cell.shown
