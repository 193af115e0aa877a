"""A brand's own system: a small server that stores requests and responds as a test demands."""

import contextlib
import ssl
import threading
import time
from collections import deque
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

from standardwebhooks import Webhook

from backend.notifications.webhooks import http_delivery


class Got(NamedTuple):
    """A received request."""

    path: str
    headers: dict[str, str]
    body: bytes

    def verified(self, secret: str) -> dict:
        """Its content, if it is signed with a secret."""
        return Webhook(secret).verify(self.body, self.headers)


class Receiver:
    """Received requests, and the statuses of the next responses; 200 when none is left."""

    def __init__(self, host: str) -> None:
        self.host = host
        self.port = 0
        self.got: list[Got] = []
        self.answers: deque[int] = deque()
        self.seconds = 0.0  # before each answer
        self.hold = threading.Event()  # no answer while it is clear
        self.hold.set()
        self.long = b"ok"
        self.retry_after = ""
        self.at_once = self.most_at_once = 0
        self.guard = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}/hook?brand=1"

    @property
    def ids(self) -> list[str]:
        return [one.headers["webhook-id"] for one in self.got]

    def answer(self, got: Got) -> int:
        with self.guard:
            self.got.append(got)
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            status = self.answers.popleft() if self.answers else 200
        time.sleep(self.seconds)
        self.hold.wait(http_delivery.TIMEOUT_SECONDS)
        with self.guard:
            self.at_once -= 1
        return status


@contextlib.contextmanager
def receiving(host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """A receiver on a free port for as long as the block lasts."""
    receiver = Receiver(host)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status = receiver.answer(Got(self.path, headers, body))
            with contextlib.suppress(OSError):  # the sender may have gone
                self.send_response(status)
                self.send_header("Location", "/elsewhere")
                if receiver.retry_after:
                    self.send_header("Retry-After", receiver.retry_after.encode().decode("latin-1"))
                self.end_headers()
                self.wfile.write(receiver.long)

        def log_message(self, *arguments: object) -> None:
            """Nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, *arguments: object) -> None:
            """A sender that refuses the certificate or disconnects early is no error."""

    server = Server((host, 0), Handler)
    receiver.port = server.server_address[1]
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
