"""Kenya: the link of eTIMS: the shop's PIN, its branch, and the receipt's signature, all in one word."""

from scanning.receipts.countries.field_parser import Fields, Link
from scanning.receipts.countries.foreign import Foreign

COUNTRY = "KE"
HOSTS = ("etims.kra.go.ke",)
TEST_HOSTS = ("etims-sbx.kra.go.ke",)


def read(link: Link) -> Foreign | None:
    """There is neither time nor total. Raises ForeignInvalid."""
    fields = Fields.of_query(COUNTRY, link.query)
    if "data" not in fields:
        return None
    word = fields.text("data", "[A-Za-z][0-9]{9}[A-Za-z][0-9]{2}[A-Za-z0-9]{16}").upper()
    return Foreign(
        country=COUNTRY,
        scheme="ke-etims",
        key=word,
        canonical=f"https://{link.host}/common/link/etims/receipt/indexEtimsReceiptData?Data={word}",
        currency="KES",
        seller=word[:11],
    )
