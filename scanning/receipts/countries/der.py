"""As much of ASN.1's distinguished encoding (ITU-T X.690) as a signed log message needs."""


def element(tag: int, content: bytes) -> bytes:
    """Tag, length, content."""
    if len(content) < 0x80:
        return bytes((tag, len(content))) + content
    length = len(content).to_bytes((len(content).bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def tagged(number: int, content: bytes) -> bytes:
    """A primitive of the context, implicitly tagged."""
    return element(0x80 | number, content)


def integer(number: int) -> bytes:
    return element(0x02, integer_content(number))


def integer_content(number: int) -> bytes:
    """Two's complement in as few bytes as hold it."""
    return number.to_bytes(number.bit_length() // 8 + 1, "big", signed=True)


def octets(content: bytes) -> bytes:
    return element(0x04, content)


def sequence(*elements: bytes) -> bytes:
    return element(0x30, b"".join(elements))


def identifier(dotted: str) -> bytes:
    """An object identifier: the first two arcs in one byte, the others in groups of seven bits."""
    first, second, *arcs = (int(arc) for arc in dotted.split("."))
    return element(0x06, b"".join(_arc(arc) for arc in (first * 40 + second, *arcs)))


def _arc(number: int) -> bytes:
    groups = [number & 0x7F]
    while number := number >> 7:
        groups.append(0x80 | (number & 0x7F))
    return bytes(reversed(groups))
