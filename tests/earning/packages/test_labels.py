"""The design, the symbol and the layout of labels."""

import numpy as np
import pytest
import zxingcpp

from backend.earning.packages.print_runs.labels import layout, qr_code
from backend.earning.packages.print_runs.labels.label_design import LabelDesign, LabelRefused
from backend.earning.packages.print_runs.labels.layout import MARGIN
from backend.earning.packages.print_runs.labels.qr_code import QUIET

URL = "HTTPS://EX.RU/C/0123456789ABCDEF"
NAME = "Радиатор биметаллический «Тепло-500», 10 секций, боковое подключение"


@pytest.mark.parametrize(
    ("url", "side"),
    [
        ("0123456789ABCDEF", 21),
        (URL, 25),
        ("HTTPS://PROMO-BRAND.RU/C/0123456789ABCDEF", 29),
        ("HTTPS://SCANBACK.EXAMPLE/01/04601234567893/21/0123456789ABCDEF", 33),
    ],
)
def test_uppercase_url_makes_small_readable_symbol(url, side):
    modules = qr_code.symbol_modules(url)

    read = zxingcpp.read_barcode(_picture(modules))
    assert modules.shape == (side, side) == (qr_code.symbol_side(url), qr_code.symbol_side(url))
    assert (read.text, read.ec_level) == (url, "M")


def test_symbol_is_in_alphanumeric_mode():
    # 32 signs at level M are version 3 in byte mode, version 2 in alphanumeric mode (ISO/IEC 18004, table 7).
    assert qr_code.symbol_modules(URL).shape == (25, 25)
    assert zxingcpp.read_barcode(_picture(qr_code.symbol_modules(URL))).symbology_identifier == "]Q1"


def test_symbols_of_batch_have_one_size():
    sides = {qr_code.symbol_modules(f"HTTPS://EXAMPLESA.RU/C/{code}").shape for code in ("0" * 16, "0A" * 8, "Z" * 16)}

    assert sides == {(29, 29)}


def test_symbol_runs_match_its_modules():
    drawn = np.zeros((25, 25), dtype=bool)

    for x, y, width in qr_code.symbol_runs(URL):
        drawn[y, x : x + width] = True

    assert np.array_equal(drawn, qr_code.symbol_modules(URL))


@pytest.mark.parametrize("url", ["https://ex.ru/c/0123456789ABCDEF", "HTTPS://EX.RU/Ы", "", "A" * 155])
def test_long_url_for_symbol_is_refused(url):
    with pytest.raises(LabelRefused):
        qr_code.symbol_modules(url)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"width_mm": 9}, "wide"),
        ({"height_mm": 298}, "high"),
        ({"width_mm": float("nan")}, "wide"),
        ({"module_mm": 0.39}, "module"),
        ({"dpi": 250}, "dpi"),
        ({"columns": -1}, "negative"),
        ({"columns": 4}, "exceed A4"),
        ({"name": "two\nlines"}, "one line"),
        ({"sku": "⌀20"}, "⌀"),
    ],
)
def test_unprintable_label_design_is_refused_with_reason(wrong, message):
    with pytest.raises(LabelRefused, match=message):
        LabelDesign(**wrong)


def test_sheet_is_filled_unless_layout_is_given():
    assert LabelDesign().sheet == (3, 8)
    assert LabelDesign(columns=2, rows=5).sheet == (2, 5)
    assert LabelDesign(width_mm=210, height_mm=297).sheet == (1, 1)


@pytest.mark.parametrize("size", [(70, 37), (105, 74), (25, 32), (21, 26), (40, 25), (50, 50), (210, 297)])
@pytest.mark.parametrize("dots_per_mm", [0, 8, 12, 300 / 25.4])
def test_label_content_avoids_quiet_zone_and_edges(size, dots_per_mm):
    design = LabelDesign(width_mm=size[0], height_mm=size[1], module_mm=0.4)

    placed = layout.plan_layout(design, 25, dots_per_mm)

    quiet = QUIET * placed.module
    bottom = placed.y + 25 * placed.module + quiet
    assert placed.module >= 0.4
    assert placed.x - quiet >= MARGIN - 1e-6
    assert placed.y - quiet >= MARGIN - 1e-6
    assert placed.x + 25 * placed.module + quiet <= size[0] - MARGIN + 1e-6
    for line in placed.code:
        assert line.baseline - line.size >= bottom - 1e-6
        assert line.baseline + line.size * 0.25 <= size[1] - MARGIN + 1e-6


@pytest.mark.parametrize("size", [(70, 37), (25, 40), (40, 30)])
def test_name_and_sku_stay_outside_quiet_zone(size):
    design = LabelDesign(name=NAME, sku="RB-500/10", width_mm=size[0], height_mm=size[1], module_mm=0.4)

    placed = layout.plan_layout(design, 25)

    quiet = QUIET * placed.module
    right, top = placed.x + 25 * placed.module + quiet, placed.y - quiet
    assert placed.lines[-1].text == "RB-500/10"
    assert all(line.x >= right - 1e-6 or line.baseline + line.size * 0.25 <= top + 1e-6 for line in placed.lines)


def test_module_is_rounded_up_to_whole_dots():
    design = LabelDesign(module_mm=0.5)

    assert layout.plan_layout(design, 25, 8).module == 0.5
    assert layout.plan_layout(design, 25, 12).module == 0.5
    assert layout.plan_layout(LabelDesign(module_mm=0.4), 25, 8).module == 0.5


def test_code_on_narrow_label_breaks_after_hyphen():
    wide = layout.plan_layout(LabelDesign(), 25).typed("0123-4567-89AB-CDEF")
    narrow = layout.plan_layout(LabelDesign(width_mm=25, height_mm=32, module_mm=0.4), 25).typed("0123-4567-89AB-CDEF")

    assert [line.text for line in wide] == ["0123-4567-89AB-CDEF"]
    assert [line.text for line in narrow] == ["0123-4567-", "89AB-CDEF"]


@pytest.mark.parametrize("wrong", [{"width_mm": 15}, {"height_mm": 15}, {"module_mm": 2.0}])
def test_label_too_small_for_code_is_refused(wrong):
    with pytest.raises(LabelRefused, match=r"need at least|too narrow"):
        layout.plan_layout(LabelDesign(**wrong), 25)


def test_name_that_does_not_fit_is_refused():
    design = LabelDesign(name="Кран", sku="K-1", width_mm=25, height_mm=25, module_mm=0.4)

    with pytest.raises(LabelRefused, match="does not fit"):
        layout.plan_layout(design, 25)


def _picture(modules):
    return np.where(np.pad(modules, QUIET), 0, 255).astype(np.uint8).repeat(4, axis=0).repeat(4, axis=1)
