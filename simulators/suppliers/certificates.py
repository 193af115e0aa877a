"""Certificates sold by the supplier simulators, one for a reference, and the stock of scarce products."""

import uuid
from typing import Literal

import msgspec

VALID_UNTIL = "2027-12-31"
WRONG_AMOUNT_KOPECKS = 10_000  # kopecks


class SoldCertificate(msgspec.Struct):
    """A sold certificate; `ready_at` in seconds since the start.

    `requested` is the requested face value, `face_value` the actual one, in kopecks.
    """

    service: str
    reference: str
    product: str
    requested: int
    currency: str
    ready_at: float = 0.0
    state: Literal["sold", "failed"] = "sold"
    id: str = msgspec.field(default_factory=lambda: _random_digits(12))
    code: str = msgspec.field(default_factory=lambda: f"SIM-{_random_digits(16)}")
    face_value: int = 0

    def __post_init__(self) -> None:
        self.face_value = self.face_value or self.requested


class CertificateStore:
    """Orders by supplier and reference. Without a reference a retry buys again."""

    def __init__(self) -> None:
        self.certificates: list[SoldCertificate] = []
        self.left: dict[str, int] = {}  # of products that are scarce
        self.scripts: dict[str, list[str]] = {}  # faults of the first requests about a reference

    def find(self, service: str, reference: str) -> SoldCertificate | None:
        """The order of a reference."""
        return self._first_free(service, reference=reference) if reference else None

    def find_by_id(self, service: str, id_: str) -> SoldCertificate | None:
        """The order with the supplier's own id."""
        return self._first_free(service, id=id_)

    def sell(self, certificate: SoldCertificate) -> bool:
        """Sell; False if the product is sold out."""
        product = certificate.product
        if certificate.state == "sold" and product in self.left:
            if not self.left[product]:
                return False
            self.left[product] -= 1
        self.certificates.append(certificate)
        return True

    def _first_free(self, service: str, **by: str) -> SoldCertificate | None:
        matches = (
            each
            for each in self.certificates
            if each.service == service and all(getattr(each, name) == value for name, value in by.items())
        )
        return next(matches, None)


def _random_digits(length: int) -> str:
    return uuid.uuid4().hex[:length].upper()
