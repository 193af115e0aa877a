"""Finds the receipts in a provider's response, and translates every provider's field names into those of the FNS.

The names of the FNS are its «Структура json ФД». Shapes: proverkacheka.com, FNS open API, FNS mobile application and
its export, FNS API of 2017 to 2020, CRPT, ofd.ru, pages of ofd.ru that were read by a program.
"""

import html
import json
from collections.abc import Iterator, Mapping

from scanning.receipts import document_fields as fields
from scanning.receipts import personal
from scanning.receipts.document_fields import DocumentUnreadable, Record

MOST_BYTES = 1_000_000
MOST_VALUES = 200_000
DEEPEST = 40
MOST_RECEIPTS = 1_000

_KIND_BY_NAME = {"receipt": 3, "bso": 4, "receiptCorrection": 31, "bsoCorrection": 41}

_RECEIPT_NAMES = {
    "receiptCode": "code",
    "prepaymentSum": "prepaidSum",
    "postpaymentSum": "creditSum",
    "retailAddress": "retailPlaceAddress",
    # ofd.ru
    "Tag": "code",
    "FN_FactoryNumber": "fiscalDriveNumber",
    "Document_Number": "fiscalDocumentNumber",
    "DecimalFiscalSign": "fiscalSign",
    "DateTime": "dateTime",
    "OperationType": "operationType",
    "Amount_Total": "totalSum",
    "Amount_Advance": "prepaidSum",
    "Amount_Loan": "creditSum",
    "User": "user",
    "UserInn": "userInn",
    "KKT_RegNumber": "kktRegId",
    "RetailPlaceAddress": "retailPlaceAddress",
    "Calculation_Place": "retailPlace",
    "Items": "items",
}
_ITEM_NAMES = {
    "calculationTypeSign": "paymentType",
    "calculationSubjectSign": "productType",
    # ofd.ru
    "Name": "name",
    "Price": "price",
    "Quantity": "quantity",
    "Total": "sum",
    "CalculationMethod": "paymentType",
    "SubjectType": "productType",
    "ProductUnitOfMeasure": "itemsQuantityMeasure",
    "ProductCode": "productCodeNew",
    "ProductNomenclature": "productCode",
    "Supplier_INN": "providerInn",
    "Provider_Inn": "providerInn",
    # pages that were read by a program
    "title": "name",
    "qty": "quantity",
}
_OPERATIONS = {"income": 1, "incomereturn": 2, "expense": 3, "expensereturn": 4}


def receipts(raw: object) -> list[Record]:
    """Every receipt in an answer, under the names of the FNS. Raises DocumentUnreadable("too_large", ...)."""
    found = list(_find_records(_decode_within_limits(raw), "", 0))
    if len(found) > MOST_RECEIPTS:
        raise DocumentUnreadable("too_large", "too many receipts in one answer")
    return found


def item(raw: object) -> Record:
    """One line under the names of the FNS, its amounts in kopecks. Raises DocumentUnreadable."""
    if not isinstance(raw, Mapping):
        raise DocumentUnreadable("line_invalid", "a line is no object")
    line = _rename_keys(raw, _ITEM_NAMES)
    for name in ("price", "sum"):
        if f"{name}_rub" in line:
            line[name] = fields.roubles(line[f"{name}_rub"], "line_invalid")
    return line


def _decode_within_limits(raw: object) -> object:
    """The answer with the JSON texts in it decoded. Raises DocumentUnreadable("too_large") before anything is read."""
    size = count = 0
    level: list[object] = [raw]
    for _ in range(DEEPEST):
        below: list[object] = []
        for value in level:
            count += 1
            if isinstance(value, str):
                size += len(value)
            elif isinstance(value, Mapping):
                size += sum(len(str(name)) for name in value)
                below.extend(value.values())
            elif isinstance(value, list):
                below.extend(value)
        if size > MOST_BYTES or count + len(below) > MOST_VALUES:
            raise DocumentUnreadable("too_large", "more than a receipt can be")
        level = below
    if level:
        raise DocumentUnreadable("too_large", "nested deeper than a receipt is")
    return raw


def _find_records(value: object, name: str, depth: int) -> Iterator[Record]:
    if isinstance(value, str):
        decoded = _decode_json(value)
        if decoded is not None and depth < DEEPEST:
            yield from _find_records(_decode_within_limits(decoded), name, depth + 1)
    elif isinstance(value, list):
        for child in value:
            yield from _find_records(child, name, depth + 1)
    elif isinstance(value, Mapping):
        receipt = _receipt_record(value, name)
        if receipt is not None:
            yield receipt
            return
        for child_name, child in value.items():
            yield from _find_records(child, str(child_name), depth + 1)


def _receipt_record(value: Mapping[str, object], name: str) -> Record | None:
    if isinstance(value.get("qr"), Mapping) and isinstance(value.get("items"), list):
        return _page_record(value)
    if isinstance(value.get("codeData"), Mapping) and isinstance(value.get("receipt"), Mapping):
        return _crpt_record(value)
    receipt = _rename_keys(value, _RECEIPT_NAMES)
    if "fiscalDocumentNumber" not in receipt or not ("totalSum" in receipt or "items" in receipt):
        return None
    operation = receipt.get("operationType")
    if isinstance(operation, str):
        receipt["operationType"] = _OPERATIONS.get(operation.replace("_", "").lower(), operation)
    if receipt.get("code") is None:
        receipt["code"] = _KIND_BY_NAME.get(name, 3)
    return receipt


def _crpt_record(value: Mapping[str, object]) -> Record:
    """The answer of the CRPT: the requisites are beside the receipt."""
    requisites, receipt = value["codeData"], value["receipt"]
    assert isinstance(requisites, Mapping)  # noqa: S101  # as the caller saw
    assert isinstance(receipt, Mapping)  # noqa: S101
    return {"code": 3, **requisites, **_rename_keys(receipt, _RECEIPT_NAMES)}


def _page_record(value: Mapping[str, object]) -> Record:
    """A page of ofd.ru: the requisites of the QR code, roubles, no sums of lines, entities in the texts."""
    requisites, shop, items = value["qr"], value.get("shop"), value["items"]
    assert isinstance(requisites, Mapping)  # noqa: S101  # as the caller saw
    assert isinstance(items, list)  # noqa: S101
    shop = shop if isinstance(shop, Mapping) else {}
    tax = fields.inn(fields.text(shop.get("tin"), 40).removeprefix("ИНН"))
    total = value["totalSum"] if value.get("totalSum") is not None else requisites.get("s")
    return {
        "fiscalDriveNumber": requisites.get("fn"),
        "fiscalDocumentNumber": requisites.get("i"),
        "fiscalSign": requisites.get("fp"),
        "qrTime": requisites.get("t"),
        "code": 3,
        "operationType": requisites.get("n"),
        "totalSum": fields.roubles(total, "total_invalid"),
        "userInn": tax,
        "retailPlace": "" if personal.is_person(tax) else _unescape_html(shop.get("title")),  # that may be a bare name
        "retailPlaceAddress": _unescape_html(shop.get("address")),
        "items": [_page_line(line) for line in items[:MOST_VALUES]],
    }


def _page_line(line: object) -> object:
    if not isinstance(line, Mapping):
        return line
    rest = {name: value for name, value in line.items() if name not in ("price", "sum", "title", "name")}
    amounts = {f"{name}_rub": line[name] for name in ("price", "sum") if line.get(name) is not None}
    return rest | amounts | {"name": _unescape_html(line.get("title", line.get("name")))}


def _rename_keys(value: Mapping[str, object], names: Mapping[str, str]) -> dict[str, object]:
    renamed = {names[name]: content for name, content in value.items() if name in names}
    return renamed | {name: content for name, content in value.items() if name not in names}


def _unescape_html(value: object) -> object:
    return html.unescape(value) if isinstance(value, str) else value


def _decode_json(value: str) -> object:
    if not value.lstrip().startswith(("{", "[")):
        return None
    try:
        decoded: object = json.loads(value)
    except (ValueError, RecursionError):
        return None
    return decoded
