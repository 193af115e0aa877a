"""Texts of receipts under coverage-guided fuzzing: `python -m fuzz.receipt SECONDS`, in an environment with atheris.

Only a Problem may be raised, and a receipt must be read the same from its canonical spelling. The first input that
breaks this ends the run with its traceback and a non-zero exit code.
"""

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["scanning"]):
    from scanning import payload
    from scanning.problem import FieldsInvalid, Problem, ReceiptProblem
    from scanning.receipts import countries, receipt

LONGEST_INPUT = 700  # bytes; some codes of other countries have so many

BETWEEN_CODES, BETWEEN_FIELDS = "\n\n", "|"

SEEDS = (
    "t=20240917T1801&s=1285.21&fn=7281440500751551&i=30526&fp=1168453787&n=1",
    "n=2&fp=0860034303&i=0000090652&fn=9960440302452937 &s=5,1&t=20180624t205934",
    "t%3D20240917T1801%26s%3D1285%26fn%3D7281440500751551%26i%3D30526%26fp%3D1168453787",
    "https://ofd.example/rec/7281440500751551/30526/1168453787?t=20240917T1801&amp;s=1285.21",
    "https://check.ofd.ru/rec/7281440500751551/30526/1168453787",
    "https://ofd.yandex.ru/vaucher/0001234567012345/30526/1168453787",
    "е=20240917Е1801?ы=1285ю21?ат=7281440500751551?ш=30526?аз=1168453787?т=1",
    "t=20240917T18017s=1285.217fn=72814405007515517i=305267fp=11684537877n=1",
    "реезыЖ..щавюкг.м1,е=20240917Е1801?ы=1285ю21?ат=7281440500751551?ш=30526?аз=1168453787?т=1",
    "https://lknpd.nalog.ru/api/v1/receipt/123456789012/20abcdef/print",
    "http://check.egais.ru?id=7f6d&dt=1809171801&cn=020000123456\n\nt=20240917T1801&s=1&fn=7281440500751551&i=3&fp=7&n=1",
    "ST00012|Name=X|PersonalAcc=40702810900000000001",
    "0104600439931256215a'b\x1d93abcd",
    "7281 4405 0075 1551|ФД 30526|1168453787|17.09.2024 18:01|1 285,21|1",
    "72814405007515|1168453787|30526|2024-09-17T18:01:00Z|1.285,21|2",
    "728144О5ОО751551|3|7|09.17.24, 18:01:59|-5|3",
    "http://consumer.oofd.kz/?i=1734974179&f=010100465991&s=13507.0&t=20210922T224125",
    "https://suf.purs.gov.rs/v/?vl=AzE=",
    "V0;ABC-1;Kassenbeleg-V1;Beleg^2.90_0.00_0.00_0.00_2.10^5.00:Unbar;1;2;2021-07-23T10:12:54.000Z;x;y;z;a;b",
    "_R1-AT0_DEMO-1_7_2015-10-14T18:20:23_0,00_0,00_0,00_0,00_0,00_0gJTFI8/zqc=_9689_fP7/PMP-SnQ0=_Xh5w==",
    "A:123456789*B:999999990*C:PT*D:FS*E:N*F:20250314*G:AB 1/6*H:ABCDEFGH-012345*I1:PT*N:0.50*O:10.50*Q:AaAa*R:1234",
    "AQVTYWxsYQIKMTIzNDU2Nzg5MQMUMjAyMS0wNy0xMlQxNDoyNTowOVoEBjEwMC4wMAUFMTUuMDA=",
)
WORDS = (
    "&amp;",
    "%26",
    "%3D",
    "fn=",
    "fp=",
    "&i=",
    "&n=",
    "t=2024",
    "T1801",
    "/rec/",
    "ат=",
    "аз=",
    "ofd.ru/",
    "://",
    "\u0661",
)


def check_texts(text: str) -> None:
    """Check the parsing of a receipt's QR code and the classification of a scanned text."""
    found = read(text)
    kind = payload.classify(text).kind
    if found is not None:
        assert receipt.read(found.canonical) == found, "the canonical spelling is another receipt"
        assert kind == "receipt", "what can be read is called something else"
    texts = text.split(BETWEEN_CODES)
    chosen = receipt.choose(texts)
    if any(read(one) for one in texts):
        assert chosen is not None, "the receipt is not chosen"
        assert read(texts[chosen]), "another code is chosen"


def check_typed(text: str) -> None:
    """Check the fields of manual entry."""
    fields = (text.split(BETWEEN_FIELDS) + [""] * 6)[:6]
    try:
        found = receipt.typed(*fields[:5], operation=len(fields[5]))
    except FieldsInvalid:
        return
    assert receipt.read(found.canonical) == found, "the canonical spelling is another receipt"


def check_foreign(text: str) -> None:
    """Check receipts of other countries."""
    try:
        found = countries.recognise(text)
    except Problem:
        return
    if found is not None:
        again = countries.recognise(found.canonical)
        assert again is not None, "the canonical spelling is no receipt"
        assert (again.country, again.key) == (found.country, found.key), "the canonical spelling is another receipt"


def read(text: str) -> receipt.Receipt | None:
    """The receipt, or None; every other exception is a finding."""
    try:
        return receipt.read(text)
    except ReceiptProblem:
        return None


def one_input(data: bytes) -> None:
    """The function that the fuzzer calls."""
    text = data.decode("utf-8", "replace")
    check_texts(text)
    check_typed(text)
    check_foreign(text)


def main(seconds: int) -> None:
    """Run for this many seconds. libFuzzer ends the process."""
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder) / "corpus"
        corpus.mkdir()
        for number, seed in enumerate(SEEDS):
            (corpus / str(number)).write_text(seed, encoding="utf-8")
        words = Path(folder) / "words"
        words.write_text("".join(f'"{_escaped(word)}"\n' for word in WORDS), encoding="ascii")
        # Without length control: the seeds are as long as real texts, and shorter inputs find nothing more.
        options = [f"-max_total_time={seconds}", f"-max_len={LONGEST_INPUT}", "-len_control=0", f"-dict={words}"]
        atheris.Setup(
            [sys.argv[0], *options, f"-artifact_prefix={tempfile.gettempdir()}/scanback-", str(corpus)], one_input
        )
        atheris.Fuzz()


def _escaped(word: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word.encode())


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 60)
