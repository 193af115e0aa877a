"""What the stand-ins for suppliers have sold: one certificate for a reference, and how many are left of a product."""

import uuid
from typing import Literal

import msgspec

VALID_UNTIL = "2027-12-31"
WRONG_BY = 10_000  # kopecks


class Certificate(msgspec.Struct):
    """A certificate that was sold; `ready_at` in seconds since the start.

    `asked` is what it should be worth, `nominal` what it is, in kopecks.
    """

    service: str
    reference: str
    product: str
    asked: int
    currency: str
    ready_at: float = 0.0
    state: Literal["sold", "failed"] = "sold"
    id: str = msgspec.field(default_factory=lambda: _number(12))
    code: str = msgspec.field(default_factory=lambda: f"SIM-{_number(16)}")
    nominal: int = 0

    def __post_init__(self) -> None:
        self.nominal = self.nominal or self.asked


class Shop:
    """The orders by supplier and reference. Without a reference nothing keeps a repetition from buying again."""

    def __init__(self) -> None:
        self.certificates: list[Certificate] = []
        self.left: dict[str, int] = {}  # of products that are scarce
        self.scripts: dict[str, list[str]] = {}  # faults that the first questions about a reference meet

    def found(self, service: str, reference: str) -> Certificate | None:
        """What was sold under a reference."""
        return self._first(service, reference=reference) if reference else None

    def by_id(self, service: str, id_: str) -> Certificate | None:
        """The order by the supplier's own id."""
        return self._first(service, id=id_)

    def sell(self, certificate: Certificate) -> bool:
        """Sell; false if there is none left."""
        product = certificate.product
        if certificate.state == "sold" and product in self.left:
            if not self.left[product]:
                return False
            self.left[product] -= 1
        self.certificates.append(certificate)
        return True

    def _first(self, service: str, **by: str) -> Certificate | None:
        fits = (
            one
            for one in self.certificates
            if one.service == service and all(getattr(one, name) == value for name, value in by.items())
        )
        return next(fits, None)


def _number(length: int) -> str:
    return uuid.uuid4().hex[:length].upper()
