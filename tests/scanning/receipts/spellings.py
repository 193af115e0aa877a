"""Spellings of one receipt, as tills, scanners, messengers and people write it."""

from urllib.parse import quote

from hypothesis import strategies as st

from scanning.receipts.receipt import Receipt

SHIFTED = str.maketrans(
    "qwertyuiop[]asdfghjkl;'zxcvbnm,.QWERTYUIOPASDFGHJKLZXCVBNM:",
    "йцукенгшщзхъфывапролджэячсмитьбюЙЦУКЕНГШЩЗФЫВАПРОЛДЯЧСМИТЬЖ",
)
SHIFTED_SIGNS = {ord("/"): ".", ord("?"): ",", ord("&"): "?"}

receipts = st.builds(
    Receipt,
    at=st.datetimes().map(lambda moment: moment.replace(microsecond=0, fold=0)),
    total=st.integers(0, 2**48 - 1) | st.integers(0, 500_000),
    fn=st.text("0123456789", min_size=16, max_size=16),
    fd=st.integers(1, 2**32 - 1) | st.integers(1, 250_000),
    fp=st.integers(1, 2**32 - 1),
    operation=st.integers(1, 4),
)

BLANKS = ("", "", " ", "  ", "\n", "\r\n", "\t", "\ufeff", "\xa0", "\u200b")
HOSTS = ("https://consumer.1-ofd.ru/v1", "http://check.ofd.ru/rec", "https://example.com:8443/a/b/", "HTTPS://OFD.RU/")


@st.composite
def spellings(draw, receipt: Receipt) -> str:
    """One spelling, with several variations at once."""
    pairs = draw(st.permutations(draw(pairs_of(receipt))))
    way = draw(st.sampled_from(["plain", "link", "russian", "russian link", "sevens", "encoded", "path"]))
    if way in ("russian", "russian link", "sevens"):
        return draw(through_keyboard(pairs, way))
    if way == "path":
        rest = "&".join(f"{key}={value}" for key, value in pairs if key.lower() not in ("fn", "i", "fp"))
        return f"https://check.ofd.ru/rec/{receipt.fn}/{receipt.fd}/{receipt.fp}?{rest}"
    blank = st.sampled_from(BLANKS)
    others = draw(st.lists(st.sampled_from([("a", "2"), ("x", ""), ("utm", "fn"), ("sfn", "1"), ("", "")]), max_size=2))
    parts = [f"{draw(blank)}{key}{draw(blank)}={draw(blank)}{value}{draw(blank)}" for key, value in [*pairs, *others]]
    text = draw(st.sampled_from(["&", "&amp;", "&AMP;", "\\u0026", "&&"])).join(parts)
    if way == "link":
        return draw(st.sampled_from(HOSTS)) + "?" + text + draw(st.sampled_from(["", "#top"]))
    if way == "encoded":
        safe = draw(st.sampled_from(["", "=", "&="]))
        return quote(text.replace("\ufeff", "").replace("\\u0026", "&"), safe=safe)
    return draw(blank) + text + draw(blank)


@st.composite
def pairs_of(draw, receipt: Receipt) -> list[tuple[str, str]]:
    """The fields as keys and values, each in one of its own spellings."""
    rubles, kopecks = divmod(receipt.total, 100)
    sums = [f"{rubles}.{kopecks:02}", f"{rubles},{kopecks:02}", f"000{rubles}.{kopecks:02}"]
    sums += [f"{rubles}.{kopecks // 10}"] * (kopecks % 10 == 0) + [f"{rubles}"] * (kopecks == 0)
    moment = f"{receipt.at.year:04}{receipt.at:%m%d}" + draw(st.sampled_from("Tt")) + f"{receipt.at:%H%M}"
    seconds = draw(st.sampled_from(["", "00"])) if receipt.at.second == 0 else f"{receipt.at.second:02}"
    pairs = [
        ("t", moment + seconds),
        ("s", draw(st.sampled_from(sums))),
        ("fn", receipt.fn),
        ("i", str(receipt.fd).zfill(draw(st.integers(1, 10)))),
        ("fp", str(receipt.fp).zfill(draw(st.integers(1, 10)))),
    ]
    if receipt.operation != 1 or draw(st.booleans()):
        pairs.append(("n", str(receipt.operation)))
    return [(draw(st.sampled_from([key, key.upper()])), value) for key, value in pairs]


@st.composite
def through_keyboard(draw, pairs: list[tuple[str, str]], way: str) -> str:
    """What a keyboard wedge scanner types: on the Russian layout, or with Shift too late for the "&"."""
    typed = [f"{key}={value.replace(',', '.')}" for key, value in pairs]
    if way == "sevens":
        return "7".join(typed)
    if way == "russian link":
        return ("https://check.ofd.ru/rec?" + "&".join(typed)).translate(SHIFTED | SHIFTED_SIGNS)
    text = draw(st.sampled_from(["?", "7", "&", ";", "."])).join(part.translate(SHIFTED) for part in typed)
    return draw(st.sampled_from([text, text.swapcase()]))
