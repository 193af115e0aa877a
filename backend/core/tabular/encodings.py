"""The encoding of a text, by evidence, never mixed. Damaged bytes stay visible as lone surrogates."""

import codecs
import itertools
import math
import re
from collections.abc import Callable
from typing import IO

BLOCK = 65_536
SAMPLE_BYTES = 2**20
ENOUGH = 2_000_000  # letters and bad bytes that are counted: lists may have a gibibyte
UTF_32 = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)
MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
CANDIDATES = ("cp1251", "cp866", "koi8-r", "mac-cyrillic", "iso-8859-5")
DAMAGED = re.compile("[\udc80-\udcff]")
UTF_16 = ("utf-16-le", "utf-16-be")
_USUAL_SIGN = re.compile("[\t\r\n -~\u0400-\u04ff]")
_HIGH = re.compile("[^\x00-\x7f]")
# Letters of Russian in a hundred thousand (National Corpus of the Russian Language).
_FREQUENCY = dict(
    zip(
        "оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфъё",
        (
            10983,
            8483,
            7998,
            7367,
            6700,
            6318,
            5473,
            4746,
            4533,
            4343,
            3486,
            3203,
            2977,
            2804,
            2615,
            2001,
            1898,
            1735,
            1687,
            1641,
            1592,
            1450,
            1208,
            966,
            940,
            718,
            639,
            486,
            361,
            331,
            267,
            37,
            13,
        ),
        strict=True,
    )
)
_NEIGHBOURS = "іїєґўқғңәөүұһѓќљњђћџјѕ"
_SIGNS = "№«»–—…°±©®™§“”„’‘•·×\xa0\xad"
_RARE, _SIGN, _STRANGE, _DAMAGE = math.log(1e-5), math.log(2e-3), math.log(1e-7), math.log(1e-9)
_PLAUSIBLE = -4.6  # a letter; what is no Russian in this encoding is at -6 and below
_CLEARER = 0.35  # than the next one
# A letter beside a digit is no evidence: it may be one damaged byte of a code.
_WORD = re.compile(r"(?<![^\W_])[^\W\d_]+(?![^\W_])|[^\w\x00-\x7f]")


class NotText(ValueError):
    """The bytes are no text in an encoding that we know."""


def detect(file: IO[bytes], is_header: Callable[[str], bool]) -> str:
    """The encoding of a whole file, by its mark, by its bytes, then by the words of its first line and its letters.

    A few damaged bytes do not make a file of UTF-8 another one: they are found in their rows.

    Raises:
        NotText: it holds NUL bytes and is not UTF-16, or it is in UTF-32.
    """
    file.seek(0)
    block = file.read(BLOCK)
    file.seek(0)
    start = block[:4]
    if start in UTF_32:
        raise NotText
    for mark, name in MARKS:
        if start.startswith(mark):
            return name
    if b"\0" in block and (wide := _unmarked_utf_16(block)):
        return wide
    good, bad, sample = _sample_bytes(file)
    if good >= bad:
        return "utf-8"
    return _single_byte(sample, is_header) or "utf-8"


def _unmarked_utf_16(block: bytes) -> str | None:
    """UTF-16 without a mark, whichever byte comes first: nearly all of its signs are ASCII or Cyrillic."""
    for name in UTF_16:
        text = codecs.getincrementaldecoder(name)("replace").decode(block)
        if len(_USUAL_SIGN.findall(text)) > 0.9 * len(text):
            return name
    return None


def _sample_bytes(file: IO[bytes]) -> tuple[int, int, bytes]:
    """Letters beyond ASCII that are good UTF-8, bytes that are not, and a sample of lines that have either."""
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    good = bad = 0
    sample = bytearray()
    try:
        while block := file.read(BLOCK):
            if b"\0" in block:
                raise NotText
            if good + bad > ENOUGH:
                continue
            text = decoder.decode(block)
            if not text.isascii():
                wrong = len(DAMAGED.findall(text))
                good, bad = good + len(_HIGH.findall(text)) - wrong, bad + wrong
            if len(sample) < SAMPLE_BYTES and (not sample or not block.isascii()):
                sample += block
        bad += len(decoder.decode(b"", final=True)) if good + bad <= ENOUGH else 0
    finally:
        file.seek(0)
    return good, bad, bytes(sample)


def _single_byte(sample: bytes, is_header: Callable[[str], bool]) -> str | None:
    first = re.split(rb"[\r\n]", sample.removeprefix(b"sep=;\r\n"), maxsplit=1)[0]
    if not first.isascii():
        named = [name for name in CANDIDATES if is_header(first.decode(name, "surrogateescape"))]
        if len(named) == 1:
            return named[0]
    scores = {name: _text_plausibility(sample.decode(name, "surrogateescape")) for name in CANDIDATES}
    best = max(CANDIDATES, key=lambda name: scores[name])
    # Windows writes the first one; another must be clearly more like Russian.
    is_clear = best == CANDIDATES[0] or scores[best] - scores[CANDIDATES[0]] > _CLEARER
    return best if scores[best] > _PLAUSIBLE and is_clear else None


def _text_plausibility(text: str) -> float:
    """How much a text is like Russian: the mean logarithm of its characters' frequencies."""
    found = [score for word in _WORD.findall(text) if not word.isascii() for score in _of_word(word)]
    return sum(found) / len(found) if found else _DAMAGE


def _of_word(word: str) -> list[float]:
    if any("a" <= letter.lower() <= "z" for letter in word):
        return [_STRANGE] * len(word)  # caf\xe9 is no word of two alphabets
    scores = [_of_letter(letter) for letter in word]
    # No word goes on in capitals after a small letter, which distinguishes the halves of KOI-8 and Windows.
    turned = sum(a.islower() and b.isupper() for a, b in itertools.pairwise(word))
    return scores + [_STRANGE] * turned


def _of_letter(letter: str) -> float:
    if DAMAGED.match(letter):
        return _DAMAGE
    small = letter.lower()
    if small in _FREQUENCY:
        return math.log(_FREQUENCY[small] / 100_000)
    if small in _NEIGHBOURS:
        return _RARE
    return _SIGN if letter in _SIGNS else _STRANGE
