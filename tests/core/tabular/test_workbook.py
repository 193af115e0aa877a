"""What a workbook's cells are: formats, dates, formulas, errors, merged cells, and parts wherever they lie."""

import io
from decimal import Decimal

import pytest

from backend.core.tabular.workbook import formats
from backend.core.tabular.workbook.book import Workbook
from backend.core.tabular.workbook.limits import Limits, SheetUnreadable
from backend.core.tabular.workbook.shared_strings import escaped, unescaped
from tests.core.tabular.workbooks import OFFICE, PACKAGE, archive, book, number_cell, row, styles, text_cell

LIMITS = Limits(10_000_000, 10_000)


def opened(content):
    return Workbook(io.BytesIO(content), LIMITS)


def cells(content):
    return [[tuple(cell) for cell in map(parts, line.cells)] for rows in opened(content).rows() for line in rows]


def parts(cell):
    return cell.text, cell.kind, cell.shown


def only(content):
    ((cell,),) = cells(content)
    return cell


@pytest.mark.parametrize(
    ("code", "value", "shown"),
    [
        ("General", "123", "123"),
        ("@", "123", "123"),
        ("0", "123", "123"),
        ("#,##0", "12345", "12345"),
        ("000000", "123", "000123"),
        ("000000", "1234567", "1234567"),
        ("00-00-00", "1234", "00-12-34"),
        ("000\\-000", "4567", "004-567"),
        ('"SKU-"0000', "12", "SKU-0012"),
        ("[Red]00000", "7", "00007"),
        ("[$-419]0000", "7", "0007"),
        ("0000;[Red]-0000", "7", "0007"),
        ("0000000000000", "46000", "0000000046000"),
        ("0.00E+00", "4600000000015", "4600000000015"),
        ("0.00", "12", None),
        ("0%", "1", None),
        ("# ?/?", "3", None),
        ("#,##0 [$₽-419]", "12", None),
        ("[<=99]00;0000", "7", None),
        ("0,", "5000", None),
        ("000000", "-5", None),
        ("000000", "1.5", None),
        ("General", "45.1", "45.1"),
    ],
)
def test_number_is_displayed_by_its_format(code, value, shown):
    assert formats.shown(Decimal(value), value, formats.read(code)) == shown


@pytest.mark.parametrize(
    ("code", "is_date"),
    [
        ("dd.mm.yyyy", True),
        ("[$-419]d mmm yyyy", True),
        ("yyyy\\-mm\\-dd", True),
        ("[h]:mm", True),
        ("mm:ss.0", True),
        ('0" d"', False),
        ("[Red]0", False),
        ("#,##0.00", False),
        ('"day"0', False),
        ("General", False),
    ],
)
def test_format_of_a_date_is_known(code, is_date):
    assert (formats.read(code).shape == "date") is is_date


@pytest.mark.parametrize(
    ("serial", "settings", "text"),
    [
        ("45323", "", "2024-02-01"),
        ("45323.5", "", "2024-02-01T12:00:00"),
        ("1", "", "1900-01-01"),
        ("61", "", "1900-03-01"),
        ("43861", '<workbookPr date1904="1"/>', "2024-02-01"),
    ],
)
def test_number_in_date_format_is_a_date(serial, settings, text):
    content = book(row(number_cell(serial, 1)), style_part=styles(14), settings=settings)

    assert only(content)[:2] == (text, "date")


@pytest.mark.parametrize("serial", ["60", "-1", "1e9"])
def test_invalid_number_in_date_format_is_an_error(serial):
    assert only(book(row(number_cell(serial, 1)), style_part=styles("dd.mm.yyyy")))[1] == "error"


@pytest.mark.parametrize(
    ("cell", "text", "kind"),
    [
        ("<c><f>1+1</f></c>", "", "formula"),
        ("<c><f>1+1</f><v/></c>", "", "formula"),
        ("<c><f>1</f><v>2</v></c>", "2", "number"),
        ('<c t="str"><f>A1</f></c>', "", "formula"),
        ('<c t="str"><f>A1</f><v>x</v></c>', "x", "text"),
        ('<c t="shared"><f t="shared" si="0"/></c>', "", "formula"),
        ('<c t="e"><v>#N/A</v></c>', "#N/A", "error"),
        ('<c t="e"><f>1/0</f><v>#DIV/0!</v></c>', "#DIV/0!", "error"),
        ('<c t="b"><v>1</v></c>', "1", "flag"),
        ('<c t="d"><v>2026-11-30</v></c>', "2026-11-30", "date"),
        ('<c t="d"><v>2026-11-30T00:00:00Z</v></c>', "2026-11-30", "date"),
        ('<c t="d"><v>soon</v></c>', "", "error"),
        ("<c><v>1E999999999</v></c>", "", "error"),
        ("<c><v>NaN</v></c>", "", "error"),
        ("<c><v>x</v></c>", "", "error"),
        ("<c><v>4.60712E+12</v></c>", "4607120000000", "number"),
        ("<c><v>45.099999999999994</v></c>", "45.1", "number"),
        ("<c><v>1.2345678901234567E19</v></c>", "1.2345678901234567E19", "number"),
        ("<c><v>-0.0</v></c>", "0", "number"),
        ('<c t="inlineStr"><is><r><t>a</t></r><r><t>b</t></r><rPh sb="0" eb="1"><t>x</t></rPh></is></c>', "ab", "text"),
        ('<c t="inlineStr"><is><t>a_x000D_b_x005F_x000D_</t></is></c>', "a\rb_x000D_", "text"),
    ],
)
def test_cell_is_read_by_its_type(cell, text, kind):
    assert only(book(row(cell)))[:2] == (text, kind)


def test_empty_result_of_a_formula_is_empty():
    assert cells(book(row(text_cell("x"), '<c t="str"><f>IF(1,"")</f><v></v></c>'))) == [[("x", "text", "")]]


def test_uncomputed_formula_has_no_value():
    waiting = '<calcPr fullCalcOnLoad="1"/>'
    cell = "<c><f>A1*2</f><v>0</v></c>"

    assert only(book(row(cell), settings=waiting))[1] == "formula"
    assert only(book(row(cell)))[:2] == ("0", "number")


@pytest.mark.parametrize(
    "how",
    [
        {"shared_at": "SharedStrings.xml"},
        {"shared_at": "strings/texts.xml"},
        {"root": ""},
        {"slash": "\\"},
        {"absolute": True},
        {"strict": True},
        {"root": "XL/"},
        {"root": "a/b/"},
        {"root": "", "strict": True, "slash": "\\"},
    ],
)
def test_parts_are_found_by_relationships(how):
    rich = "<si><r><t>Роз</t></r><r><t>етка</t></r><rPh><t>x</t></rPh></si>"
    cell = '<c t="s"><v>{}</v></c>'

    content = book(row(cell.format(0), cell.format(1)), shared=["A", rich], **how)

    assert cells(content) == [[("A", "text", ""), ("Розетка", "text", "")]]


def test_first_visible_sheet_is_read():
    sheets = (
        '<sheet name="old" sheetId="2" r:id="d" state="hidden"/><sheet name="new" sheetId="1" r:id="a"/>'
        '<sheet name="more" sheetId="3" r:id="d"/>'
    )

    found = opened(book(row(text_cell("x")), sheets=sheets))

    assert (found.source.sheet, found.source.other_sheets) == ("new", ["more"])


def test_cells_under_merged_cell_are_marked():
    rows = row(text_cell("a"), text_cell("b")) + row(text_cell("c"), text_cell("d")) + row(text_cell("e"))
    merged = '<mergeCells><mergeCell ref="B2:B3"/></mergeCells>'

    found = cells(book(rows, after=merged))

    assert [[kind for _, kind, _ in line] for line in found] == [["text", "text"], ["text", "text"], ["text", "merged"]]


def test_workbook_without_relationships_is_read():
    relation = f'<Relationship Id="q" Type="{OFFICE}/worksheet" Target="worksheets/sheet1.xml"/>'
    content = archive(
        {
            "xl/workbook.xml": f'<w xmlns:r="{OFFICE}"><sheets><sheet name="a" r:id="q"/></sheets></w>',
            "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}">{relation}</Relationships>',
            "xl/sharedStrings.xml": "<sst><si><t>A</t></si></sst>",
            "xl/worksheets/sheet1.xml": '<worksheet><row><c t="s"><v>0</v></c></row></worksheet>',
        }
    )

    assert cells(content) == [[("A", "text", "")]]


@pytest.mark.parametrize(
    "broken",
    [
        book(row('<c t="s"><v>-1</v></c>'), shared=["x"]),
        book(row('<c t="s"><v>7</v></c>'), shared=["x"]),
        book(row('<c t="odd"><v>1</v></c>')),
        book(row('<c r="1A"><v>1</v></c>')),
        book('<row r="x"/>'),
        book('<row r="5"><c><v>1</v></c></row><row r="4"><c><v>1</v></c></row>'),
        book(sheets=""),
        book(sheets='<sheet name="S" sheetId="1" r:id="nothing"/>'),
        book(style_part="<styleSheet><cellXfs><xf numFmtId='x'/>"),
        book(after='<mergeCells><mergeCell ref="?"/></mergeCells>'),
        book(parts={"XL/worksheets/sheet1.xml": "<worksheet/>"}),
    ],
)
def test_workbook_that_contradicts_itself_is_refused(broken):
    with pytest.raises(SheetUnreadable):
        list(opened(broken).rows())


@pytest.mark.parametrize("text", ["_x000D_", "_x005F_", "a_x0041_b", "_x_", "\uffff", "\ufffex", "_x005F_x000D_"])
def test_escape_in_exported_text_round_trips(text):
    assert unescaped(escaped(text)) == text


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("0%", "unit"),
        (9, "unit"),
        (10, "unit"),
        ("0.00\\%", "unit"),
        ("[$$-409]#,##0.00", "unit"),
        ("#,##0.00 &quot;€&quot;", "unit"),
        ("#,##0 [$USD]", "unit"),
        ("0 &quot;KZT&quot;", "unit"),
        ("0&quot; тыс. руб.&quot;", "unit"),
        ("0&quot; коп&quot;", "unit"),
        ("0&quot; за 100 шт&quot;", "unit"),
        ("#,##0.00 &quot;₽&quot;", "number"),
        ("#,##0 [$₽-419]", "number"),
        ("#,##0&quot; руб.&quot;", "number"),
        ("[Red]0", "number"),
        ("[&lt;=99]00;0000", "number"),
    ],
)
def test_number_displayed_in_another_unit_is_marked(code, kind):
    assert only(book(row(number_cell("12", 1)), style_part=styles(code)))[1] == kind


@pytest.mark.parametrize(("written", "meant"), [("_xD83D__xDE00_", "\U0001f600"), ("A_xD800_B", "A\ufffdB")])
def test_escaped_halves_of_a_sign_are_joined(written, meant):
    assert only(book(row(text_cell(written)))) == (meant, "text", "")
