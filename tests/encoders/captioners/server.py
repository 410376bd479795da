"""A server that speaks OpenAI's protocol with a tiny random model, and gets into any trouble.

`python -m tests.encoders.captioners.server` makes a tiny model, prints the server's address and
serves it; `--plain` answers with the digest of the first image instead, without a model.
`POST /trouble` sets `Trouble`, `GET /seen` tells what came.
"""

import argparse
import base64
import hashlib
import json
import os
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

Answer = Callable[[Sequence[bytes], dict[str, Any]], str]


@dataclass
class Trouble:
    """What goes wrong, with the first `times` requests (of the images `only`, where named).

    `status` comes with `headers` and `message`, or with everything that the request carried
    (`echo`); `body` is sent as it is, `choice` in place of the first choice; `breaks` ends the
    connection in mid-answer, `dies_after` that many answers ends the process. `slow_s` takes up to
    that long, by the image's digest (`uneven`), or exactly; `trickle` sends the answer in bits, one
    a fiftieth of a second; `stalls_after_s` sends a first bit so late, and then none for long.
    """

    times: int = 1 << 30
    only: Sequence[str] = ()
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    message: str = "in trouble"
    echo: bool = False
    body: str | None = None
    choice: dict[str, Any] | None = None
    model: str | None = None
    breaks: bool = False
    dies_after: int = 1 << 30
    slow_s: float = 0.0
    uneven: bool = False
    trickle: bool = False
    stalls_after_s: float = 0.0
    models: Any = None  # in place of the list of models
    models_status: int = 200


class Server(ThreadingHTTPServer):
    """Answers, counts and gets into trouble."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, port: int, model: str, answer: Answer) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.model, self.answer = model, answer
        self.trouble = Trouble()
        self.lock = threading.Lock()
        self.asked: list[dict[str, Any]] = []
        self.n_answered = self.now = self.most_at_once = 0

    def begin(self, asked: dict[str, Any]) -> Trouble:
        """Note a request; returns the trouble it meets."""
        with self.lock:
            self.asked.append(asked)
            self.now += 1
            self.most_at_once = max(self.most_at_once, self.now)
            met = self.trouble.times > 0 and (
                not self.trouble.only or asked["image"] in self.trouble.only
            )
            self.trouble.times -= met
            return self.trouble if met else Trouble()

    def end(self, trouble: Trouble) -> None:
        """Note that a request is about to be answered."""
        with self.lock:
            self.now -= 1
            self.n_answered += 1
            if self.n_answered > trouble.dies_after:
                os._exit(1)


class Handler(BaseHTTPRequestHandler):
    """The protocol's two paths and the two of the tests."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        server, trouble = self.server, self.server.trouble
        if self.path == "/seen":
            self.send({"asked": server.asked, "most_at_once": server.most_at_once})
        elif self.path != "/v1/models":
            self.send({"error": {"message": f"no path {self.path}"}}, 404)
        elif trouble.models_status != 200:
            self.send({"error": {"message": trouble.message}}, trouble.models_status)
        else:
            own = {"object": "list", "data": [{"id": server.model, "owned_by": "test"}]}
            self.send(own if trouble.models is None else trouble.models)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/trouble":
            self.server.trouble = Trouble(**body)
            self.send({})
        elif self.path != "/v1/chat/completions":
            self.send({"error": {"message": f"no path {self.path}"}}, 404)
        else:
            self.complete(body)

    def complete(self, body: dict[str, Any]) -> None:
        images = images_of(body)
        name = digest(images[0])
        settings = {key: value for key, value in body.items() if key != "messages"}
        asked = {"image": name, "n_images": len(images), "text": text_of(body), **settings}
        asked["authorization"] = self.headers["Authorization"]
        trouble = self.server.begin(asked)
        share = int(name[:2], 16) / 255 if trouble.uneven else 1
        time.sleep(trouble.slow_s * share)
        known = body["model"] == self.server.model
        caption = self.server.answer(images, body) if trouble.status == 200 and known else ""
        self.server.end(trouble)
        if not known:
            self.send({"error": {"message": f"no model {body['model']}"}}, 404)
        elif trouble.status != 200:
            self.fail(trouble, body)
        elif trouble.body is not None:
            self.send_text(trouble.body)
        else:
            choice = {"message": {"role": "assistant", "content": caption}, "finish_reason": "stop"}
            made = {
                "model": trouble.model or body["model"],
                "choices": [choice if trouble.choice is None else trouble.choice],
            }
            self.send_text(json.dumps(made), trouble=trouble)

    def fail(self, trouble: Trouble, body: dict[str, Any]) -> None:
        carried = {"headers": dict(self.headers), "body": str(body)[:1000]}
        message = json.dumps(carried) if trouble.echo else trouble.message
        self.send({"error": {"message": message}}, trouble.status, trouble.headers)

    def send(self, value: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self.send_text(json.dumps(value), status, headers)

    def send_text(
        self,
        text: str,
        status: int = 200,
        headers: dict[str, str] | None = None,
        *,
        trouble: Trouble | None = None,
    ) -> None:
        content, trouble = text.encode(), trouble or Trouble()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if trouble.breaks:
            content, self.close_connection = content[: len(content) // 2], True
        pause_s = 30.0 if trouble.stalls_after_s else 0.02
        in_bits = trouble.trickle or trouble.stalls_after_s
        time.sleep(trouble.stalls_after_s)
        for bit in [content[i : i + 1] for i in range(len(content))] if in_bits else [content]:
            self.wfile.write(bit)
            time.sleep(pause_s if in_bits else 0)


def images_of(body: dict[str, Any]) -> list[bytes]:
    """The images of a request, whose form is checked on the way."""
    parts = body["messages"][0]["content"]
    urls = [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]
    start = "data:image/jpeg;base64,"
    assert all(url.startswith(start) for url in urls)
    return [base64.b64decode(url.removeprefix(start), validate=True) for url in urls]


def text_of(body: dict[str, Any]) -> str:
    """The question, which comes after the images."""
    (message,) = body["messages"]
    assert message["content"][-1]["type"] == "text"
    return str(message["content"][-1]["text"])


def digest(image: bytes) -> str:
    """What an image is known by."""
    return hashlib.sha256(image).hexdigest()[:12]


def plain(images: Sequence[bytes], body: dict[str, Any]) -> str:
    """A caption that tells which images it is of."""
    return f"{digest(images[0])} and {len(images) - 1} more"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0: any that is free")
    parser.add_argument("--plain", action="store_true", help="digests in place of a model")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        answer = plain
        if not arguments.plain:
            from tests.encoders.captioners.tiny_answers import TinyModel  # noqa: PLC0415

            answer = TinyModel(Path(folder))
        server = Server(arguments.port, "tiny", answer)
        print(f"http://127.0.0.1:{server.server_port}/v1", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
