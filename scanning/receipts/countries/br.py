"""Brazil: the link of a consumer's invoice (NFC-e) to one of the states' pages; its key has 44 characters."""

import re

from scanning.receipts.countries.field_parser import Fields, Link, moment, money
from scanning.receipts.countries.foreign import Foreign, ForeignInvalid

COUNTRY = "BR"
HOSTS = ("gov.br",)  # every state has its own page
TEST_HOSTS = ()

# State, year and month, CNPJ (letters are possible since 2026), model 65 or 55, series, number, kind, code, check.
_KEY = "[1-5][0-9]{5}[0-9A-Za-z]{12}[0-9]{2}(?:65|55)[0-9]{22}"
_PRODUCTION = "1"


def read(link: Link) -> Foreign | None:
    """p: the key and, behind bars, the version, the environment and a hash with the issuer's secret.

    Only a receipt issued offline contains its day and total. Raises ForeignInvalid.
    """
    fields = Fields.of_query(COUNTRY, link.query)
    if "p" not in fields and "chnfe" not in fields:
        return None
    key, *rest = fields.text("p" if "p" in fields else "chnfe", ".{1,300}").split("|")
    if len(key) != 44 and not re.search("nfc?e", link.host + link.path, re.IGNORECASE):
        return None
    key = Fields(COUNTRY, [("key", key)]).text("key", _KEY).upper()
    if _check_digit(key[:43]) != int(key[43]):
        raise ForeignInvalid(COUNTRY, "check_failed", "the key has a wrong check digit")
    if not all(re.fullmatch("[0-9A-Za-z.]{1,64}", part) for part in rest):
        raise ForeignInvalid(COUNTRY, "field_invalid", "a field behind the key is not well formed")
    if (rest[1] if len(rest) > 1 else fields.optional("tpamb", "[12]") or _PRODUCTION) != _PRODUCTION:
        raise ForeignInvalid(COUNTRY, "test_system", "this receipt was made in a test system")
    month = moment(COUNTRY, f"20{key[2:4]}-{key[4:6]}-01")
    is_offline = len(rest) == 7  # version, environment, day, total, digest, secret's number, hash
    return Foreign(
        country=COUNTRY,
        scheme="br-nfce",
        key=key,
        canonical=f"https://{link.host}{link.path}?p={'|'.join((key, *rest))}",
        at=moment(COUNTRY, f"{month:%Y-%m}-{rest[2]}") if is_offline else None,
        total=abs(money(COUNTRY, rest[3])) if is_offline else None,
        currency="BRL",
        seller=key[6:20],
    )


def _check_digit(text: str) -> int:
    """Modulo 11 with weights 2 to 9 from the right; a letter counts as its code less that of zero."""
    total = sum((ord(character) - 48) * (2 + place % 8) for place, character in enumerate(reversed(text)))
    rest = total % 11
    return 0 if rest < 2 else 11 - rest
