"""proverkacheka.com: a form with a token; the response is always HTTP 200 with a code from 0 to 5."""

from urllib.parse import urlencode

import msgspec
from httpx2 import AsyncClient

from backend.earning.receipts.providers import exchange
from backend.earning.receipts.providers.exchange import ProviderError, Reply
from backend.earning.receipts.providers.queries import ProviderAnswer, ProviderResult, ProviderSettings, ReceiptQuery

PATH = "/api/v1/check/get"
SHAPES = ("fields", "qrraw", "fields_seconds")  # a receipt that one shape does not find may be found by another
RESULTS: dict[int, ProviderResult] = {
    0: "bad_request",
    1: "found",
    2: "not_yet",
    3: "limit",
    4: "limit",  # wait before repeating
    5: "unavailable",
}


class ProverkachekaProvider:
    """A client; the receipt's retries decide the shape of the request."""

    def __init__(self, settings: ProviderSettings) -> None:
        self.settings = settings
        self.client: AsyncClient = exchange.open_client()

    async def find_receipt(self, query: ReceiptQuery) -> ProviderAnswer:
        """Query a receipt, within one timeout; a failure is an answer too."""
        shape = SHAPES[query.attempt % len(SHAPES)]
        # The token is in the body, because addresses are logged on the way.
        form = urlencode({"token": self.settings.token} | form_fields(query, shape)).encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        try:
            reply = await exchange.post(self.client, self.settings, PATH, headers=headers, content=form)
            return read_answer(reply, shape)
        except ProviderError as error:
            return error.to_answer(self.settings, shape=shape, spent=1)

    async def close(self) -> None:
        await self.client.aclose()


def form_fields(query: ReceiptQuery, shape: str) -> dict[str, str]:
    """The form without the token; `s` is in rubles."""
    if shape == "qrraw":
        return {"qrraw": query.canonical}
    return {
        "fn": query.fn,
        "fd": str(query.fd),
        "fp": str(query.fp),
        "t": query.at.strftime("%Y%m%dT%H%M%S" if shape == "fields_seconds" else "%Y%m%dT%H%M"),
        "n": str(query.operation),
        "s": f"{query.total // 100}.{query.total % 100:02}",
        "qr": "0",
    }


def read_answer(reply: Reply, shape: str) -> ProviderAnswer:
    """Read a response.

    Raises:
        Trouble: it is not a documented response. An empty body is an error too: the service sends one if fields are
            missing, and we send all of them.
    """
    if reply.status != 200:
        raise ProviderError(f"http_{reply.status}", reply.status)
    if not reply.body.strip():
        raise ProviderError("empty", reply.status)
    try:
        answer = msgspec.json.decode(reply.body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ProviderError("garbage", reply.status) from error
    code = answer.get("code") if isinstance(answer, dict) else None
    if not isinstance(code, int) or isinstance(code, bool) or code not in RESULTS:
        raise ProviderError("garbage", reply.status)
    if code == 5:
        raise ProviderError("5", reply.status)
    receipt = _read_receipt(answer.get("data"), reply) if code == 1 else None
    return ProviderAnswer(RESULTS[code], receipt, str(code), reply.status, shape)


def _read_receipt(found: object, reply: Reply) -> object:
    """`data.json` of a success; otherwise `data` is a text that adds nothing to the code."""
    receipt = found.get("json") if isinstance(found, dict) else None
    if not isinstance(receipt, dict):
        raise ProviderError("garbage", reply.status)
    return receipt
