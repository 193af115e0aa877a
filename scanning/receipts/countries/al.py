"""Albania: the link to the tax directorate's page of an invoice, as in Montenegro."""

from scanning.receipts.countries import me
from scanning.receipts.countries.field_parser import Link
from scanning.receipts.countries.foreign import Foreign

COUNTRY = "AL"
HOSTS = ("efiskalizimi-app.tatime.gov.al",)
TEST_HOSTS = ("efiskalizimi-app-test.tatime.gov.al",)


def read(link: Link) -> Foreign | None:
    """iic: the issuer's code of the invoice, crtd: its time, prc: lek. Raises ForeignInvalid."""
    return me.read_invoice(COUNTRY, "ALL", f"https://{link.host}/invoice-check/#/verify", link.query)
