"""Which changes of a known value a spreadsheet, another encoding or a cut made."""

import pytest

from backend.core.tabular import changes


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ("007", "7"),
        ("+7900", "7900"),
        ("1.50", "1,5"),
        ("3,14", "3.14"),
        ("1E5", "100000"),
        ("1 200", "1200"),
        ("12345678901234567", "12345678901234600"),
        ("1-2", "01.фев"),
        ("10/12", "2026-12-10"),
        ("TRUE", "ИСТИНА"),
        ("Café", "Caf?"),
        ("Розетка", "???????"),
        ("Розетка", "Ðîçåòêà"),
        ("Розетка", "Р РѕР·РµС‚РєР°"),
        ("Тип №1 ½", "Тип №1 ?"),
    ],
)
def test_value_that_a_program_made_is_damaged(before, now):
    assert changes.is_damaged(before, now)


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ("7", "007"),
        ("16А", "16 А"),
        ("Розетка", "Розетка белая"),
        ("Розетка", "Вилка"),
        ("", "7"),
        ("100", "200"),
        ("", "01.02.2027"),
        ("01.02.2027", "02.02.2027"),
        ("Что", "Что?"),
        ("false alarm", "FALSE"),
    ],
)
def test_value_edited_by_hand_is_not_damaged(before, now):
    assert not changes.is_damaged(before, now)


def test_value_without_its_end_is_cut():
    assert changes.is_cut("Розетка двойная", "Розетка дв")
    assert not changes.is_cut("Розетка", "Розетка белая")


def test_line_with_other_blanks_is_the_same():
    assert changes.is_same_line("Розетка  двойная", "\u200bРозетка\xa0двойная ")
    assert not changes.is_same_line("Розетка двойная", "Розеткадвойная")
