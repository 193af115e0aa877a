"""Small files that expand to large ones, and files with inconsistent headers."""

import struct
import zlib

from PIL import Image

from tests.scanning.pictures import draw

FORMATS = ("JPEG", "PNG", "WEBP", "HEIF", "AVIF")


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width, height, *chunks, bits=8, colour=0, data=b""):
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    rows = chunk(b"IDAT", data or zlib.compress(bytes((width + 1) * height)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + b"".join(chunks) + rows + chunk(b"IEND", b"")


def huge_png():
    """50,000 x 50,000 pixels in a few bytes."""
    return png(50_000, 50_000, data=zlib.compress(bytes(10_000)))


def text_png(kind):
    """A text or colour profile that unpacks to 200 MB."""
    packer = zlib.compressobj(1)
    packed = b"".join(packer.compress(bytes(2**20)) for _ in range(200)) + packer.flush()
    return png(64, 64, chunk(kind, b"bomb\0\0" + packed))


def text_bomb():
    return text_png(b"zTXt")


def profile_bomb():
    return text_png(b"iCCP")


def animated_png(frames=10_000):
    rows = zlib.compress(bytes(65 * 64))
    control = [chunk(b"acTL", struct.pack(">II", frames, 0))]
    for number in range(1, frames):
        place = struct.pack(">IIIIIHHBB", 2 * number - 1, 64, 64, 0, 0, 1, 10, 0, 0)
        control += [chunk(b"fcTL", place), chunk(b"fdAT", struct.pack(">I", 2 * number) + rows)]
    header = struct.pack(">IIBBBBB", 64, 64, 8, 0, 0, 0, 0)
    first = chunk(b"IDAT", rows)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + control[0] + first + b"".join(control[1:]) + chunk(b"IEND", b"")
    )


def animated_webp(frames=10_000):
    still = draw.file(
        Image.new("L", (66, 66), 255), "WEBP", lossless=True, save_all=True, append_images=[Image.new("L", (66, 66), 9)]
    )
    start = still.index(b"ANMF")
    length = struct.unpack_from("<I", still, start + 4)[0]
    frame = still[start : start + 8 + length + length % 2]
    body = still[12:start] + frame * frames
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def exif_bomb():
    """5,000 entries of Exif that all refer to the same 60,000 bytes."""
    entries = b"".join(struct.pack("<HHII", 1000 + number, 1, 60_000, 8) for number in range(5_000))
    tiff = b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", 5_000) + entries
    segment = b"Exif\0\0" + tiff.ljust(65_000, b"\0")
    jpeg = draw.file(draw.qr(), "JPEG")
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + jpeg[2:]


def huge_page():
    """A PDF of one kilobyte whose page is 70 metres wide."""
    return _pdf("/MediaBox [0 0 200000 200000]", "0 0 100 100 re f")


def looping_pdf():
    """A form that draws itself."""
    return _pdf("/MediaBox [0 0 300 300] /Resources << /XObject << /A 4 0 R >> >>", "/A Do /A Do", "/A Do /A Do")


def _pdf(page, drawing, form=""):
    itself = "/Resources << /XObject << /A 4 0 R >> >>"
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Count 1 /Kids [5 0 R] >>",
        f"<< /Length {len(drawing)} >>\nstream\n{drawing}\nendstream",
        f"<< /Type /XObject /Subtype /Form /BBox [0 0 9 9] {itself} /Length {len(form)} >>\nstream\n{form}\nendstream",
        f"<< /Type /Page /Parent 2 0 R /Contents 3 0 R {page} >>",
    ]
    body = "%PDF-1.4\n" + "".join(f"{n} 0 obj\n{text}\nendobj\n" for n, text in enumerate(objects, 1))
    return (body + "trailer << /Root 1 0 R >>\n%%EOF").encode()


def inconsistent_heif(width, height):
    """A picture whose property boxes give another size than its own bits."""
    data = bytearray(draw.file(draw.qr().convert("RGB"), "HEIF"))
    start = data.find(b"ispe")
    while start > 0:
        struct.pack_into(">II", data, start + 8, width, height)
        start = data.find(b"ispe", start + 4)
    return bytes(data)


def inconsistent_jpeg(width, height):
    """A picture whose frame header gives another size than its data."""
    data = bytearray(draw.file(draw.qr(), "JPEG"))
    struct.pack_into(">HH", data, data.index(b"\xff\xc0") + 5, height, width)
    return bytes(data)


def disguised_files():
    """Files that are no pictures, or valid in two formats."""
    svg = b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>"
    return [
        b"",
        b"\0",
        b"x" * 1000,
        svg,
        b"\xef\xbb\xbf<?xml version='1.0'?>" + svg,
        b"<html><img src=x onerror=alert(1)>%PDF-1.4",
        b"GIF89a" + bytes(100),
        b"BM" + bytes(100),
        b"II*\0" + bytes(100),
        b"\x1f\x8b\x08" + bytes(100),
        b"SIMPLE  =                    T" + bytes(2880),
        b"8BPS" + bytes(100),
        b"\x00\x00\x00\x18ftypmp42" + bytes(100),
        b"\x00\x00\x00\x0cjP  \r\n\x87\n" + bytes(100),
        b"RIFF" + bytes(4) + b"WAVE" + bytes(100),
        b"#!/bin/sh\n",
        b"PK\x03\x04" + bytes(100),
    ]


def nested_forms(depth=12):
    """A PDF of 3 KB whose forms draw each other ten by ten: billions of squares."""
    calls = b"/F Do " * 10
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Count 1/Kids[3 0 R]>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]/Contents 4 0 R/Resources<</XObject<</F 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(calls), calls),
    ]
    form = b"<</Type/XObject/Subtype/Form/BBox[0 0 200 200]/Length %d%s>>stream\n%s\nendstream"
    for number in range(depth):
        inner = b"/Resources<</XObject<</F %d 0 R>>>>" % (6 + number)
        objects.append(form % (len(calls), inner, calls))
    objects.append(form % (14, b"", b"0 0 100 100 re f"))
    out, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj%s endobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    head = b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    return out + head + table + b"trailer<</Root 1 0 R/Size %d>>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, len(out))
