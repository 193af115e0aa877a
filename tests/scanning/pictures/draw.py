"""Draws codes, places them on a photo and damages them, for tests that read them."""

import io

import numpy as np
import pillow_heif
import zxingcpp
from PIL import Image

pillow_heif.register_heif_opener()

URL = "HTTPS://EX.RU/C/0702JQD6WB0H4Z50"
GTIN = "04600439931256"
MARKING = f"(01){GTIN}(21)5abcDEF1234xy(91)EE08(92)" + "dGVz" * 11


def qr(text=URL, module=8, **options):
    return _image(zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode, ec_level="M", **options), module)


def datamatrix(text=MARKING, module=8):
    code = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.DataMatrix, gs1=True, force_square=True)
    return _image(code, module)


def ean(digits="4600439931256", module=3):
    return _image(zxingcpp.create_barcode(digits, zxingcpp.BarcodeFormat.EAN13), module)


def _image(code, module):
    return Image.fromarray(np.array(code.to_image(scale=module)))


def photo(*codes, size=(1200, 900), paper=210):
    """The codes side by side on off-white paper."""
    picture = Image.new("L", size, paper)
    left = 60
    for code in codes:
        picture.paste(code, (left, (size[1] - code.height) // 2))
        left += code.width + 60
    return picture


def noisy(picture, sigma):
    noise = np.random.default_rng(7).normal(0, sigma, (picture.height, picture.width))
    return Image.fromarray((np.asarray(picture) + noise).clip(0, 255).astype(np.uint8))


def file(picture, format_="PNG", **options):
    buffer = io.BytesIO()
    picture.save(buffer, format_, **options)
    return buffer.getvalue()
