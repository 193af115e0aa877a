"""Every route with every credential, and thousands of broken bodies, from the committed description of the API."""

import json
import random
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from httpx2 import Client

from bench.attack.target import Target

DOCUMENT = json.loads((Path(__file__).parents[2] / "openapi" / "openapi.json").read_text("utf-8"))
METHODS = ("get", "put", "post", "delete")
# They end the very credential that the sweep goes on with.
LAST = {"/v1/me", "/v1/staff/sessions/current", "/v1/staff/me/password", "/v1/console/staff/{email}"}
BROKEN: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    0.0001,
    2**31,
    2**63,
    2**64,
    -(2**63) - 1,
    1e308,
    "",
    " ",
    "\0",
    "x" * 600_000,
    "𝟙" * 40,
    "\u202e",
    "٣",
    "0001-01-01",
    "9999-12-31T23:59:59Z",
    "2026-02-30",
    "NaN",
    [],
    [[]],
    {},
    {"a": {}},
    "'; --",
    "\\ud800",
    "../../etc",
    "{{7*7}}",
    "%00",
    "\u200b" * 9,
    "1e9",
    [None],
    "P1Y",
    "://",
    "١٢٣",
)


def operations() -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    """Method, path, the credential that it wants (empty: none), and the operation."""
    for path, found in DOCUMENT["paths"].items():
        for method in METHODS:
            if method in found:
                security = found[method].get("security") or [{}]
                yield method.upper(), path, next(iter(security[0]), ""), found[method]


def filled(path: str, operation: dict[str, Any]) -> str:
    """A path with the examples of its parameters, or a random id."""
    examples = {}
    for parameter in operation.get("parameters", []):
        if parameter.get("in") == "path":
            shown = parameter.get("examples") or parameter.get("schema", {}).get("examples") or {}
            values = [one.get("value") for one in shown.values()] if isinstance(shown, dict) else shown
            examples[parameter["name"]] = str(values[0]) if values else str(uuid.uuid4())
    return re.sub(r"\{(\w+)\}", lambda name: examples.get(name[1], str(uuid.uuid4())), path)


def body_of(operation: dict[str, Any]) -> Any:
    """The example of a JSON body; None where there is none."""
    media = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    examples = media.get("examples")
    return media.get("example", next(iter(examples.values()))["value"] if examples else None)


def credentials(target: Target, client: Client) -> dict[str, dict[str, str]]:
    """One of each kind that is right somewhere, and some that are right nowhere."""
    agent = target.agent(client)
    return {
        "none": {},
        "junk": {"Authorization": "Bearer " + "x" * 51},
        "basic": {"Authorization": "Basic YTpi"},
        "no token": {"Authorization": "Bearer"},
        "agent": agent,
        "till": target.till(),
        "staff": target.staff(client),
    }


def routes(target: Target, scale: float) -> str:
    """Every route with every credential: the wrong ones get 401 everywhere, the right one is tried on reads."""
    client = target.client()
    held, count, opened = credentials(target, client), 0, []
    listed = list(operations())
    for method, path, wants, operation in listed if scale >= 1 else random.sample(listed, int(len(listed) * 0.4)):
        for name, headers in held.items():
            if "stream" in path or (name == wants and method != "GET"):
                continue
            answer = target.send(client, method, filled(path, operation), headers=headers, json=body_of(operation))
            count += 1
            if wants and name != wants and answer is not None and answer.status_code not in (401, 404, 429, 503):
                opened.append(f"{method} {path} with {name}: {answer.status_code}")
    target.insist(not opened, f"routes that accepted: {opened[:5]}")
    return f"{count:,} calls over {len(listed)} routes"


def broken_bodies(target: Target, scale: float) -> str:
    """Bodies with one broken leaf, broken encodings, great depth, cut or doubled; with the right credential."""
    clients = [target.client() for _ in range(8)]
    held = credentials(target, clients[0])
    listed = [
        (method, path, wants, operation, body)
        for method, path, wants, operation in operations()
        if path not in LAST and (body := body_of(operation)) is not None
    ]
    wanted = int(10_000 * scale)
    for number in range(wanted):
        method, path, wants, operation, body = random.choice(listed)
        content = broken(body)
        headers = held[wants or "none"] | {"Content-Type": "application/json"}
        answer = target.send(clients[number % 8], method, filled(path, operation), content=content, headers=headers)
        if answer is not None and answer.status_code == 401 and wants:
            held = credentials(target, target.client())
    return f"{wanted:,} bodies over {len(listed)} routes"


def broken(body: Any) -> bytes:
    """A body with something wrong in it."""
    how = random.randrange(10)
    text = json.dumps(body, ensure_ascii=False)
    if how == 0:
        return text.encode("utf-16")
    if how == 1:
        return text.encode()[: random.randrange(len(text))]
    if how == 2:
        return (b"[" if random.random() < 0.5 else b'{"a":') * 100_000
    if how == 3 and isinstance(body, dict) and body:
        name = json.dumps(next(iter(body)))
        return f"{{{name}: 1, {text[1:]}".encode()
    if how == 4 and isinstance(body, dict):
        return json.dumps(body | {"brand_id": 1, "role": "owner", "__proto__": {}}).encode()
    return json.dumps(_with_broken_leaf(body)).replace('"\\\\ud800"', '"\\ud800"').encode()


def _with_broken_leaf(body: Any) -> Any:
    if isinstance(body, dict) and body and random.random() < 0.9:
        name = random.choice(list(body))
        return body | {name: _with_broken_leaf(body[name])}
    if isinstance(body, list) and body and random.random() < 0.9:
        place = random.randrange(len(body))
        return [_with_broken_leaf(one) if number == place else one for number, one in enumerate(body)]
    return random.choice(BROKEN)
