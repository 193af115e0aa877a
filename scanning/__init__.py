"""Reads codes from texts and pictures and parses them. Pure: no database, no network, no clock."""

from importlib import import_module
from types import ModuleType

# Scripts import these modules by the names that they had until 0.2.0; the names go with 0.3.0.
_EARLIER_NAMES = {
    "countries": "scanning.receipts.countries",
    "document": "scanning.receipts.document",
    "gs1": "scanning.codes.gs1",
    "package": "scanning.codes.package",
    "personal": "scanning.receipts.personal",
    "picture": "scanning.pictures.picture",
    "product_code": "scanning.codes.product_code",
    "receipt": "scanning.receipts.receipt",
    "regions": "scanning.receipts.regions",
    "scan": "scanning.pictures.scan",
}


def __getattr__(name: str) -> ModuleType:
    if name not in _EARLIER_NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module(_EARLIER_NAMES[name])
