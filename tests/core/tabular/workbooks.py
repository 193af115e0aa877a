"""Workbooks as other programs write them, part by part."""

import io
import zipfile

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
STRICT = "http://purl.oclc.org/ooxml/spreadsheetml/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
STRICT_OFFICE = "http://purl.oclc.org/ooxml/officeDocument/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"


def text_cell(text, at=""):
    place = f' r="{at}"' if at else ""
    return f'<c{place} t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'


def number_cell(value, style=0):
    return f'<c s="{style}"><v>{value}</v></c>'


def row(*cells):
    return f"<row>{''.join(cells)}</row>"


def styles(*codes):
    """Style 0 is General; from 1 on each of the formats, by its number or written out."""
    own = "".join(f'<numFmt numFmtId="{200 + n}" formatCode="{code}"/>' for n, code in enumerate(codes))
    xfs = "".join(f'<xf numFmtId="{code if isinstance(code, int) else 200 + n}"/>' for n, code in enumerate(codes))
    return f'<styleSheet xmlns="{MAIN}"><numFmts>{own}</numFmts><cellXfs><xf numFmtId="0"/>{xfs}</cellXfs></styleSheet>'


def book(
    rows="",
    *,
    after="",
    shared=None,
    shared_at="sharedStrings.xml",
    style_part=None,
    root="xl/",
    slash="/",
    absolute=False,
    strict=False,
    settings="",
    sheets='<sheet name="S" sheetId="1" r:id="a"/>',
    parts=None,
):
    main, office = (STRICT, STRICT_OFFICE) if strict else (MAIN, OFFICE)
    start = f"/{root}" if absolute else ""
    links = [("a", "worksheet", "worksheets/sheet1.xml"), ("d", "worksheet", "worksheets/sheet2.xml")]
    links += [("b", "sharedStrings", shared_at), ("c", "styles", "styles.xml")]
    relations = "".join(
        f'<Relationship Id="{key}" Type="{office}/{kind}" Target="{start}{target}"/>' for key, kind, target in links
    )
    files = {
        "_rels/.rels": f'<Relationships xmlns="{PACKAGE}"><Relationship Id="r" Type="{office}/officeDocument" '
        f'Target="{root}workbook.xml"/></Relationships>',
        f"{root}workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}">'
        f"{settings}<sheets>{sheets}</sheets></workbook>",
        f"{root}_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}">{relations}</Relationships>',
        f"{root}worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>{rows}</sheetData>{after}</worksheet>',
    }
    if shared is not None:
        items = "".join(text if text.startswith("<si") else f"<si><t>{text}</t></si>" for text in shared)
        files[root + shared_at] = f'<sst xmlns="{main}">{items}</sst>'
    if style_part:
        files[f"{root}styles.xml"] = style_part
    return archive(files | (parts or {}), slash)


def archive(parts, slash="/"):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        for name, content in parts.items():
            packed.writestr(name.replace("/", slash), content)
    return file.getvalue()
