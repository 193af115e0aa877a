"""The neutral receipt: any provider's response is parsed into it before rules are applied."""

import re
from datetime import date, datetime

import msgspec

from scanning.receipts import document_fields as fields
from scanning.receipts import document_lines, document_shapes, personal, regions
from scanning.receipts.document_fields import DocumentUnreadable, Record
from scanning.receipts.document_lines import Line

__all__ = ["Correction", "Document", "DocumentUnreadable", "Line", "read", "read_many"]

RECEIPT, STRICT_FORM = 3, 4
CORRECTIONS = frozenset({31, 41})


class Correction(msgspec.Struct, frozen=True):
    """What a correction document corrects; every part may be missing."""

    by_order: bool | None  # tag 1173: the tax service ordered it, or the shop did it of its own accord
    day: date | None  # tag 1178: the day of the operation that is corrected
    number: str  # tag 1179: of the order; "" if none
    fp: int | None  # tag 1192: the fiscal sign of the wrong receipt


class Document(msgspec.Struct, frozen=True):
    """A fiscal document without personal data. Amounts are kopecks, the time is the wall time of the shop."""

    fn: str
    fd: int
    fp: int
    at: datetime  # naive, never converted
    time_source: str  # "iso", "iso_zoned", "local", "unix_moscow", "unix_utc_wall" or "qr": where the time came from
    kind: int  # 3 receipt, 4 strict form, 31 and 41 their corrections
    operation: int  # 1 sale, 2 sale return, 3 purchase, 4 purchase return
    total: int
    prepaid: int
    credit: int
    seller_inn: str | None
    seller: str  # the name of an organisation; "" for a sole trader, whose name is personal data
    place: str
    address: str
    kkt: str
    region: str | None  # of the shop; None if unknown or sold over the internet
    marketplace: bool
    corrects: Correction | None
    lines: tuple[Line, ...]
    warnings: tuple[str, ...]


def read(raw: object) -> Document:
    """The one receipt in a provider's decoded JSON. Raises DocumentUnreadable, also for "several_receipts"."""
    documents = read_many(raw)
    if len(documents) != 1:
        raise DocumentUnreadable("several_receipts", f"{len(documents)} where one was asked for")
    return documents[0]


def read_many(raw: object) -> list[Document]:
    """Every receipt in a provider's decoded JSON, such as an export; a copy of one counts once.

    Raises DocumentUnreadable: "no_receipt", "too_large", "requisites_missing", "time_invalid", "kind_unknown",
    "operation_invalid", "total_invalid", "sum_invalid", "no_lines", and those of document_lines.read.
    """
    receipts = document_shapes.receipts(raw)
    if not receipts:
        raise DocumentUnreadable("no_receipt", "nothing here looks like a receipt")
    documents: list[Document] = []
    for receipt in receipts:
        document = _build_document(receipt)
        if document not in documents:
            documents.append(document)
    return documents


def _build_document(receipt: Record) -> Document:
    at, time_source = fields.wall_time(receipt)
    total = fields.kopecks(receipt.get("totalSum"), "total_invalid")
    kind = _document_kind(receipt)
    listed = document_lines.read(receipt, total)
    if not listed.lines and kind not in CORRECTIONS:
        raise DocumentUnreadable("no_lines", "a receipt lists what is sold")
    seller_inn = fields.inn(receipt.get("userInn"))
    name = fields.text(receipt.get("user"), 256)
    seller = personal.seller_name(name, seller_inn)
    place, address = _shop_and_address(receipt, frozenset() if seller else personal.trader_words(name))
    return Document(
        fn=_drive_number(receipt.get("fiscalDriveNumber")),
        fd=fields.whole(receipt.get("fiscalDocumentNumber"), "requisites_missing", least=1),
        fp=fields.whole(receipt.get("fiscalSign"), "requisites_missing", least=1),
        at=at,
        time_source=time_source,
        kind=kind,
        operation=fields.whole(receipt.get("operationType"), "operation_invalid", least=1, most=4),
        total=total,
        prepaid=_optional_sum(receipt, "prepaidSum"),
        credit=_optional_sum(receipt, "creditSum"),
        seller_inn=seller_inn,
        seller=seller,
        place=place,
        address=address,
        kkt=fields.text(receipt.get("kktRegId"), 20),
        region=_region_code(receipt, address, place),
        marketplace=listed.by_agent or any(line.supplier_inn not in (None, seller_inn) for line in listed.lines),
        corrects=_read_correction(receipt) if kind in CORRECTIONS else None,
        lines=listed.lines,
        warnings=listed.warnings,
    )


def _drive_number(value: object) -> str:
    """The number of the fiscal drive: sixteen digits. A float has lost the last of them."""
    number = "" if isinstance(value, float) else fields.text(value, 40)
    if not re.fullmatch(r"[0-9]{16}", number):
        raise DocumentUnreadable("requisites_missing", "the number of a fiscal drive has 16 digits")
    return number


def _document_kind(receipt: Record) -> int:
    kind = fields.whole(receipt.get("code"), "kind_unknown")
    if kind not in {RECEIPT, STRICT_FORM} | CORRECTIONS:
        raise DocumentUnreadable("kind_unknown", "neither a receipt, a strict form nor a correction")
    return kind


def _optional_sum(receipt: Record, name: str) -> int:
    return 0 if receipt.get(name) is None else fields.kopecks(receipt[name], "sum_invalid")


def _shop_and_address(receipt: Record, trader: frozenset[str]) -> tuple[str, str]:
    """The name and address of the shop, less a sole trader's name."""
    metadata = receipt.get("metadata")
    address = receipt.get("retailPlaceAddress") or (metadata.get("address") if isinstance(metadata, dict) else None)
    place = fields.text(receipt.get("retailPlace"), 256)
    return personal.without_trader(place, trader), personal.without_trader(fields.text(address, 512), trader)


def _region_code(receipt: Record, address: str, place: str) -> str | None:
    """Two digits of the subject of the federation where the shop is, from its field or the address.

    None for a sale over the internet (tag 1108), which has no place.
    """
    if fields.open_code(receipt.get("internetSign")):
        return None
    code = fields.text(receipt.get("region"), 4).zfill(2)
    return code if code in regions.REGIONS else regions.of_address(address) or regions.of_address(place)


def _read_correction(receipt: Record) -> Correction:
    """Tags 1173, 1174 (day and number) and 1192, where FFD 1.1 and 1.2 put the sign of the wrong receipt."""
    base = receipt.get("correctionBase")
    source = base if isinstance(base, dict) else receipt
    by_order = fields.open_code(receipt.get("correctionType"))
    sign = fields.text(receipt.get("propertiesData"), 40)
    return Correction(
        by_order=None if by_order is None else bool(by_order),
        day=_read_day(source.get("documentDate", source.get("correctionDocumentDate"))),
        number=fields.text(source.get("documentNumber", source.get("correctionDocumentNumber")), 32),
        fp=int(sign) if re.fullmatch(r"[0-9]{1,10}", sign) else None,
    )


def _read_day(value: object) -> date | None:
    """The day in a written or unix time; None where there is none, for it only helps a person to find the receipt."""
    try:
        return fields.wall_time(
            {"dateTime": f"{value}T00:00" if isinstance(value, str) and len(value) == 10 else value}
        )[0].date()
    except DocumentUnreadable:
        return None
