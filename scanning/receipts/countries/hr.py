"""Croatia: the link to the tax administration's check of an invoice."""

from scanning.receipts.countries.field_parser import Fields, Link, in_major_units, money
from scanning.receipts.countries.foreign import Foreign

COUNTRY = "HR"
HOSTS = ("porezna.gov.hr", "porezna-uprava.gov.hr", "porezna-uprava.hr")
TEST_HOSTS = ()

_JIR = "[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}"


def read(link: Link) -> Foreign | None:
    """jir: the administration's identifier, or zki: the shop's; datv: the time, izn: euros. Raises ForeignInvalid."""
    fields = Fields.of_query(COUNTRY, link.query)
    if "jir" not in fields and "zki" not in fields:
        return None
    jir, zki = fields.optional("jir", _JIR), fields.optional("zki", "[0-9A-Fa-f]{32}")
    identity = f"jir={jir.lower()}" if jir else f"zki={(zki or '').lower()}"
    at, amount = fields.moment("datv"), fields.text("izn", "[0-9]{1,12}(?:[.,][0-9]{1,2})?")
    # Without a comma some mean euros and some cents: nothing is guessed.
    total = money(COUNTRY, amount) if "," in amount or "." in amount else None
    return Foreign(
        country=COUNTRY,
        scheme="hr-fiskal",
        key=identity,
        canonical=(
            f"https://{link.host}/rn?{identity}&datv={at:%Y%m%d_%H%M}"
            f"&izn={amount if total is None else in_major_units(total).replace('.', ',')}"
        ),
        at=at,
        total=total,
        currency="EUR",
    )
