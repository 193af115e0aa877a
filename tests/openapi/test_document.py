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
from backend.openapi.schemas import NO_NUL
from backend.programmes.schemas import SKU

DOCUMENT = json.loads(description())
OPERATIONS = {
    f"{method.upper()} {path}": operation
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}
# Browsers may add fields of their own to the answers of an authenticator (WebAuthn, 5.1).
OPEN = {"Assertion", "PasskeyIn", "Registration", "Signature"}
each_operation = pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS.keys())


def bodies(operation: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Where a body stands, its media type, and what is said of it."""
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


def test_no_pattern_lets_an_end_of_line_follow_the_last_sign():
    # An end of line is what these two speak of themselves.
    whole = set(patterns(DOCUMENT)) - {NO_NUL, SKU}

    assert {pattern for pattern in whole if not pattern.endswith(r"(?!\n)$")} == set()
    assert not re.search(SKU, "RA16-374\n")


def test_the_document_is_valid_openapi():
    OPENAPI_31_VALIDATOR.validate(DOCUMENT)

    assert DOCUMENT["openapi"].startswith("3.1")


def test_the_committed_document_is_what_the_code_says():
    result = CliRunner().invoke(openapi.openapi, ["--check"])

    assert result.exit_code == 0, result.output


def test_a_drift_of_the_committed_document_is_shown(monkeypatch: pytest.MonkeyPatch, tmp_path):
    stale = tmp_path / "openapi.json"
    stale.write_text(description().replace('"Scanback"', '"Something else"'))
    monkeypatch.setattr(openapi, "COMMITTED", stale)

    result = CliRunner().invoke(openapi.openapi, ["--check"])

    assert result.exit_code == 1
    assert "Something else" in result.output


def test_a_stale_document_is_written_anew(monkeypatch: pytest.MonkeyPatch, tmp_path):
    monkeypatch.setattr(openapi, "COMMITTED", tmp_path / "new" / "openapi.json")

    result = CliRunner().invoke(openapi.openapi)

    assert result.exit_code == 0
    assert (tmp_path / "new" / "openapi.json").read_text("utf-8") == description()


def test_operations_have_ids_of_their_own():
    ids = [operation["operationId"] for operation in OPERATIONS.values()]

    assert len(set(ids)) == len(ids)
    assert max(map(len, ids)) <= 40


@each_operation
def test_an_operation_is_described_and_says_who_may_call(operation: dict[str, Any]):
    assert operation["description"].strip()
    assert operation["summary"].strip()
    assert set(operation["tags"]) <= {tag["name"] for tag in DOCUMENT["tags"]}
    schemes = DOCUMENT["components"]["securitySchemes"].keys()
    assert operation["security"] == [{}] or {name for row in operation["security"] for name in row} <= schemes
    assert all(answer.get("description", "$ref") for answer in operation["responses"].values())


@each_operation
def test_an_operation_tells_its_refusals_as_problems(operation: dict[str, Any]):
    statuses = set(operation["responses"])
    asked = {"400", "429", "500", "503"}
    asked |= {"401"} if any(operation["security"]) else set()
    asked |= {"413", "415"} if "requestBody" in operation else set()

    assert asked <= statuses
    for status, media, _ in bodies(operation):
        assert (media == "application/problem+json") == (status >= "4" and status != "request"), status


@each_operation
def test_an_operation_has_examples_that_fit(operation: dict[str, Any]):
    for _, _, content in bodies(operation):
        for example in examples(content):
            check(content["schema"], example)
    for parameter in operation.get("parameters", ()):
        for example in examples(parameter):
            check(parameter["schema"], example)


@each_operation
def test_what_a_client_sends_is_closed(operation: dict[str, Any]):
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


def test_each_text_shows_what_it_looks_like():
    silent = [*texts_without_example(DOCUMENT["components"]["schemas"], "schemas")]
    for name, operation in OPERATIONS.items():
        for where, media, content in bodies(operation):
            if "json" in media:
                silent += texts_without_example(content, f"{name} {where}")
        for parameter in operation.get("parameters", ()):
            silent += [f"{name} {parameter['name']}"] if "text" in examples(parameter) else []

    assert silent == []


def texts_without_example(node: Any, place: str, *, told: bool = False) -> Iterator[str]:
    if isinstance(node, list):
        for number, part in enumerate(node):
            yield from texts_without_example(part, f"{place}/{number}", told=told)
    if not isinstance(node, dict):
        return
    told = told or bool(node.keys() & {"examples", "enum", "const", "format"})
    if node.get("type") == "string" and not told:
        yield place
    for name, part in node.items():
        if name not in {"examples", "example", "default"}:
            yield from texts_without_example(part, f"{place}/{name}", told=told and name != "properties")
