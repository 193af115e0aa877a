"""Modules of scanning by the names that they had until 0.2.0, which scripts of others import."""

import scanning
from scanning.codes import gs1
from scanning.receipts import document


def test_modules_are_found_by_their_earlier_names():
    assert scanning.document is document
    assert scanning.gs1 is gs1


def test_name_that_never_was_is_not_found():
    assert not hasattr(scanning, "of_no_module")
