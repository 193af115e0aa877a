"""The engines that read codes from a gray picture, each limited to the kinds of code that we use."""

from collections.abc import Callable
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Literal, NamedTuple

import zxingcpp

from scanning.pictures.picture import Gray

SymbolFormat = Literal["qr", "datamatrix", "ean"]
Corners = tuple[tuple[int, int], ...]
Outline = tuple[tuple[float, float], ...]


class Symbol(NamedTuple):
    """One code read from a picture."""

    text: str
    raw: bytes  # as the code holds it, separators of GS1 included
    format: SymbolFormat  # "ean" is EAN-13, EAN-8, UPC-A and UPC-E
    engine: str
    step: str  # of the decode plan
    corners: Corners  # four, clockwise, in pixels of the upright sheet; empty if the engine does not report them
    outline: Outline = ()  # the same as shares of its width and height, from 0 to 1
    page: int = 1  # of a PDF


Reader = Callable[[Gray], list[Symbol]]


def live_engines() -> list[str]:
    """The engines that are available: zxing-cpp always, pyzbar where its library is installed."""
    return ["zxing-cpp", "pyzbar"] if _load_zbar() else ["zxing-cpp"]


def text_of(raw: bytes) -> str:
    """The text in bytes of unknown encoding: UTF-8, else Windows' Cyrillic, else Latin-1."""
    for encoding in ("utf-8", "cp1251"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return raw.decode("latin-1")


def read_qr(picture: Gray) -> list[Symbol]:
    """QR codes, by zxing-cpp."""
    return _decode_with_zxing(picture, zxingcpp.BarcodeFormat.QRCodeModel2)


def read_qr_by_one_threshold(picture: Gray) -> list[Symbol]:
    """QR codes, by zxing-cpp with a single threshold for the whole picture, which suits even light."""
    return _decode_with_zxing(
        picture, zxingcpp.BarcodeFormat.QRCodeModel2, binarizer=zxingcpp.Binarizer.GlobalHistogram
    )


def read_datamatrix(picture: Gray) -> list[Symbol]:
    """DataMatrix codes, by zxing-cpp."""
    return _decode_with_zxing(picture, zxingcpp.BarcodeFormat.DataMatrix)


def read_both(picture: Gray) -> list[Symbol]:
    """QR and DataMatrix codes, by zxing-cpp."""
    return _decode_with_zxing(picture, zxingcpp.BarcodeFormat.QRCodeModel2, zxingcpp.BarcodeFormat.DataMatrix)


def read_ean(picture: Gray) -> list[Symbol]:
    """The bar codes of shops, by zxing-cpp."""
    return _decode_with_zxing(picture, zxingcpp.BarcodeFormat.EANUPC)


def read_by_zbar(picture: Gray) -> list[Symbol]:
    """QR and bar codes, by zbar; none where it is not installed.

    zbar guesses the encoding of a text and is wrong where it is neither ASCII nor Russian in UTF-8.
    """
    zbar = _load_zbar()
    if zbar is None:
        return []
    kinds = zbar.ZBarSymbol
    found = zbar.decode(picture, symbols=[kinds.QRCODE, kinds.EAN13, kinds.EAN8, kinds.UPCA, kinds.UPCE])
    return [
        Symbol(
            text=text_of(code.data),
            raw=code.data,
            format="qr" if code.type == "QRCODE" else "ean",
            engine="pyzbar",
            step="",
            corners=tuple((point.x, point.y) for point in code.polygon) if len(code.polygon) == 4 else (),
        )
        for code in found
    ]


def _decode_with_zxing(
    picture: Gray,
    *formats: zxingcpp.BarcodeFormat,
    binarizer: zxingcpp.Binarizer = zxingcpp.Binarizer.LocalAverage,
) -> list[Symbol]:
    found = zxingcpp.read_barcodes(
        picture,
        formats=zxingcpp.BarcodeFormats(formats),
        binarizer=binarizer,
        text_mode=zxingcpp.TextMode.Plain,
    )
    return [_of_zxing(code) for code in found]


_FORMATS: dict[zxingcpp.BarcodeFormat, SymbolFormat] = {
    zxingcpp.BarcodeFormat.QRCode: "qr",
    zxingcpp.BarcodeFormat.DataMatrix: "datamatrix",
    zxingcpp.BarcodeFormat.EANUPC: "ean",
}


def _of_zxing(code: zxingcpp.Barcode) -> Symbol:
    place = code.position
    corners = (place.top_left, place.top_right, place.bottom_right, place.bottom_left)
    return Symbol(
        text=text_of(code.bytes),
        raw=code.bytes,
        format=_FORMATS[code.symbology],
        engine="zxing-cpp",
        step="",
        corners=tuple((point.x, point.y) for point in corners),
    )


@cache
def _load_zbar() -> ModuleType | None:
    """pyzbar, if its system library is here. Its import fails without it, so it is not at the top of the module."""
    try:
        return import_module("pyzbar.pyzbar")
    except ImportError:
        return None
