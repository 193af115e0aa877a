"""Pictures of receipts, as phones take them: with the place and the phone noted in them."""

import io

import qrcode
from PIL import ExifTags, Image

GPS = {1: "N", 2: (55.0, 45.0, 7.0), 3: "E", 4: (37.0, 36.0, 56.0)}


def photo(*texts: str, size: tuple[int, int] = (900, 1200), format_: str = "JPEG", shade: int = 250) -> bytes:
    """A photo of paper with these QR codes on it."""
    image = Image.new("RGB", size, (shade, shade, shade))
    for number, text in enumerate(texts):
        code = qrcode.QRCode(error_correction=qrcode.ERROR_CORRECT_M, box_size=7)
        code.add_data(text)
        image.paste(code.make_image().get_image().convert("RGB"), (40, 40 + 480 * number))
    exif = Image.Exif()
    exif[ExifTags.Base.Model] = "Phone 7 of Ivan"
    exif.get_ifd(ExifTags.IFD.GPSInfo).update(GPS)
    out = io.BytesIO()
    image.save(out, format_, exif=exif)
    return out.getvalue()
