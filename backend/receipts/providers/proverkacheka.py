"""proverkacheka.com: a form with a token; HTTP 200 whatever comes of it, and a code from 0 to 5."""

from urllib.parse import urlencode

import msgspec
from httpx2 import AsyncClient

from backend.receipts.providers import exchange
from backend.receipts.providers.answers import Answer, ProviderSettings, Question, Result
from backend.receipts.providers.exchange import Reply, Trouble

PATH = "/api/v1/check/get"
SHAPES = ("fields", "qrraw", "fields_seconds")  # what one shape does not find, another may
RESULTS: dict[int, Result] = {
    0: "bad_request",
    1: "found",
    2: "not_yet",
    3: "limit",
    4: "limit",  # wait before repeating
    5: "unavailable",
}


class Proverkacheka:
    """A client; the receipt's own tries decide the shape of the request."""

    def __init__(self, settings: ProviderSettings) -> None:
        self.settings = settings
        self.client: AsyncClient = exchange.open_client()

    async def ask(self, question: Question) -> Answer:
        """Ask for a receipt, within one timeout; trouble is an answer, too."""
        shape = SHAPES[question.attempt % len(SHAPES)]
        # The token goes in the body: an address would be written into logs on the way.
        form = urlencode({"token": self.settings.token} | fields(question, shape)).encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        try:
            reply = await exchange.post(self.client, self.settings, PATH, headers=headers, content=form)
            return judged(reply, shape)
        except Trouble as trouble:
            return trouble.answer(self.settings, shape=shape, spent=1)

    async def close(self) -> None:
        await self.client.aclose()


def fields(question: Question, shape: str) -> dict[str, str]:
    """The form without the token; `s` is in rubles."""
    if shape == "qrraw":
        return {"qrraw": question.canonical}
    return {
        "fn": question.fn,
        "fd": str(question.fd),
        "fp": str(question.fp),
        "t": question.at.strftime("%Y%m%dT%H%M%S" if shape == "fields_seconds" else "%Y%m%dT%H%M"),
        "n": str(question.operation),
        "s": f"{question.total // 100}.{question.total % 100:02}",
        "qr": "0",
    }


def judged(reply: Reply, shape: str) -> Answer:
    """What an answer means.

    Raises:
        Trouble: it is none of the documented ones. That goes for an empty body, too: the service sends one when
            fields are missing, and we send all of them.
    """
    if reply.status != 200:
        raise Trouble(f"http_{reply.status}", reply.status)
    if not reply.body.strip():
        raise Trouble("empty", reply.status)
    try:
        answer = msgspec.json.decode(reply.body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Trouble("garbage", reply.status) from error
    code = answer.get("code") if isinstance(answer, dict) else None
    if not isinstance(code, int) or isinstance(code, bool) or code not in RESULTS:
        raise Trouble("garbage", reply.status)
    if code == 5:
        raise Trouble("5", reply.status)
    receipt = _receipt(answer.get("data"), reply) if code == 1 else None
    return Answer(RESULTS[code], receipt, str(code), reply.status, shape)


def _receipt(found: object, reply: Reply) -> object:
    """`data.json` of a success; elsewhere `data` is a text, which says nothing that the code does not."""
    receipt = found.get("json") if isinstance(found, dict) else None
    if not isinstance(receipt, dict):
        raise Trouble("garbage", reply.status)
    return receipt
