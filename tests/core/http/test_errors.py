"""Error codes are a contract with clients: data of each class, and stable when a class is renamed."""

import re

from backend.core.http.errors import all_errors


def test_error_codes_are_declared_by_each_class(app):
    undeclared = [error for error in all_errors() if "code" not in vars(error)]

    assert undeclared == []
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", error.code) for error in all_errors())


def test_error_code_has_one_status(app):
    statuses: dict[str, set[int]] = {}
    for error in all_errors():
        statuses.setdefault(error.code, set()).add(error.status)

    assert {code: found for code, found in statuses.items() if len(found) > 1} == {}
