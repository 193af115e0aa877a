"""The article number and serial of a receipt's line, in every shape in which providers write a product code.

Tag 1162 (FFD to 1.1) is binary: two bytes of type, six of GTIN, a serial. Tag 1163 (FFD 1.2) has one named part,
as an object or a bare text. Orders of the FNS: MMV-7-20/229@ of 21 March 2017, ED-7-20/662@ of 14 September 2020.
"""

import base64
import binascii
import re
from collections.abc import Mapping

from scanning.codes import gs1
from scanning.problem import Problem

Found = tuple[str | None, str | None]
_NOTHING: Found = (None, None)

_WITH_SERIAL = b"DM"
_BINARY_TYPES = (b"E\x0d", b"E\x08", b"I\x0e", _WITH_SERIAL)  # EAN-13, EAN-8, ITF-14, DataMatrix
_HEXADECIMAL = re.compile(r"(?:[0-9A-Fa-f]{2}\s?){8,64}")

# Parts of tag 1163 that name an article; the others (fur, medicine, alcohol, unknown) don't.
_NUMBERS = frozenset({"ean8", "ean13", "itf14", "gtin"})
_MARKINGS = frozenset({"gs1", "gs1m", "kmk"})
_LONGEST = 512  # characters of any code


def read(item: Mapping[str, object]) -> Found:
    """The GTIN in 14 digits, its check digit verified, and the serial of a marked unit. Raises nothing."""
    for shape in (item, item.get("productCodeData"), item.get("productCodeNew"), item.get("productCode")):
        found = _of_shape(shape)
        if found[0]:
            return found
    return _of_number(item.get("barcode")), None


def _of_shape(shape: object) -> Found:
    if isinstance(shape, str):
        return _of_text(shape) if len(shape) <= _LONGEST else _NOTHING
    if not isinstance(shape, Mapping):
        return _NOTHING
    found = _of_fields(shape)
    if found[0]:
        return found
    for name, value in shape.items():
        found = _of_part(name, value)
        if found[0]:
            return found
    return _NOTHING


def _of_fields(fields: Mapping[str, object]) -> Found:
    """The decoded form: gtin, sernum, rawProductCode. If they contradict one another, none is used."""
    gtin = _of_number(fields.get("gtin"))
    raw = _of_marking(fields.get("rawProductCode"))
    if gtin is None or raw[0] not in (None, gtin):
        return raw if gtin is None and fields.get("gtin") is None else _NOTHING
    serial = fields.get("sernum")
    own = _of_marking(f"01{gtin}21{serial}")[1] if isinstance(serial, str) and serial else None
    if own and raw[1] and own != raw[1]:
        return gtin, None
    return gtin, own or raw[1]


def _of_part(name: object, value: object) -> Found:
    """One named part of tag 1163: ean13, or Code_EAN_13 as ofd.ru writes it."""
    part = str(name)[:40].lower().removeprefix("code_").replace("_", "")
    if part not in _NUMBERS | _MARKINGS:
        return _NOTHING
    if isinstance(value, Mapping):
        return _of_fields(value)
    number = _of_number(value)
    return (number, None) if number or part in _NUMBERS else _of_marking(value)


def _of_text(code: str) -> Found:
    """A bare text: digits, a marking, or tag 1162 in hexadecimal or base64."""
    number = _of_number(code)
    if number:
        return number, None
    return _of_binary(_code_bytes(code)) if _of_marking(code)[0] is None else _of_marking(code)


def _code_bytes(code: str) -> bytes:
    if _HEXADECIMAL.fullmatch(code):
        return bytes.fromhex(code)
    try:
        return base64.b64decode(code, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _of_binary(code: bytes) -> Found:
    if len(code) < 8 or code[:2] not in _BINARY_TYPES:
        return _NOTHING
    gtin = _of_number(int.from_bytes(code[2:8], "big"))
    if gtin is None or code[:2] != _WITH_SERIAL:
        return gtin, None
    serial = code[8:].rstrip(b" \x00").decode("ascii", "replace")
    return gtin, _of_marking(f"01{gtin}21{serial}")[1]


def _of_number(value: object) -> str | None:
    """A GTIN as a text or as a number that lost its leading zeros."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**14:
        value = str(value).zfill(14)
    if not isinstance(value, str) or len(value) > 40:
        return None
    try:
        return gs1.read_gtin(value)
    except Problem:
        return None


def _of_marking(value: object) -> Found:
    if not isinstance(value, str) or len(value) > _LONGEST:
        return _NOTHING
    try:
        marking = gs1.read_marking(value)
    except Problem:
        return _NOTHING
    return marking.gtin, marking.serial
