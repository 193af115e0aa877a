"""Attacks with an account, a staff session or a page's token: bombs, costly pictures, quotas, reservations."""

import io
import random
import threading
import time
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta, timezone

import qrcode
from httpx2 import Client

from bench.attack import payloads
from bench.attack.target import Honest, Target
from scanning.codes import symbols

ABUSERS, THREADS = 4, 20
HONEST_P95_SECONDS = 0.3
GUESSES = 200
RECEIPTS = 100
BASKET = [{"line": 1, "name": "x", "quantity": 1, "amount": 100}]


def bombs(target: Target, scale: float) -> str:
    """Workbooks, pictures and PDFs that unpack to much more than they weigh; the API's memory stays in its bound."""
    client = target.client()
    staff, agent = target.staff(client), target.agent(client)
    before, most, slowest = target.memory_mb(), 0.0, 0.0
    files = {
        ("POST", "/v1/console/products/import", name): (content, staff)
        for name, content in payloads.workbooks(int(5_000_000 * scale)).items()
    }
    files |= {("PUT", "/v1/scans/{}", name): (content, agent) for name, content in payloads.pictures().items()}
    for (method, path, name), (content, headers) in files.items():
        body, kind = payloads.form(content)
        begun = time.perf_counter()
        answer = target.send(
            client, method, path.format(uuid.uuid4()), content=body, headers=headers | {"Content-Type": kind}
        )
        slowest = max(slowest, time.perf_counter() - begun)
        most = max(most, target.memory_mb() - before)
        target.insist(answer is None or answer.status_code != 200 or "pictures" not in name, f"{name} was accepted")
    target.insist(most < 300, f"bombs cost the API {most:.0f} MB")
    return f"{len(files)} files, the slowest {slowest:.1f} s, the API grew by {most:.0f} MB at most"


def abusive_accounts(target: Target, scale: float) -> str:
    """Four accounts send costly PDFs from 20 connections while an honest phone scans texts and pictures."""
    callers = [target.client() for _ in range(ABUSERS)]
    headers = [target.agent(client) for client in callers]
    body, kind = payloads.form(payloads.pdf())
    over = threading.Event()

    def abuse(number: int) -> None:
        client = Client(base_url=target.base, timeout=60, transport=callers[number % ABUSERS]._transport)  # noqa: SLF001
        while not over.is_set():
            target.send(
                client,
                "PUT",
                f"/v1/scans/{uuid.uuid4()}",
                content=body,
                headers=headers[number % ABUSERS] | {"Content-Type": kind},
            )

    threads = [threading.Thread(target=abuse, args=(number,), daemon=True) for number in range(THREADS)]
    honest = Honest(target)
    photo = honest_pictures(target, honest)
    for thread in threads:
        thread.start()
    honest.start()
    seconds, unread = send_photos(photo, max(6, 25 * scale))
    over.set()
    honest.over.set()
    for thread in threads:
        thread.join(70)
    p95, requests, refused = honest.take_results()
    target.insist(p95 < HONEST_P95_SECONDS, f"the honest phone waited {p95 * 1000:.0f} ms (p95) beside abuse")
    target.insist(refused == 0, f"{refused} of the honest phone's requests were turned away")
    target.insist(unread == 0, f"{unread} of {len(seconds)} honest pictures were not read")
    return (
        f"honest p95 {p95 * 1000:.0f} ms over {requests} requests, {len(seconds)} pictures, "
        f"the slowest {max(seconds):.2f} s"
    )


def send_photos(send: Callable[[], bool], duration_seconds: float) -> tuple[list[float], int]:
    """Send pictures one after the other: the seconds that each needed, and how many were not read."""
    end = time.monotonic() + duration_seconds
    seconds, unread = [], 0
    while time.monotonic() < end:
        begun = time.perf_counter()
        unread += not send()
        seconds.append(time.perf_counter() - begun)
        time.sleep(2.2)  # a phone may send 30 pictures a minute
    return seconds, unread


def honest_pictures(target: Target, honest: Honest) -> Callable[[], bool]:
    """A function that sends a phone's JPEG of a package code and returns whether it was read."""
    out = io.BytesIO()
    qrcode.make(target.demo["package_codes"][0], box_size=12).get_image().convert("L").save(out, "JPEG")
    body, kind = payloads.form(out.getvalue())
    client = target.client("127.9.9.10")

    def send() -> bool:
        answer = target.send(
            client, "PUT", f"/v1/scans/{uuid.uuid4()}", content=body, headers=honest.headers | {"Content-Type": kind}
        )
        return answer is not None and answer.status_code == 200

    return send


def quotas(target: Target, _scale: float) -> str:
    """A fresh account guesses package codes and makes up receipts in one call each; both stop at its little credit."""
    client = target.client()
    agent = target.agent(client)
    guesses = [{"id": str(uuid.uuid4()), "text": _made_up_code()} for _ in range(GUESSES)]
    guessed = client.post("/v1/scans/batch", json={"scans": guesses}, headers=agent).json()["items"]
    tried = sum(row.get("reason") == "unknown_code" for row in guessed)
    made_up = [{"id": str(uuid.uuid4()), "text": _made_up_receipt()} for _ in range(RECEIPTS)]
    other = target.agent(target.client())
    waiting = client.post("/v1/scans/batch", json={"scans": made_up}, headers=other).json()["items"]
    pending = sum(row["status"] == "pending" for row in waiting)
    target.insist(tried <= 10, f"{tried} of {GUESSES} guesses in one call were answered")
    target.insist(pending <= 20, f"{pending} made-up receipts of a new account wait for a provider")
    return f"{tried} of {GUESSES} guesses answered, {pending} of {RECEIPTS} made-up receipts taken"


def page_tokens(target: Target, scale: float) -> str:
    """A visitor of a web shop's page guesses promo codes and reserves; other visitors and the shop's tills go on."""
    staff_client = target.client()
    staff = target.staff(staff_client)
    shop = staff_client.get("/v1/console/shops", headers=staff).json()["items"][0]["key"]
    made = staff_client.put(
        f"/v1/console/shops/{shop}/tills/page-{uuid.uuid4().hex[:6]}",
        headers=staff,
        json={"kind": "web", "origins": ["https://shop.example"]},
    )
    if made.status_code not in (200, 201):
        target.insist(False, f"a web till cannot be made: {made.text[:200]}")
        return "not tried"
    web = {"Authorization": f"Bearer {made.json()['token']}", "Origin": "https://shop.example"}
    bad, good = target.client(), target.client()
    right = {"codes": [target.demo["promo_code"]], "basket": BASKET}
    for _ in range(int(40 * max(scale, 0.5))):
        wrong = ["".join(random.choices("ACDEFGHJKMNPQRSTWXYZ", k=8)) for _ in range(10)]
        target.send(bad, "POST", "/v1/till/quotes", headers=web, json={"codes": wrong, "basket": BASKET})
    other = target.send(good, "POST", "/v1/till/quotes", headers=web, json=right)
    target.insist(other is not None and other.status_code == 200, "another visitor's quote was stopped")
    guessable = target.send(bad, "PUT", "/v1/till/reservations/cart-17", headers=web, json=right)
    target.insist(guessable is None or guessable.status_code >= 400, "a page reserved under an id that can be guessed")
    key = str(uuid.uuid4())
    target.send(
        good,
        "PUT",
        f"/v1/till/reservations/{key}",
        headers=web,
        json=right,
    )
    released = target.send(bad, "DELETE", f"/v1/till/reservations/{key}", headers=web)
    target.insist(released is None or released.status_code >= 400, "a visitor released another's reservation")
    shift = target.send(bad, "PUT", "/v1/till/shift", headers=web, json={"cashier": "a", "pin": "1234"})
    target.insist(shift is None or shift.status_code in (401, 403, 404), "cashiers' PINs can be tried from a page")
    sale = target.send(good, "PUT", f"/v1/till/sales/{uuid.uuid4()}", headers=target.till(), json=right)
    target.insist(sale is not None and sale.status_code == 200, "the shop's own till was stopped")
    return "other visitors and the shop's till were served"


def _made_up_code() -> str:
    body = "00" + "".join(random.choices(symbols.ALPHABET, k=13))
    return body + symbols.check_symbol(body)


def _made_up_receipt() -> str:
    at = datetime.now(timezone(timedelta(hours=3))) - timedelta(minutes=random.randrange(60, 600))
    return (
        f"t={at:%Y%m%dT%H%M}&s={random.randrange(100, 9000)}.00&fn=9960440{random.randrange(10**9):09}"
        f"&i={random.randrange(1, 10**5)}&fp={random.randrange(10**9, 4 * 10**9)}&n=1"
    )
