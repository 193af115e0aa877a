"""Product files that a spreadsheet or another program damaged: each row is imported or refused with a reason."""

import csv
import io

import pytest

from tests.core.tabular.workbooks import book, number_cell, row, styles, text_cell
from tests.make import World
from tests.programmes.products.product_file_requests import EXPORT, problems, product, send, took, workbook


@pytest.fixture
async def manager(world: World):
    return await world.staff(role="manager")


async def test_import_obeys_the_line_that_names_the_separator(manager):
    content = "sep=;\r\nКод;Наименование;Цена\r\nA;Труба;450,50\r\n".encode("cp1251")

    answer = (await send(manager, content)).json()

    assert answer["created"] == 1
    assert answer["source"] == {"format": "csv", "encoding": "cp1251", "delimiter": ";"}
    assert answer["columns"] == {"Код": "sku", "Наименование": "name_ru", "Цена": "price"}
    assert (await product(manager, "A"))["price"] == 45050


async def test_import_refuses_rows_of_spreadsheet_errors(manager):
    content = "Код;Наименование;Синонимы\n#Н/Д;Кабель;\nE1;#ИМЯ?;\nE2;Кабель;гофра|#ССЫЛКА!\nOK;Кабель;гофра\n"

    answer = await send(manager, content)

    assert problems(answer) == [
        (2, "Код", "cell_error_invalid"),
        (3, "Наименование", "cell_error_invalid"),
        (4, "Синонимы", "cell_error_invalid"),
    ]
    assert [row["sku"] for row in (await manager.get("/v1/console/products")).json()["items"]] == ["OK"]


async def test_import_names_the_refused_value(manager):
    answer = await send(manager, 'sku,name_ru,gtin\nA,x,"4,6E+12"\n')

    assert [(row["code"], row["value"]) for row in answer.json()["problems"]] == [
        ("shortened_number_invalid", "4,6E+12")
    ]


async def test_import_of_formula_without_value_preserves_price(manager):
    await took(manager, "sku,name_ru,price\nA,x,45000\n")
    rows = row(*map(text_cell, ("Код", "Цена"))) + row(text_cell("A"), "<c><f>100*1.2</f></c>")

    answer = await send(manager, book(rows))

    assert problems(answer) == [(2, "Цена", "formula_invalid")]
    assert (await product(manager, "A"))["price"] == 45000


async def test_import_accepts_formatted_numbers_and_refuses_dates(manager):
    rows = row(*map(text_cell, ("Код", "Наименование")))
    rows += row(number_cell(123, 1), text_cell("x")) + row(number_cell(45323, 2), text_cell("y"))

    answer = await send(manager, book(rows, style_part=styles("000000", 14)))

    assert problems(answer) == [(3, "Код", "date_cell_invalid")]
    assert [row["sku"] for row in (await manager.get("/v1/console/products")).json()["items"]] == ["000123"]


async def test_import_refuses_cells_under_a_merged_one(manager):
    await took(manager, "sku,name_ru,price\nA,x,100\nB,y,200\n")
    rows = row(*map(text_cell, ("sku", "price"))) + row(text_cell("A"), number_cell(500)) + row(text_cell("B"))

    answer = await send(manager, book(rows, after='<mergeCells><mergeCell ref="B2:B3"/></mergeCells>'))

    assert problems(answer) == [(3, "price", "merged_cell_invalid")]
    assert [(await product(manager, sku))["price"] for sku in "AB"] == [500, 200]


async def test_import_of_sku_without_leading_zeros_is_refused(manager):
    await took(manager, "sku,name_ru\n007,x\n0012,y\n12,z\n")

    answer = await send(manager, "sku,name_ru\n7,x\n12,z2\n12345,new\n")

    # 12 is a product, too: without a zero anywhere in the file it may be either.
    assert problems(answer) == [(2, "sku", "leading_zeros_invalid"), (3, "sku", "leading_zeros_invalid")]
    assert (answer.json()["updated"], answer.json()["created"]) == (0, 1)


async def test_import_with_leading_zeros_accepts_both_skus(manager):
    await took(manager, "sku,name_ru\n0012,y\n12,z\n")

    assert await took(manager, "sku,name_ru\n0012,y2\n12,z2\n") == (0, 2, 0, 0)


@pytest.mark.parametrize(
    ("sku", "damaged"),
    [("1E5", "100000"), ("+7900", "7900"), ("1.50", "1,5"), ("TRUE", "ИСТИНА"), ("3.0", "3"), ("12E3", "12000")],
)
async def test_import_of_damaged_sku_is_refused(manager, sku, damaged):
    await manager.put(f"/v1/console/products/{sku.replace('+', '%2B')}", {"name_ru": "x"})

    answer = await send(manager, f'sku;name_ru\n"{damaged}";x\n')

    assert problems(answer) == [(2, "sku", "code_changed_invalid")]


async def test_import_of_short_row_is_refused(manager):
    await took(manager, "sku,name_ru,price\nA,x,100\nB,y,\n")

    answer = await send(manager, "sku,name_ru,price\nA,x2\nB,y2\n")

    assert problems(answer) == [(2, "price", "row_too_short")]
    assert (await product(manager, "A"))["price"] == 100
    assert (await product(manager, "B"))["name_ru"] == "y2"


async def test_import_refuses_only_rows_with_broken_bytes(manager):
    content = "sku,name_ru\nA,Розетка\nB,Вил".encode() + b"\xff" + "ка\nC,Шнур\n".encode()

    answer = await send(manager, content)

    assert problems(answer) == [(3, "name_ru", "encoding_invalid")]
    assert (await product(manager, "C"))["name_ru"] == "Шнур"


async def test_imported_sku_has_no_invisible_signs(manager):
    await took(manager, "Код;Наименование\n\u200bZW-1\u2060;Труба\n")

    assert (await product(manager, "ZW-1"))["name_ru"] == "Труба"


async def test_import_removes_the_formula_guard_of_exports(manager):
    await manager.put("/v1/console/products/A", {"name_ru": "=1+1", "aliases": ["-5"]})
    exported = list(csv.reader(io.StringIO((await manager.get(EXPORT)).content.decode("utf-8-sig"))))

    answer = (await send(manager, workbook(*exported))).json()

    assert (answer["unchanged"], answer["updated"], answer["refused"]) == (1, 0, 0)


async def test_number_beyond_counting_is_a_refused_row(manager):
    head = row(*map(text_cell, ("sku", "name_ru", "price")))
    rows = head + row(text_cell("A"), text_cell("x"), number_cell("1E999999999"))

    answer = await send(manager, book(rows))

    assert problems(answer) == [(2, "price", "cell_error_invalid")]


async def test_import_refuses_a_row_that_repeats_the_headers(manager):
    answer = await send(manager, "Код;Наименование\nA;Труба\nКод;Наименование\nB;Муфта\n")

    assert problems(answer) == [(3, "", "header_repeated")]
    assert answer.json()["created"] == 2


async def test_import_names_a_column_of_values_without_header(manager):
    answer = await send(manager, ",sku,name_ru,note\n0,A,Труба,x\n1,B,Муфта,\n")

    assert (answer.json()["created"], answer.json()["ignored_columns"]) == (2, ["note", "[A]"])


@pytest.mark.parametrize("shown", ["1 234 567", "1\xa0234\xa0567", '"1,234,567"', "1234567.0"])
async def test_import_refuses_a_sku_shown_as_another_number(manager, shown):
    await took(manager, "sku,name_ru\n1234567,Труба\n")

    answer = await send(manager, f"sku,name_ru\n{shown},Труба\n")

    ((line, column, code),) = problems(answer)
    assert (line, column) == (2, "sku")
    assert code in ("code_changed_invalid", "number_format_invalid")


async def test_import_refuses_a_sku_that_was_misread(manager):
    await took(manager, "sku,name_ru\nGХF-0,Труба\n")

    answer = await send(manager, "sku,name_ru\nGРҐF-0,Pipe\n")

    assert problems(answer) == [(2, "sku", "code_changed_invalid")]


@pytest.mark.parametrize(
    ("column", "before", "cut"),
    [("price", "10275240", "1"), ("price_rub", "1824.66", "18")],
)
async def test_import_with_truncated_price_is_refused(manager, column, before, cut):
    await took(manager, f"sku,name_ru,{column}\nA,Труба,{before}\n")

    answer = await send(manager, f"sku,name_ru,{column}\nA,Труба,{cut}")

    assert problems(answer) == [(2, column, "row_too_short")]


async def test_import_without_last_line_end_changes_value(manager):
    await took(manager, "sku,name_ru,warranty_months\nA,Труба,263\n")

    answer = await send(manager, "sku,name_ru,warranty_months\nA,Труба,0")

    assert (answer.status_code, answer.json()["updated"]) == (200, 1)


async def test_import_refuses_a_sku_that_lost_a_letter(manager):
    await took(manager, "sku,name_ru\nXУ-0367,Труба\n")

    answer = await send(manager, "sku,name_ru\nX?-0367,Pipe\nY?-0367,Pipe\n")

    assert problems(answer) == [(2, "sku", "code_changed_invalid")]


async def test_import_of_booleans_and_scaled_numbers_is_refused(manager):
    truth = '<c t="b"><v>1</v></c>'
    content = book(
        row(text_cell("sku"), text_cell("name_ru"), text_cell("price_rub"), text_cell("archived"))
        + row(text_cell("A"), truth)
        + row(text_cell("B"), text_cell("Труба"), truth)
        + row(text_cell("C"), text_cell("Труба"), number_cell("0.45", 1))
        + row(text_cell("D"), text_cell("Труба"), number_cell("450", 2))
        + row(text_cell("E"), text_cell("Труба"), number_cell("450"), truth),
        style_part=styles("0%", "[$$-409]#,##0.00"),
    )

    answer = await send(manager, content)

    assert problems(answer) == [
        (2, "name_ru", "number_format_invalid"),
        (3, "price_rub", "number_format_invalid"),
        (4, "price_rub", "unit_invalid"),
        (5, "price_rub", "unit_invalid"),
    ]
    assert (await product(manager, "E"))["archived_at"] is not None


async def test_import_reports_an_empty_or_locked_sheet(manager):
    empty = await send(manager, book(""))
    locked = await send(manager, b"\xd0\xcf\x11\xe0" + bytes(600))

    assert empty.json()["code"] == locked.json()["code"] == "file_unreadable"
    assert "sheet is empty" in empty.json()["detail"]
    assert "has a password" in locked.json()["detail"]
