"""The problems of a text or a picture that cannot be read."""

from typing import ClassVar

import msgspec


class Problem(ValueError):
    """The input cannot be read. The base of all exceptions of this package about its input."""


class NotACode(Problem):
    """The text is no code of the expected kind."""


class TypingError(Problem):
    """A package code was mistyped: not 16 symbols, or the check symbol is wrong."""


class NotIssued(Problem):
    """The package code is well formed, but was not made with the key."""


class GtinInvalid(Problem):
    """The article number has a wrong length or a wrong check digit."""


class PictureTooLarge(Problem):
    """The picture has too many bytes or pixels, or a side that is too long."""


class PictureUnsupported(Problem):
    """The file is not of a kind that we open: JPEG, PNG, WebP, HEIC, AVIF or PDF."""


class PictureUnreadable(Problem):
    """The file is damaged, lies about itself, or takes too long or too much memory to open."""


class ReceiptProblem(Problem):
    """A Russian fiscal receipt that cannot be taken as it is given. code is the machine-readable reason."""

    code: ClassVar[str] = "receipt_invalid"


class NotFiscal(ReceiptProblem):
    """The text is no fiscal receipt."""

    code = "not_fiscal"


class TooLong(ReceiptProblem):
    """The text is longer than any receipt's."""

    code = "too_long"


class DuplicateKey(ReceiptProblem):
    """A field occurs twice, so its value is ambiguous."""

    code = "duplicate_key"


class FnInvalid(ReceiptProblem):
    """The number of the fiscal drive is missing or has not exactly 16 digits."""

    code = "fn_invalid"


class FdInvalid(ReceiptProblem):
    """The number of the fiscal document is missing, zero or out of range."""

    code = "fd_invalid"


class FpInvalid(ReceiptProblem):
    """The fiscal sign is missing, zero or out of range."""

    code = "fp_invalid"


class DateInvalid(ReceiptProblem):
    """The time is missing, badly written, or not in the calendar."""

    code = "date_invalid"


class SumInvalid(ReceiptProblem):
    """The total is missing, badly written or out of range."""

    code = "sum_invalid"


class OperationInvalid(ReceiptProblem):
    """The kind of operation is not one of 1 to 4."""

    code = "operation_invalid"


class IncompleteLink(ReceiptProblem):
    """The link leads to a receipt, but does not hold all of its fields."""

    code = "incomplete_link"

    def __init__(self, message: str, missing: tuple[str, ...]) -> None:
        """Keep the keys that are missing, as the QR code names them: t, s, fn, i, fp."""
        super().__init__(message)
        self.missing = missing


class OfdLinkIncomplete(IncompleteLink):
    """The link leads to the receipt at a fiscal data operator, without all of the fields in it."""

    code = "ofd_link_incomplete"


class SelfEmployedReceipt(ReceiptProblem):
    """A receipt of a self-employed person (the tax on professional income); it comes from no cash register."""

    code = "self_employed_receipt"


class EgaisLink(ReceiptProblem):
    """The alcohol register's code, which is printed on the receipt beside the right one."""

    code = "egais_link"


class PaymentLink(ReceiptProblem):
    """A code to pay with, not the receipt of what was paid."""

    code = "payment_link"


class MarkingCode(ReceiptProblem):
    """The code of a marked item, not of a receipt."""

    code = "marking_code"


class Fault(msgspec.Struct, frozen=True):
    """What is wrong with one typed field of a receipt.

    field: fn, fd, fp, at, total or operation. code: as of the field's own problem, such as fn_invalid. slip: the
    kind of typing error, if it is known. suggestion: what was probably meant, in full, for a person to confirm.
    """

    field: str
    code: str
    message: str
    slip: str | None = None
    suggestion: str | None = None


class FieldsInvalid(ReceiptProblem):
    """The typed fields are no receipt; every wrong one is listed."""

    code = "fields_invalid"

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        """Keep the faults in the order of the form."""
        super().__init__("; ".join(f"{fault.field}: {fault.message}" for fault in faults))
        self.faults = faults
