from datetime import datetime

import pytest

from scanning.problem import FieldsInvalid, ReceiptProblem
from scanning.receipts import receipt

FN = "7281440500751551"
RIGHT = {"fn": FN, "fd": "30526", "fp": "1168453787", "at": "17.09.2024 18:01", "total": "1285.21"}
WHOLE = datetime(2024, 9, 17, 18, 1)  # noqa: DTZ001


def faults_of(**changes):
    """Field, code, typing error and suggestion of each fault."""
    with pytest.raises(FieldsInvalid) as refused:
        receipt.typed(**RIGHT | changes)
    assert isinstance(refused.value, ReceiptProblem)
    assert all(fault.message in str(refused.value) for fault in refused.value.faults)
    return [(fault.field, fault.code, fault.slip, fault.suggestion) for fault in refused.value.faults]


def test_typed_fields_equal_qr_code():
    found = receipt.typed(**RIGHT)

    assert found == receipt.read(f"t=20240917T1801&s=1285.21&fn={FN}&i=30526&fp=1168453787&n=1")


def test_operation_kind_can_be_typed():
    assert receipt.typed(**RIGHT, operation=2).operation == 2


@pytest.mark.parametrize(
    "at",
    [
        "17.09.2024 18:01",
        " 17.09.2024   18:01\n",
        "17.09.24 18:01",
        "17.9.2024 18:01:00",
        "17.09.2024, 18:01",
        "17/09/2024 18:01",
        "17-09-24 18-01",
        "17.09.2024\xa018.01",
        "2024-09-17 18:01",
        "2024-09-17T18:01",
        "2024-09-17T18:01:00",
        "2024-09-17Т18:01",
        "20240917T1801",
        "20240917t180100",
        "20240917 1801",
    ],
)
def test_time_in_any_usual_format_is_read(at):
    assert receipt.typed(**RIGHT | {"at": at}).at == WHOLE


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("total", "1285,21"),
        ("total", "1 285,21 ₽"),
        ("total", "1\xa0285.21 руб."),
        ("total", "01285.21р"),
        ("fn", "7281 4405 0075 1551"),
        ("fn", f"ФН: {FN}"),
        ("fd", "ФД № 0000030526"),
        ("fp", "ФПД:1168453787"),
        ("fp", "\u200b1168453787\ufeff"),
    ],
)
def test_decoration_of_number_is_ignored(field, typed):
    assert receipt.typed(**RIGHT | {field: typed}) == receipt.typed(**RIGHT)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"fn": ""}, ("fn", "fn_invalid", "missing", None)),
        ({"fn": FN[:-1]}, ("fn", "fn_invalid", "digit_missing", None)),
        ({"fn": FN + "0"}, ("fn", "fn_invalid", "digit_too_many", None)),
        ({"fn": FN[:9]}, ("fn", "fn_invalid", "wrong_length", None)),
        ({"fn": "728144О5ОO75l551"}, ("fn", "fn_invalid", "letters_for_digits", "7281440500751551")),
        ({"fn": FN[:-1] + "W"}, ("fn", "fn_invalid", "not_digits", None)),
        ({"fn": FN[:-1] + "١"}, ("fn", "fn_invalid", "not_digits", None)),
        ({"fd": "З0526"}, ("fd", "fd_invalid", "letters_for_digits", "30526")),
        ({"fd": "0"}, ("fd", "fd_invalid", None, None)),
        ({"fd": FN}, ("fd", "fd_invalid", "fn_in_its_place", None)),
        ({"fp": "4294967296"}, ("fp", "fp_invalid", None, None)),
        ({"fp": "б"}, ("fp", "fp_invalid", "letters_for_digits", "6")),
        ({"total": ""}, ("total", "sum_invalid", "missing", None)),
        ({"total": "1.285,21"}, ("total", "sum_invalid", "thousands_separator", "1285.21")),
        ({"total": "1,285,210.50"}, ("total", "sum_invalid", "thousands_separator", "1285210.50")),
        ({"total": "1285.210"}, ("total", "sum_invalid", "too_many_decimals", None)),
        ({"total": "-1285.21"}, ("total", "sum_invalid", "negative", "1285.21")),
        ({"total": "1O0"}, ("total", "sum_invalid", "letters_for_digits", "100")),
        ({"total": "free"}, ("total", "sum_invalid", None, None)),
        ({"at": " "}, ("at", "date_invalid", "missing", None)),
        ({"at": "17.09.2024"}, ("at", "date_invalid", "time_missing", None)),
        ({"at": "2024-09-17"}, ("at", "date_invalid", "time_missing", None)),
        ({"at": "09.17.2024 18:01"}, ("at", "date_invalid", "day_and_month_swapped", "17.09.2024 18:01")),
        ({"at": "31.02.2024 18:01"}, ("at", "date_invalid", None, None)),
        ({"at": "17.09.2024 24:01"}, ("at", "date_invalid", None, None)),
        ({"at": "20240230T1801"}, ("at", "date_invalid", None, None)),
        ({"at": "2024-09-17T18:01:00Z"}, ("at", "date_invalid", "zone", None)),
        ({"at": "2024-09-17T18:01:00.000+03:00"}, ("at", "date_invalid", "zone", None)),
        ({"at": "17.O9.2024 18:01"}, ("at", "date_invalid", "letters_for_digits", "17.09.2024 18:01")),
        ({"at": "yesterday"}, ("at", "date_invalid", None, None)),
        ({"operation": 5}, ("operation", "operation_invalid", None, None)),
        ({"operation": 0}, ("operation", "operation_invalid", None, None)),
        ({"operation": -1}, ("operation", "operation_invalid", None, None)),
    ],
)
def test_typing_error_has_code_and_suggestion(changes, fault):
    assert faults_of(**changes) == [fault]


def test_swapped_document_and_sign_are_detected():
    assert faults_of(fd="1168453787", fp="30526") == [
        ("fd", "fd_invalid", "fd_and_fp_swapped", "30526"),
        ("fp", "fp_invalid", "fd_and_fp_swapped", "1168453787"),
    ]


def test_small_sign_beside_likely_number_is_accepted():
    assert receipt.typed(**RIGHT | {"fp": "77"}).fp == 77


def test_swapped_drive_and_document_are_detected():
    assert faults_of(fn="30526", fd=FN) == [
        ("fn", "fn_invalid", "in_another_field", FN),
        ("fd", "fd_invalid", "fn_in_its_place", None),
    ]


def test_invalid_fields_are_listed_in_form_order():
    found = faults_of(fn="1", fd="", fp="x", at="", total="", operation=9)

    assert [field for field, *_ in found] == ["fn", "fd", "fp", "at", "total", "operation"]
