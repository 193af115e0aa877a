"""Small files that cost much to read, made by the code that shows how."""

import io
import struct
import zipfile
import zlib

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
REL = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACK = "http://schemas.openxmlformats.org/package/2006/relationships"


def workbook(sheet: str) -> bytes:
    """An XLSX with one sheet of the given XML."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{MAIN}" xmlns:r="{REL}"><sheets>'
            '<sheet name="a" sheetId="1" r:id="r1"/></sheets></workbook>',
        )
        archive.writestr(
            "xl/_rels/workbook.xml.rels",
            f'<Relationships xmlns="{PACK}"><Relationship Id="r1" '
            f'Type="{REL}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        )
        archive.writestr("xl/worksheets/sheet1.xml", sheet)
    return out.getvalue()


def workbooks(size: int) -> dict[str, bytes]:
    """Workbooks that cost memory or time: `size` is the number of elements, or of bytes of one value."""
    head = f'<worksheet xmlns="{MAIN}"><sheetData>'
    return {
        "nested elements": workbook(head + "<a>" * size),
        "one long attribute": workbook(f'<worksheet xmlns="{MAIN}"><sheetData><row a="{"x" * size}"/>'),
        "many attributes": workbook(
            head + "<row " + " ".join(f'a{n}="1"' for n in range(size // 10)) + "/></sheetData></worksheet>"
        ),
        "cells of one row": workbook(f"{head}<row>{'<c><v>1</v></c>' * (size // 5)}</row></sheetData></worksheet>"),
        "a long exponent": workbook(
            head + '<row r="1"><c t="inlineStr"><is><t>sku</t></is></c></row><row r="2"><c><v>1E999999999</v></c></row>'
        ),
        "comments": workbook(head + "<!--x-->" * (size // 2)),
    }


def pdf(depth: int = 12, fan: int = 10) -> bytes:
    """A PDF whose form objects draw each other `fan` times, `depth` deep: `fan ** depth` drawings (3 KB)."""
    calls = b"/F Do " * fan
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Count 1/Kids[3 0 R]>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]/Contents 4 0 R/Resources<</XObject<</F 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(calls), calls),
    ]
    objects += [
        b"<</Type/XObject/Subtype/Form/BBox[0 0 200 200]/Length %d/Resources<</XObject<</F %d 0 R>>>>>>stream\n%s\n"
        b"endstream" % (len(calls), 6 + number, calls)
        for number in range(depth)
    ]
    objects.append(b"<</Type/XObject/Subtype/Form/BBox[0 0 200 200]/Length 14>>stream\n0 0 100 100 re f\nendstream")
    out, places = bytearray(b"%PDF-1.4\n"), []
    for number, body in enumerate(objects, start=1):
        places.append(len(out))
        out += b"%d 0 obj" % number + body + b"endobj\n"
    xref = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    return bytes(out + b"trailer<</Size %d/Root 1 0 R>>startxref\n%d\n%%%%EOF" % (len(objects) + 1, xref))


def png(width: int, height: int, text_bytes: int = 0) -> bytes:
    """A white picture of one bit a pixel, or one whose size is a lie, with a text chunk that unpacks to many bytes."""
    rows = zlib.compress((b"\0" + b"\xff" * ((width + 7) // 8)) * min(height, 20_000), 9)
    text = b"a\0\0" + zlib.compress(b"x" * text_bytes, 9)
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))]
    chunks += [(b"zTXt", text)] if text_bytes else []
    chunks += [(b"IDAT", rows), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )


def pictures() -> dict[str, bytes]:
    """Pictures that cost more than they weigh."""
    return {
        "PDF of forms in forms": pdf(),
        "all white, 24 megapixels": png(12_000, 2_000),
        "65,535 squared": png(65_535, 65_535),
        "text of 200 MB": png(100, 100, 200_000_000),
        "cut in the middle": png(4_000, 3_000)[:900],
    }


def form(content: bytes, name: str = "file", charset: str = "") -> tuple[bytes, str]:
    """A multipart body with one file part, or one text part of a charset; and its content type."""
    head = f'--x\r\nContent-Disposition: form-data; name="{name}"'
    head += f"\r\nContent-Type: text/plain; charset={charset}" if charset else '; filename="f.bin"'
    return head.encode() + b"\r\n\r\n" + content + b"\r\n--x--\r\n", "multipart/form-data; boundary=x"
