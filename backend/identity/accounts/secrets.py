"""Card numbers and recovery codes: generation, spelling and hashing. Pure but for the random numbers."""

import hmac
import secrets

from stdnum import luhn

from scanning.codes import symbols

RECOVERY_SYMBOLS = 20  # 100 bits, and one symbol more that catches typing errors


def generate_card_number() -> str:
    """16 digits: 15 at random and Luhn's (ISO/IEC 7812-1, annex B). Public; it grants no access."""
    body = str(secrets.randbelow(9 * 10**14) + 10**14)
    return body + str(luhn.calc_check_digit(body))


def generate_recovery_code() -> str:
    """A recovery code as written down: three groups of five symbols, and one of six that ends with the check."""
    body = "".join(secrets.choice(symbols.ALPHABET) for _ in range(RECOVERY_SYMBOLS))
    code = body + symbols.check_symbol(body)
    return "-".join((code[:5], code[5:10], code[10:15], code[15:]))


def recovery_digest(text: str, pepper: bytes) -> bytes | None:
    """The keyed hash of a recovery code in any spelling; None where the check symbol shows a typing error."""
    code = symbols.fold(text)
    if len(code) != RECOVERY_SYMBOLS + 1 or not symbols.has_valid_check(code):
        return None
    return hmac.digest(pepper, b"recovery:" + code.encode("ascii"), "sha256")
