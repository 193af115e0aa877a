"""Kazakhstan: the link to the consumer's page of a fiscal data operator."""

from scanning.receipts.countries.field_parser import Fields, Link, in_major_units
from scanning.receipts.countries.foreign import Foreign

COUNTRY = "KZ"
# Each operator has its own page, and subdomains change; the four fields are the same everywhere.
HOSTS = ("oofd.kz", "ofd1.kz", "4ek.kz", "kofd.kz")
TEST_HOSTS = ("dev.kofd.kz",)


def read(link: Link) -> Foreign | None:
    """i: the fiscal sign, f: the register's number with the tax office, s: tenge, t: wall time, o: the operator.

    Raises ForeignInvalid.
    """
    fields = Fields.of_query(COUNTRY, link.query)
    if "i" not in fields and "f" not in fields:
        return None
    sign = fields.number("i", 20)
    register = fields.text("f", r"[0-9]{1,14}").zfill(12)
    operator = f"o={fields.text('o', '[a-z0-9]{1,20}')}&" if "o" in fields else ""
    at, total = fields.moment("t"), fields.money("s")
    return Foreign(
        country=COUNTRY,
        scheme="kz-ofd",
        key=f"{register}:{sign}",
        canonical=(
            f"https://{link.host}{link.path}?{operator}i={sign}&f={register}&s={in_major_units(total)}&t={at:%Y%m%dT%H%M%S}"
        ),
        at=at,
        total=total,
        currency="KZT",
    )
