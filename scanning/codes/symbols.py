"""The 32 symbols of typed codes, what people write instead of them, and the check symbol."""

from scanning import normalization

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: without I, L, O and U

LONGEST_BODY = 30  # symbols; GF(32) has 30 elements that are neither 0 nor 1

# Capitals only: text is upper-cased first. Cyrillic comes from keyboards, Greek from fonts.
_CYRILLIC = dict(zip("АВЕЁКМНОРСТУХЗІӀЅЈҮԚԜ", "ABEEKMH0PCTYX311SJYQW", strict=True))
_GREEK = dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧϹ", "ABEZH1KMN0PTYXC", strict=True))
CONFUSABLES = dict(zip("OILİ", "0111", strict=True)) | _CYRILLIC | _GREEK

CONFUSABLES_TABLE = str.maketrans(CONFUSABLES)
_BLANKS = " \t\n\v\f\r\x1c\x1d\x1e\x1f\x85"
_DASHES = "-\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63"
_SURROUNDING = normalization.PUNCTUATION + _DASHES
_FOLDING = CONFUSABLES_TABLE | str.maketrans("", "", _BLANKS + _DASHES)


def fold(text: str) -> str:
    """Fold a typed or pasted code: capitals, no dashes or spaces, look-alikes replaced. Idempotent.

    Invisible characters, surrounding punctuation and accents are removed, full-width letters become plain ones. O
    becomes 0, I and L become 1, the Cyrillic and Greek letters that look like Latin ones become those, Ё is Е, З
    becomes 3. Other characters outside the alphabet stay, for the check to find.
    """
    if text.isascii():
        return text.strip(_SURROUNDING).upper().translate(_FOLDING)
    while (folded := _fold_once(text)) != text:
        text = folded
    return folded


def _fold_once(text: str) -> str:
    plain = normalization.remove_accents(normalization.strip_punctuation(text)).strip(_SURROUNDING)
    return plain.upper().translate(_FOLDING)


_V1_BLANKS = _BLANKS + "\xa0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff" + "".join(map(chr, range(0x2000, 0x200E)))
_V1_DASHES = "-\xad\u2010\u2011\u2012\u2013\u2014\u2015\u2212"
_V1_FOLDING = str.maketrans(dict(zip("OILАВЕКМНОРСТУХЗІ", "011ABEKMH0PCTYX31", strict=True))) | str.maketrans(
    "", "", _V1_BLANKS + _V1_DASHES
)


def fold_v1(text: str) -> str:
    """The result of an earlier `fold`, without punctuation, accents, Ё and Greek: hashes of it are stored."""
    return text.upper().translate(_V1_FOLDING)


def check_symbol(body: str) -> str:
    """The symbol to write after a body of at most 30 symbols of the alphabet.

    The sum over GF(32) of alpha^k times the k-th symbol from the right, k from 1: a Reed-Solomon code with
    one check (Reed and Solomon, 1960). The weights are all different, none is 0, and none is 1, the check's
    own weight; so every single wrong symbol and every swap of two different symbols is found, wherever they
    stand.

    Raises ValueError if the body is too long or has a foreign symbol.
    """
    if len(body) > LONGEST_BODY:
        raise ValueError(f"a body of {len(body)} symbols is over {LONGEST_BODY}")
    if not is_written_in_alphabet(body):
        raise ValueError("the body has a symbol outside the alphabet")
    return ALPHABET[check_value(body)]


def has_valid_check(code: str) -> bool:
    """Whether a folded code is written in the alphabet and ends with the check symbol of what precedes it."""
    if not 2 <= len(code) <= LONGEST_BODY + 1 or not is_written_in_alphabet(code):
        return False
    return check_value(code[:-1]) == VALUES[code[-1]]


def is_written_in_alphabet(text: str) -> bool:
    """Whether the text has only symbols of the alphabet."""
    return not text.strip(ALPHABET)


def check_value(body: str) -> int:
    """The check symbol's number, by Horner's rule. Raises KeyError at a foreign symbol."""
    total = 0
    for symbol in body:
        total = TIMES_ALPHA[total ^ VALUES[symbol]]
    return total


def _times_alpha(value: int) -> int:
    """Multiply by alpha = x in GF(32) = GF(2)[x] / (x^5 + x^2 + 1), where alpha has all 31 powers."""
    return (value << 1) ^ (0b100101 if value & 0b10000 else 0)


VALUES = {symbol: value for value, symbol in enumerate(ALPHABET)}
TIMES_ALPHA = tuple(_times_alpha(value) for value in range(32))
