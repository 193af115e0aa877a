"""Poland: the link of KSeF to an invoice (code I). The receipts of tills have no QR code."""

from stdnum.pl import nip

from scanning.receipts.countries.field_parser import Fields, Link, moment
from scanning.receipts.countries.foreign import Foreign, ForeignInvalid

COUNTRY = "PL"
HOSTS = ("qr.ksef.mf.gov.pl", "ksef.mf.gov.pl")
TEST_HOSTS = ("qr-test.ksef.mf.gov.pl", "qr-demo.ksef.mf.gov.pl", "ksef-test.mf.gov.pl", "ksef-demo.mf.gov.pl")


def read(link: Link) -> Foreign | None:
    """The issuer's tax number, the day, and the SHA-256 of an invoice that we don't have. Raises ForeignInvalid."""
    parts = [part for part in link.path.split("/") if part]
    names = [part.lower() for part in parts]
    if "invoice" not in names:
        return None
    parts = parts[names.index("invoice") + 1 :]
    if len(parts) != 3:
        raise ForeignInvalid(COUNTRY, "field_missing", "the link has a tax number, a day and a hash")
    fields = Fields(COUNTRY, list(zip(("nip", "day", "hash"), parts, strict=True)))
    seller, digest = fields.text("nip", "[0-9]{10}"), fields.text("hash", "[A-Za-z0-9_-]{43}=?").rstrip("=")
    if not nip.is_valid(seller):
        raise ForeignInvalid(COUNTRY, "check_failed", "the issuer's tax number has a wrong check digit")
    day, month, year = fields.text("day", "[0-9]{2}-[0-9]{2}-[0-9]{4}").split("-")
    at = moment(COUNTRY, f"{year}-{month}-{day}")
    return Foreign(
        country=COUNTRY,
        scheme="pl-ksef",
        key=digest,
        canonical=f"https://qr.ksef.mf.gov.pl/invoice/{seller}/{at:%d-%m-%Y}/{digest}",
        at=at,
        seller=seller,
    )
