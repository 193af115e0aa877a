"""A receipt of another country as its QR code gives it, and what can be wrong with one."""

from datetime import datetime
from typing import Literal

import msgspec

from scanning.problem import Problem

Proof = Literal["none", "signature_valid", "signature_invalid", "needs_certificate"]


class Foreign(msgspec.Struct, frozen=True):
    """The contents of one foreign receipt.

    key: the receipt's identity within its country, the same for every spelling; compare it together with country.
    canonical: one spelling of the text, to be stored and sent to the tax authority.
    at: the wall clock of the shop, without a zone. total: minor units of currency, never negative.
    seller: the tax number of the shop. operation: 1 a sale, 2 a return, None where the text does not say.
    proof: what can be shown without a network. A valid signature shows that nothing was changed since it was made;
    who made it is as certain as the key it was checked with (docs/countries.md).
    can_be_verified: whether a provider can be asked; without one a person decides, with a photo.
    """

    country: str  # ISO 3166-1 alpha-2
    scheme: str
    key: str
    canonical: str
    at: datetime | None = None
    total: int | None = None
    currency: str | None = None  # ISO 4217
    seller: str | None = None
    operation: int | None = None
    proof: Proof = "none"
    can_be_verified: bool = False


class ForeignInvalid(Problem):
    """The text is clearly a receipt of one country, but damaged or made up."""

    def __init__(self, country: str, code: str, message: str) -> None:
        """Name the country, and the machine's code of what is wrong: field_missing, field_repeated, field_invalid,
        date_invalid, sum_invalid, check_failed, encoding_invalid, test_system."""
        super().__init__(message)
        self.country = country
        self.code = code
