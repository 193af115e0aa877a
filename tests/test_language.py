"""Every sentence that a person may read has a Russian one."""

import ast
import importlib
import pkgutil
import re
import string
from collections.abc import Iterator
from pathlib import Path

import backend
from backend.checkout.reasons import TEXTS
from backend.errors import Refusal
from backend.language import _catalogue, language, money, negotiate, say
from backend.offers import reasons as offers
from backend.receipts import reasons as receipts
from backend.scans.schemas import REASONS, REPEATED, SENT_BEFORE, VERIFYING

CODE = Path(backend.__file__).parent


def refusals(kind: type[Refusal] = Refusal) -> Iterator[type[Refusal]]:
    for below in kind.__subclasses__():
        yield below
        yield from refusals(below)


def said() -> Iterator[str]:
    """The literals that the code hands to say()."""
    for path in CODE.rglob("*.py"):
        source = path.read_text("utf-8")
        if "from backend.language import" not in source:
            continue
        for node in ast.walk(ast.parse(source)):
            is_said = isinstance(node, ast.Call) and getattr(node.func, "id", "") == "say" and node.args
            if is_said and isinstance(node.args[0], ast.Constant):
                yield node.args[0].value


def written_on_pages() -> Iterator[str]:
    """The literals that the templates hand to say()."""
    for path in CODE.rglob("*.html"):
        for double, single in re.findall(r"""say\(\s*(?:"([^"]+)"|'([^']+)')""", path.read_text("utf-8")):
            yield double or single


def sentences() -> set[str]:
    for module in pkgutil.walk_packages([str(CODE)], "backend."):
        if ".migrations" not in module.name and not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    from_refusals = {refusal.message() for refusal in refusals() if refusal.__module__.startswith("backend.")}
    return (
        {Refusal.message()}
        | from_refusals
        | set(said())
        | set(written_on_pages())
        | set(REASONS.values())
        | set(TEXTS.values())
        | {REPEATED, SENT_BEFORE, VERIFYING}
        | set(receipts.REASONS.values())
        | set(receipts.SLIPS.values())
        | set(offers.REASONS.values())
    )


def places(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}


def test_every_sentence_is_translated_and_keeps_its_places():
    russian = _catalogue("ru")

    missing = sorted(sentence for sentence in sentences() if sentence not in russian)
    broken = [english for english, words in russian.items() if places(english) != places(words)]

    assert missing == []
    assert broken == []


def test_no_translation_stands_for_nothing():
    left_over = set(_catalogue("ru")) - sentences()

    assert left_over == set()


def test_russian_counts_points_its_own_way():
    token = language.set("ru")

    words = [money(number, "PTS") for number in (1, 3, 11, 21, 1234)]
    roubles = money(123450, "RUB")

    language.reset(token)
    assert words == ["1 балл", "3 балла", "11 баллов", "21 балл", "1\xa0234 балла"]
    assert roubles == "1\xa0234,50\xa0₽"


def test_the_language_is_negotiated():
    assert negotiate("ru-RU,ru;q=0.9,en;q=0.8") == "ru"
    assert negotiate("kk-KZ,ru;q=0.5") == "ru"
    assert negotiate("de,en;q=0.4") == "en"
    assert negotiate("") == "en"
    assert negotiate(";q=x,,;;") == "en"


def test_a_sentence_without_a_translation_stays_english():
    token = language.set("ru")

    words = say("This sentence is nobody's.")

    language.reset(token)
    assert words == "This sentence is nobody's."
