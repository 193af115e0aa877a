"""Moldova: the link to the tax service's check of a receipt, its fields in the path."""

from scanning.receipts.countries.field_parser import Fields, Link, in_major_units
from scanning.receipts.countries.foreign import Foreign, ForeignInvalid

COUNTRY = "MD"
HOSTS = ("mev.sfs.md", "sift-mev.sfs.md")
TEST_HOSTS = ()

_PATH_HEAD = "receipt-verifier"


def read(link: Link) -> Foreign | None:
    """The register, lei, the receipt's number and the day; or one opaque hash. Raises ForeignInvalid."""
    parts = [part for part in link.path.split("/") if part]
    if len(parts) < 2 or parts[0].lower() != _PATH_HEAD:
        return None
    if len(parts) == 2:
        fields = Fields(COUNTRY, [("hash", parts[1])])
        identity = fields.text("hash", "[A-Za-z0-9_=-]{16,128}")
        return Foreign(
            country=COUNTRY,
            scheme="md-mev-hash",
            key=identity,
            canonical=_page_identity(link, identity),
            currency="MDL",
        )
    if len(parts) != 5:
        raise ForeignInvalid(COUNTRY, "field_missing", "the link has a register, a sum, a number and a day")
    fields = Fields(COUNTRY, list(zip(("register", "sum", "number", "day"), parts[1:], strict=True)))
    register, number = fields.text("register", "[A-Za-z0-9]{4,20}").upper(), fields.number("number", 12)
    at, total = fields.moment("day"), fields.money("sum")
    return Foreign(
        country=COUNTRY,
        scheme="md-mev",
        key=f"{register}:{number}:{at:%Y-%m-%d}",
        canonical=_page_identity(link, f"{register}/{in_major_units(total)}/{number}/{at:%Y-%m-%d}"),
        at=at,
        total=total,
        currency="MDL",
    )


def _page_identity(link: Link, rest: str) -> str:
    return f"https://{link.host}/{_PATH_HEAD}/{rest}"
