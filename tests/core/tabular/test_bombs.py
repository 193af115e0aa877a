"""Hostile workbooks: each is refused in its own process, and the memory of the caller stays small."""

import io
import time

import psutil
import pytest

from backend.core.tabular import reader, workbook_process
from backend.core.tabular.reader import FileUnreadable
from backend.core.tabular.workbook.limits import Limits
from backend.programmes.products.columns import count_known_headers
from scanning import child_process
from tests.core.tabular.workbooks import MAIN, archive, book, row, text_cell

UNPACKED = 128 * 2**20
MANY = 2_000_000
LONG = "x" * 40_000_000


def sheet(content, head=""):
    part = f'{head}<worksheet xmlns="{MAIN}"><sheetData>{content}</sheetData></worksheet>'
    return book(parts={"xl/worksheets/sheet1.xml": part})


BOMBS = {
    "nested elements": lambda: sheet("<a>" * 5_000_000),
    "one huge attribute": lambda: sheet(f'<row a="{LONG}"/>'),
    "many attributes": lambda: sheet("<row " + " ".join(f'a{n}="1"' for n in range(1_000_000)) + "/>"),
    "one long comment": lambda: sheet(f"<!--{LONG}-->"),
    "many comments": lambda: sheet("<!---->" * 10_000_000),
    "millions of cells in a row": lambda: sheet("<row>" + "<c/>" * 5_000_000 + "</row>"),
    "a long text": lambda: sheet(f"<row><c><v>{LONG}</v></c></row>"),
    "a long row": lambda: book(row(*(['<c t="s"><v>0</v></c>'] * 200)) * 10, shared=["x" * 32_000]),
    "texts repeated a million times": lambda: book(
        row(*(['<c t="s"><v>0</v></c>'] * 30)) * 20_000, shared=["x" * 32_000]
    ),
    "millions of shared texts": lambda: book(shared=["<si/>"] * MANY),
    "millions of styles": lambda: book(style_part="<s><cellXfs>" + "<xf/>" * MANY + "</cellXfs></s>"),
    "millions of merged cells": lambda: book(after='<mergeCell ref="A1:B2"/>' * MANY),
    "too large when unpacked": lambda: archive({"xl/media/image.bin": b"\0" * (UNPACKED + 1)}),
    "entities": lambda: sheet("&a;", head='<!DOCTYPE x [<!ENTITY a "b">]>'),
}


def count_rows(content, limits=None):
    limits = limits or Limits(UNPACKED, 1_000_000)
    with reader.opened(io.BytesIO(content), limits, count_known_headers) as table:
        return sum(1 for _ in table.rows)


@pytest.mark.parametrize("name", BOMBS)
def test_bomb_is_refused_in_little_memory(name):
    content = BOMBS[name]()
    before, started = psutil.Process().memory_info().rss, time.process_time()

    with pytest.raises(FileUnreadable):
        count_rows(content)

    assert len(content) < 16 * 2**20
    assert psutil.Process().memory_info().rss - before < 100 * 2**20
    assert time.process_time() - started < 5


@pytest.mark.parametrize(("limit", "value"), [("cpu_seconds", 1.0), ("memory_bytes", 2**25)])
def test_workbook_beyond_time_or_memory_is_refused(limit, value):
    cells = row(*(text_cell(f"text {n}") for n in range(60)))
    content = book(cells * 8_000, shared=[f"{n:0100}" for n in range(200_000)])

    with pytest.raises(FileUnreadable):
        count_rows(content, Limits(**{"unpacked_bytes": UNPACKED, "texts": 10**6, limit: value}))


def test_number_of_billion_digits_is_error_cell():
    with reader.opened(
        io.BytesIO(book(row("<c><v>1E999999999</v></c>"))), Limits(UNPACKED, 10), count_known_headers
    ) as table:
        (found,) = table.rows

    assert found.cells[0].kind == "error"


def test_process_environment_has_no_database_address(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://secret")

    assert "DATABASE_URL" not in child_process.environment()


def test_refused_workbook_frees_its_slot():
    for _ in range(workbook_process.MAX_OPEN + 1):
        with pytest.raises(FileUnreadable):
            count_rows(b"PK\x03\x04 and nothing more")

    assert count_rows(book(row(text_cell("x")))) == 1
