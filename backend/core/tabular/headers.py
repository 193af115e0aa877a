"""Names of columns as they are compared: whatever a spreadsheet, a copy or a habit adds to them."""

from scanning import normalization


def letters(place: int) -> str:
    """What spreadsheets call a column, by its place from 0."""
    place, letter = divmod(place, 26)
    return (letters(place - 1) if place else "") + chr(ord("A") + letter)


def folded(header: str) -> str:
    """A header without invisible characters, quotes and doubled blanks, in small letters, ё as е."""
    plain = normalization.remove_invisible(header).strip("\"' :*").casefold().replace("ё", "е")
    return " ".join(plain.split())
