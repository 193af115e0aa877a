"""Kyrgyzstan: the link to the tax service's own answer, with everything in it."""

from scanning.receipts.countries.field_parser import Fields, Link
from scanning.receipts.countries.foreign import Foreign

COUNTRY = "KG"
HOSTS = ("tax.salyk.kg",)
TEST_HOSTS = ()

_OPERATIONS = {1: 1, 2: 2}  # 3 and 4 are what a shop buys: not for us to decide


def read(link: Link) -> Foreign | None:
    """fn_number: the fiscal module, fd_number: the document in it, fm: its sign, sum: tyiyn.

    Raises ForeignInvalid.
    """
    fields = Fields.of_query(COUNTRY, link.query)
    if "fn_number" not in fields and "fd_number" not in fields:
        return None
    module, document = fields.text("fn_number", "[0-9]{1,20}").zfill(16), fields.number("fd_number", 12)
    at, total = fields.moment("date"), fields.number("sum", 15)
    operation, kind = fields.number("operation_type", 2), fields.number("type", 2)
    seller, register = fields.text("tin", "[0-9]{14}"), fields.text("regnumber", "[0-9]{1,20}")
    sign = fields.number("fm", 20)
    return Foreign(
        country=COUNTRY,
        scheme="kg-salyk",
        key=f"{module}:{document}",
        canonical=(
            f"https://{link.host}/tax-web-control/client/api/v1/ticket?date={at:%Y%m%dT%H%M%S}&type={kind}"
            f"&operation_type={operation}&fn_number={module}&fd_number={document}&fm={sign}"
            f"&tin={seller}&regNumber={register}&sum={total}"
        ),
        at=at,
        total=total,
        currency="KGS",
        seller=seller,
        operation=_OPERATIONS.get(operation),
    )
