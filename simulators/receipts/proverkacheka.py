"""Simulator of proverkacheka.com: one endpoint, a form, HTTP 200 and a code."""

from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from litestar import Response, post

from simulators import common_faults
from simulators.requests import SimulatorRequest
from simulators.state import ReceiptRequest, SimulatorState

CODES = {"found": 1, "not_yet": 2, "mismatch": 0}
TEXTS = {
    0: "Чек некорректен",
    2: "Данные чека пока не получены",
    3: "Превышено количество запросов",
    4: "Ожидание перед повторным запросом",
    5: "Данные не получены",
}
TIMES = ("%Y%m%dT%H%M", "%Y%m%dT%H%M%S", "%d.%m.%Y %H:%M")


@post("/api/v1/check/get")
async def check_receipt(request: SimulatorRequest) -> Response[bytes]:
    """Find a receipt by `qrraw` or by fields."""
    book: SimulatorState = request.app.state.book
    form = await _read_form(request)
    if not form.get("token"):
        return Response(b"", status_code=200, media_type="application/json")
    try:
        query, shape = read_query(form)
    except (KeyError, ValueError, InvalidOperation):
        return _build_response(0, form)
    if not book.arrive("proverkacheka", query.key, shape):
        return _build_response(3, form)
    fault = book.fault("proverkacheka", query.key)
    if fault.startswith("code_"):
        return _build_response(int(fault.removeprefix("code_")), form)
    played = await common_faults.play_fault(fault, book.setup, "application/json")
    if played is not None:
        return played
    code = CODES[book.verdict("proverkacheka", query)]
    book.logs["proverkacheka"].answers[str(code)] += 1
    return _build_response(code, form, book.entries[query.key].receipt if code == 1 else None)


async def _read_form(request: SimulatorRequest) -> dict[str, str]:
    """The fields of a form or of JSON."""
    body = await request.body()
    if "json" in request.headers.get("Content-Type", ""):
        try:
            return msgspec.json.decode(body, type=dict[str, str], strict=False)
        except msgspec.DecodeError:
            return {}
    return dict(parse_qsl(body.decode("utf-8", "replace")))


def read_query(form: dict[str, str]) -> tuple[ReceiptRequest, str]:
    """The requisites and the shape of the request.

    Raises:
        KeyError, ValueError, InvalidOperation: they are missing or invalid.
    """
    if "qrraw" in form:
        found = dict(parse_qsl(form["qrraw"]))
        return _receipt_query(found["fn"], found["i"], found["fp"], found["t"], found["s"], found["n"]), "qrraw"
    shape = "fields_seconds" if len(form["t"]) == len("20240917T180100") else "fields"
    return _receipt_query(*(form[name] for name in ("fn", "fd", "fp", "t", "s", "n"))), shape


def _receipt_query(*found: str) -> ReceiptRequest:
    fn, fd, fp, at, total, operation = found
    return ReceiptRequest(fn, int(fd), int(fp), _parse_time(at.upper()), int(Decimal(total) * 100), int(operation))


def _parse_time(text: str) -> datetime:
    for form in TIMES:
        try:
            return datetime.strptime(text, form)  # noqa: DTZ007 - a shop's wall time
        except ValueError:
            continue
    raise ValueError(text)


def _build_response(code: int, form: dict[str, str], receipt: dict[str, Any] | None = None) -> Response[bytes]:
    """The code, the data, and the request without its token."""
    manual = {
        "fn": form.get("fn", ""),
        "fd": form.get("fd", ""),
        "fp": form.get("fp", ""),
        "check_time": form.get("t", ""),
        "type": form.get("n", ""),
        "sum": form.get("s", ""),
    }
    body = {
        "code": code,
        "first": 0,
        "data": {"json": receipt, "html": "<p>receipt</p>"} if receipt is not None else TEXTS.get(code, ""),
        "request": {"qrurl": "", "qrfile": "", "qrraw": form.get("qrraw", ""), "manual": manual},
    }
    return Response(msgspec.json.encode(body), status_code=200, media_type="application/json")
