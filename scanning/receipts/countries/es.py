"""Spain: the links of Verifactu, and of TicketBAI in the three Basque provinces with its check sums."""

import re
from urllib.parse import quote

from stdnum.es import nif

from scanning.receipts.countries.field_parser import Fields, Link, in_major_units, moment, money
from scanning.receipts.countries.foreign import Foreign, ForeignInvalid

COUNTRY = "ES"
HOSTS = ("agenciatributaria.gob.es", "batuz.eus", "tbai.egoitza.gipuzkoa.eus", "ticketbai.araba.eus")
TEST_HOSTS = ("prewww2.aeat.es", "tbai-prep.egoitza.gipuzkoa.eus", "pruebas-ticketbai.araba.eus")

# TBAI, the issuer's tax number, the day, the start of the signature, and a check sum over all that.
_TICKET = re.compile(r"(TBAI-([0-9A-Z]{9})-([0-9]{6})-[!-~]{13}-)([0-9]{3})", re.ASCII)


def read(link: Link) -> Foreign | None:
    """Raises ForeignInvalid."""
    if link.host.endswith(".eus"):
        return _read_ticketbai(link)
    return _read_verifactu(link) if "/validarqr" in link.path.lower() else None


def _read_verifactu(link: Link) -> Foreign | None:
    """nif: the issuer, numserie: the invoice, fecha: its day, importe: euros (Orden HAC/1177/2024, article 21)."""
    fields = Fields.of_query(COUNTRY, link.query)
    if "nif" not in fields or "numserie" not in fields:
        return None
    seller, number = fields.text("nif", "[0-9A-Za-z]{9}").upper(), fields.text("numserie", "[ -~]{1,60}")
    if not nif.is_valid(seller):
        raise ForeignInvalid(COUNTRY, "check_failed", "the issuer's tax number has a wrong check character")
    day, month, year = fields.text("fecha", "[0-9]{2}-[0-9]{2}-[0-9]{4}").split("-")
    at, total = moment(COUNTRY, f"{year}-{month}-{day}"), money(COUNTRY, fields.text("importe", ".{1,24}"))
    amount = f"{'-' if total < 0 else ''}{in_major_units(abs(total))}"
    return Foreign(
        country=COUNTRY,
        scheme="es-verifactu",
        key=f"{seller}:{number}:{at:%Y-%m-%d}",
        canonical=(
            f"https://{link.host}{link.path}?nif={seller}&numserie={quote(number, safe='')}"
            f"&fecha={at:%d-%m-%Y}&importe={amount}"
        ),
        at=at,
        total=abs(total),
        currency="EUR",
        seller=seller,
        operation=2 if total < 0 else 1,
    )


def _read_ticketbai(link: Link) -> Foreign | None:
    """id, s: series, nf: number, i: euros, cr: the CRC-8 of the link up to it."""
    fields = Fields.of_query(COUNTRY, link.query)
    if "id" not in fields:
        return None
    identity = fields.text("id", "[!-~]{36,42}")
    ticket = _TICKET.fullmatch(identity)
    if ticket is None:
        raise ForeignInvalid(COUNTRY, "field_invalid", "this is no identifier of TicketBAI")
    # The link's sum is over its spelling, percent signs and all; the order of the fields is given.
    before, _, check = link.query.partition("&cr=")
    checked = f"https://{link.host}{link.path}?{before}"
    if _compute_crc8(ticket[1]) != int(ticket[4]) or check[:3] != f"{_compute_crc8(checked):03}":
        raise ForeignInvalid(COUNTRY, "check_failed", "a check sum (CRC-8) does not fit")
    day, total = ticket[3], money(COUNTRY, fields.text("i", ".{1,24}"))
    return Foreign(
        country=COUNTRY,
        scheme="es-ticketbai",
        key=identity,
        canonical=f"{checked}&cr={check[:3]}",
        at=moment(COUNTRY, f"20{day[4:]}-{day[2:4]}-{day[:2]}"),
        total=abs(total),
        currency="EUR",
        seller=ticket[2],
        operation=2 if total < 0 else 1,
    )


def _compute_crc8(text: str) -> int:
    """Polynomial 0x07, starting from zero."""
    crc = 0
    for byte in text.encode():
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ 0x07) & 0xFF if crc & 0x80 else crc << 1
    return crc
