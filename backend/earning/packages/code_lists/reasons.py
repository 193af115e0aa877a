"""The reasons why a row of a code list was refused, for people."""

from backend.core.language import translate
from backend.core.tabular import values
from backend.earning.packages.code_lists.code_list import Reason

SPREADSHEET_REFUSALS = {
    refusal.code: refusal
    for refusal in (
        values.CellErrorInvalid,
        values.FormulaInvalid,
        values.MergedCellInvalid,
        values.ShortenedNumberInvalid,
        values.DateCellInvalid,
        values.NumberFormatInvalid,
        values.LeadingZerosInvalid,
    )
}


def reason_text(reason: Reason) -> str:
    """The reason in the caller's language."""
    if reason in SPREADSHEET_REFUSALS:
        return SPREADSHEET_REFUSALS[reason]().detail()
    return {
        "unreadable": translate("There is no readable code in this row."),
        "too_long": translate("This is longer than any code. The limit is 200 characters."),
        "own_code": translate("This looks like a code that Scanback prints itself."),
        "other_kind": translate("This is a receipt, a promo code, a marking code or an article number."),
        "guessable": translate("This code is too short: it could be guessed."),
        "not_marking": translate("This is not a marking code with a GTIN and a serial number."),
        "serial_unclear": translate("The end of the serial number is unclear: the separator before the tail is lost."),
        "other_product": translate("This marking code is of another product."),
        "repeated": translate("This code is in an earlier row of the file."),
        "taken": translate("Another batch has this code."),
        "row_too_short": translate("The file ends in this row, which is shorter than all others: it seems to be cut."),
        "second_column": translate(
            "This row has a second column. Name the columns in the first line, or put the code in quotes."
        ),
    }[reason]
