"""The description of the API: valid, complete, with examples that fit, and the committed one is the code's."""

import json
import re
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
from click.testing import CliRunner
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR

from backend.app import description
from backend.cli import openapi
from backend.core.http.openapi.schemas import NO_NUL
from backend.programmes.schemas import SKU

DOCUMENT = json.loads(description())
OPERATIONS = {
    f"{method.upper()} {path}": operation
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}
# Browsers may add fields of their own to the answers of an authenticator (WebAuthn, 5.1).
OPEN = {"AssertionResponse", "AttestationResponse", "PasskeyAssertion", "PasskeyIn"}
each_operation = pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS.keys())


def bodies(operation: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Where a body is, its media type, and its description."""
    for media, content in operation.get("requestBody", {}).get("content", {}).items():
        yield "request", media, content
    for status, answer in operation["responses"].items():
        if "$ref" in answer:
            answer = DOCUMENT["components"]["responses"][answer["$ref"].rpartition("/")[2]]
        for media, content in answer.get("content", {}).items():
            yield status, media, content


def examples(content: dict[str, Any]) -> list[Any]:
    return [row["value"] for row in content.get("examples", {}).values()] or [content["example"]]


def check(schema: dict[str, Any], example: Any) -> None:
    whole = {**schema, "components": DOCUMENT["components"]}
    jsonschema_rs.Draft202012Validator(whole, validate_formats=True).validate(example)


def patterns(node: Any) -> Iterator[str]:
    """Every pattern of a text in the document."""
    if isinstance(node, list):
        for part in node:
            yield from patterns(part)
    if isinstance(node, dict):
        if isinstance(node.get("pattern"), str):
            yield node["pattern"]
        for part in node.values():
            yield from patterns(part)


def test_patterns_refuse_trailing_line_end():
    # An end of line is what these two speak of themselves.
    whole = set(patterns(DOCUMENT)) - {NO_NUL, SKU}

    assert {pattern for pattern in whole if not pattern.endswith(r"(?!\n)$")} == set()
    assert not re.search(SKU, "RA16-374\n")


def test_document_is_valid_openapi():
    OPENAPI_31_VALIDATOR.validate(DOCUMENT)

    assert DOCUMENT["openapi"].startswith("3.1")


def test_committed_files_match_the_code():
    result = CliRunner().invoke(openapi.openapi, ["--check"])

    assert result.exit_code == 0, result.output


def test_check_shows_how_a_committed_file_differs(monkeypatch: pytest.MonkeyPatch, tmp_path):
    stale = tmp_path / "openapi" / "openapi.json"
    stale.parent.mkdir()
    stale.write_text(description().replace('"Scanback"', '"Something else"'))
    monkeypatch.setattr(openapi, "ROOT", tmp_path)

    result = CliRunner().invoke(openapi.openapi, ["--check"])

    assert result.exit_code == 1
    assert "Something else" in result.output


def test_missing_files_are_written(monkeypatch: pytest.MonkeyPatch, tmp_path):
    monkeypatch.setattr(openapi, "ROOT", tmp_path)

    result = CliRunner().invoke(openapi.openapi)

    assert result.exit_code == 0
    assert (tmp_path / "openapi" / "openapi.json").read_text("utf-8") == description()
    assert "| `differs` |" in (tmp_path / "docs" / "errors.md").read_text("utf-8")


def test_operations_have_ids_of_their_own():
    ids = [operation["operationId"] for operation in OPERATIONS.values()]

    assert len(set(ids)) == len(ids)
    assert max(map(len, ids)) <= 40


@each_operation
def test_operation_has_description_and_security(operation: dict[str, Any]):
    assert operation["description"].strip()
    assert operation["summary"].strip()
    assert set(operation["tags"]) <= {tag["name"] for tag in DOCUMENT["tags"]}
    schemes = DOCUMENT["components"]["securitySchemes"].keys()
    assert operation["security"] == [{}] or {name for row in operation["security"] for name in row} <= schemes
    assert all(answer.get("description", "$ref") for answer in operation["responses"].values())


@each_operation
def test_operation_errors_are_problem_details(operation: dict[str, Any]):
    statuses = set(operation["responses"])
    expected = {"400", "429", "500", "503"}
    expected |= {"401"} if any(operation["security"]) else set()
    expected |= {"413", "415"} if "requestBody" in operation else set()

    assert expected <= statuses
    for status, media, _ in bodies(operation):
        assert (media == "application/problem+json") == (status >= "4" and status != "request"), status


@each_operation
def test_operation_examples_match_schemas(operation: dict[str, Any]):
    for _, _, content in bodies(operation):
        for example in examples(content):
            check(content["schema"], example)
    for parameter in operation.get("parameters", ()):
        for example in examples(parameter):
            check(parameter["schema"], example)


@each_operation
def test_request_schemas_allow_no_unknown_fields(operation: dict[str, Any]):
    for where, _, content in bodies(operation):
        if where == "request":
            assert set(open_objects(content["schema"])) <= OPEN


def open_objects(schema: dict[str, Any], seen: frozenset[str] = frozenset()) -> Iterator[str]:
    """Objects below a schema that would take any field."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        if name not in seen:
            yield from open_objects(DOCUMENT["components"]["schemas"][name], seen | {name})
        return
    if "properties" in schema and schema.get("additionalProperties") is not False:
        yield schema.get("title", json.dumps(schema))
    parts = list(schema.get("properties", {}).values())
    parts += [schema["items"]] if "items" in schema else []
    for several in ("oneOf", "anyOf", "allOf"):
        parts += schema.get(several, [])
    for part in parts:
        yield from open_objects(part, seen)


def test_each_text_has_an_example():
    silent = [*texts_without_example(DOCUMENT["components"]["schemas"], "schemas")]
    for name, operation in OPERATIONS.items():
        for where, media, content in bodies(operation):
            if "json" in media:
                silent += texts_without_example(content, f"{name} {where}")
        for parameter in operation.get("parameters", ()):
            silent += [f"{name} {parameter['name']}"] if "text" in examples(parameter) else []

    assert silent == []


def texts_without_example(node: Any, place: str, *, described: bool = False) -> Iterator[str]:
    if isinstance(node, list):
        for number, part in enumerate(node):
            yield from texts_without_example(part, f"{place}/{number}", described=described)
    if not isinstance(node, dict):
        return
    described = described or bool(node.keys() & {"examples", "enum", "const", "format"})
    if node.get("type") == "string" and not described:
        yield place
    for name, part in node.items():
        if name not in {"examples", "example", "default"}:
            yield from texts_without_example(part, f"{place}/{name}", described=described and name != "properties")
