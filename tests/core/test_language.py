"""Every sentence that people read has a Russian translation."""

import ast
import importlib
import pkgutil
import re
import string
from collections.abc import Iterator
from pathlib import Path

import backend
from backend.checkout.reasons import TEXTS
from backend.core.http.errors import DomainError
from backend.core.http.validation_texts import MESSAGES
from backend.core.language import _load_catalogue, language, money, negotiate, translate
from backend.earning.receipts import reasons as receipts
from backend.earning.scans.schemas import REASONS, REPEATED, SENT_BEFORE, VERIFYING
from backend.programmes.campaigns.previews import MISMATCH_TEXTS
from backend.spending import reasons as offers

CODE = Path(backend.__file__).parent


def error_classes(kind: type[DomainError] = DomainError) -> Iterator[type[DomainError]]:
    for subclass in kind.__subclasses__():
        yield subclass
        yield from error_classes(subclass)


def translated_literals() -> Iterator[str]:
    """The literals that the code passes to translate()."""
    for path in CODE.rglob("*.py"):
        source = path.read_text("utf-8")
        if "from backend.core.language import" not in source:
            continue
        for node in ast.walk(ast.parse(source)):
            is_translated = isinstance(node, ast.Call) and getattr(node.func, "id", "") == "translate" and node.args
            if is_translated and isinstance(node.args[0], ast.Constant):
                yield node.args[0].value


# Constants that are a sentence or a table of sentences. `sentences()` has all of them.
TABLES = {
    "REASONS",
    "MISMATCH_TEXTS",
    "DELIVERIES",
    "TEXTS",
    "TYPING_ERRORS",
    "FIELD_ERRORS",
    "CHECK_TEXTS",
    "FIELD_NAMES",
    "REPEATED",
    "SENT_BEFORE",
    "VERIFYING",
}


def calls_with_variables() -> Iterator[str]:
    """Calls of translate() with a variable that is in none of TABLES, so that the tests cannot see the sentence."""
    for path in CODE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not (isinstance(node, ast.Call) and getattr(node.func, "id", "") == "translate" and node.args):
                continue
            names = {name.id for name in ast.walk(node.args[0]) if isinstance(name, ast.Name) and name.id.isupper()}
            if (
                not isinstance(node.args[0], ast.Constant)
                and not names & TABLES
                and path.name not in ("errors.py", "error_reference.py", "validation_texts.py")
            ):
                yield f"{path.name}:{node.lineno}"


def test_sentences_are_literals_or_in_known_tables():
    assert sorted(calls_with_variables()) == []


def literals_in_templates() -> Iterator[str]:
    """The literals that the templates pass to translate()."""
    for path in CODE.rglob("*.html"):
        for double, single in re.findall(r"""translate\(\s*(?:"([^"]+)"|'([^']+)')""", path.read_text("utf-8")):
            yield double or single


def sentences() -> set[str]:
    for module in pkgutil.walk_packages([str(CODE)], "backend."):
        if ".migrations" not in module.name and not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    from_errors = {refusal.message() for refusal in error_classes() if refusal.__module__.startswith("backend.")}
    return (
        {DomainError.message()}
        | from_errors
        | set(translated_literals())
        | set(literals_in_templates())
        | set(REASONS.values())
        | set(TEXTS.values())
        | {REPEATED, SENT_BEFORE, VERIFYING}
        | set(receipts.REASONS.values())
        | set(receipts.TYPING_ERRORS.values())
        | set(receipts.CHECK_TEXTS.values())
        | set(receipts.FIELD_NAMES.values())
        | set(offers.REASONS.values())
        | set(MISMATCH_TEXTS.values())
        | set(MESSAGES)
        | set(offers.DELIVERIES.values())
    )


def placeholders(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}


def test_translations_have_placeholders_of_original():
    russian = _load_catalogue("ru")

    missing = sorted(sentence for sentence in sentences() if sentence not in russian)
    broken = [
        english for english, russian_text in russian.items() if placeholders(english) != placeholders(russian_text)
    ]

    assert missing == []
    assert broken == []


def test_catalogue_has_no_unused_translations():
    unused = set(_load_catalogue("ru")) - sentences()

    assert unused == set()


def test_money_in_russian_uses_its_plural_forms():
    token = language.set("ru")

    words = [money(number, "PTS") for number in (1, 3, 11, 21, 1234)]
    roubles = money(123450, "RUB")

    language.reset(token)
    assert words == ["1 балл", "3 балла", "11 баллов", "21 балл", "1\xa0234 балла"]
    assert roubles == "1\xa0234,50\xa0₽"


def test_language_is_negotiated_from_accept_language():
    assert negotiate("ru-RU,ru;q=0.9,en;q=0.8") == "ru"
    assert negotiate("kk-KZ,ru;q=0.5") == "ru"
    assert negotiate("de,en;q=0.4") == "en"
    assert negotiate("") == "en"
    assert negotiate(";q=x,,;;") == "en"


def test_sentence_without_translation_stays_english():
    token = language.set("ru")

    words = translate("This sentence has no translation.")

    language.reset(token)
    assert words == "This sentence has no translation."
