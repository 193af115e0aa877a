"""msgspec's messages about invalid values, translated: the library has them in English only."""

import re

from backend.core.language import translate

# msgspec 0.22's messages with placeholders; a message that is not among them is not translated.
MESSAGES = (
    "Expected `{wanted}`, got `{got}`",
    "Expected `{wanted}` of length >= {least}",
    "Expected `{wanted}` of length <= {most}",
    "Expected `{wanted}` of length {least} to {most}",
    "Expected `{wanted}` of length {length}",
    "Expected `{wanted}` >= {least}",
    "Expected `{wanted}` <= {most}",
    "Expected `{wanted}` > {least}",
    "Expected `{wanted}` < {most}",
    "Expected `int` that's a multiple of {step}",
    "Expected `str` matching regex {pattern}",
    "Expected `{wanted}` with a timezone component",
    "Expected `{wanted}` with no timezone component",
    "Object missing required field `{name}`",
    "Object contains unknown field `{name}`",
    "Invalid enum value {value}",
    "Invalid value {value}",
    "Invalid UUID",
    "Invalid RFC3339 encoded date",
    "Invalid RFC3339 encoded datetime",
    "Integer value out of range",
    "Number out of range",
    "JSON is malformed: {why}",
)


def _sentence_pattern(sentence: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)\}", sentence)
    body = "".join(re.escape(part) if number % 2 == 0 else f"(?P<{part}>.+?)" for number, part in enumerate(parts))
    return re.compile(rf"{body}(?P<where> - at `.*`)?", re.DOTALL)


PATTERNS = [(_sentence_pattern(sentence), sentence) for sentence in MESSAGES]


def translated(message: str) -> str:
    """A message in the caller's language; the names and values quoted in it stay."""
    for pattern, sentence in PATTERNS:
        if found := pattern.fullmatch(message):
            places = found.groupdict()
            where = places.pop("where") or ""
            return translate(sentence, **places) + where if places else translate(sentence) + where
    return message
