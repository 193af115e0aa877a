"""Ukraine: the link to the tax service's check of a receipt of a software till."""

from scanning.receipts.countries.field_parser import Fields, Link, in_major_units, moment
from scanning.receipts.countries.foreign import Foreign

COUNTRY = "UA"
HOSTS = ("cabinet.tax.gov.ua",)
TEST_HOSTS = ()


def read(link: Link) -> Foreign | None:
    """fn: the till's fiscal number, id: the receipt's, sm: hryvnias, date and time apart. Raises ForeignInvalid."""
    fields = Fields.of_query(COUNTRY, link.query)
    if "id" not in fields or "fn" not in fields:
        return None
    till, receipt = fields.number("fn", 12), fields.text("id", "[A-Za-z0-9_+/=-]{1,40}")
    day, time = fields.text("date", "[0-9]{8}"), fields.text("time", "[0-9]{2}:?[0-9]{2}(?::?[0-9]{2})?")
    at, total = moment(COUNTRY, f"{day}T{time}"), fields.money("sm")
    return Foreign(
        country=COUNTRY,
        scheme="ua-prro",
        key=f"{till}:{receipt}",
        canonical=(
            f"https://{link.host}/cashregs/check?id={receipt}&date={at:%Y%m%d}&time={at:%H:%M:%S}"
            f"&fn={till}&sm={in_major_units(total)}"
        ),
        at=at,
        total=total,
        currency="UAH",
    )
