"""A real daemon in a process of its own, and a client that shares no code with it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import bson
import msgpack
import pytest
from websockets.sync.client import ClientConnection, connect

START_SECONDS_MAX = 60.0
ANSWER_SECONDS_MAX = 20.0

ENCODERS: dict[str, Callable[[Any], bytes | str]] = {
    "ZenithJson": json.dumps,
    "ZenithMsgPack": msgpack.packb,
    "ZenithBson": bson.encode,
}
DECODERS: dict[str, Callable[[Any], Any]] = {
    "ZenithJson": json.loads,
    "ZenithMsgPack": msgpack.unpackb,
    "ZenithBson": bson.decode,
}


class Client:
    """A subscriber on the public `websockets` library; counts nothing, hides nothing."""

    def __init__(self, url: str, protocol: str = "ZenithJson", **options: Any) -> None:
        self._context = ExitStack()
        self.socket: ClientConnection = self._context.enter_context(
            connect(url, subprotocols=[protocol], max_size=None, compression=None, **options)
        )
        assert self.socket.subprotocol == protocol
        self.protocol = protocol
        self.backlog: list[dict[str, Any]] = []
        self.transaction = 0
        self.answer_seconds_max = ANSWER_SECONDS_MAX

    def send(self, **container: Any) -> None:
        self.socket.send(ENCODERS[self.protocol](container))

    def receive(self, timeout: float = ANSWER_SECONDS_MAX) -> dict[str, Any]:
        data = self.socket.recv(timeout=timeout)
        assert isinstance(data, str) == (self.protocol == "ZenithJson")
        message: dict[str, Any] = DECODERS[self.protocol](data)
        check_container(message)
        return message

    def wait_for(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The next message, or one put aside before, that fits; others are put aside."""
        for index, message in enumerate(self.backlog):
            if wanted(message):
                return self.backlog.pop(index)
        deadline = time.monotonic() + self.answer_seconds_max
        while time.monotonic() < deadline:
            message = self.receive(deadline - time.monotonic())
            if wanted(message):
                return message
            self.backlog.append(message)
        raise TimeoutError

    def ask(self, controller: str, topic: str, data: Any = None) -> tuple[Any, list[Any]]:
        """Send a request; return the Data of its reply (None without) and the errors before it."""
        self.transaction += 1
        number = self.transaction
        container: dict[str, Any] = {"Controller": controller, "Topic": topic, "TransactionID": number}
        if data is not None:
            container["Data"] = data
        self.send(**container)
        errors = []
        while True:
            message = self.wait_for(lambda one: one.get("TransactionID") == number)
            assert (message["Controller"], message["Topic"]) == (controller, topic)
            if message.get("Action") != "Error":
                return message.get("Data"), errors
            errors.append(message["Data"])

    def log_in(self, user: str = "demo", password: str = "demo") -> dict[str, Any]:
        data = {"Provider": "BasicAuth", "ClientID": "test", "UserName": user, "Password": password}
        result, errors = self.ask("Auth", "AuthOwner", data)
        assert not errors
        return dict(result)

    def subscribe(self, topic: str, controller: str = "Market") -> list[Any]:
        """Subscribe; return the Data of the messages that came before the confirmation."""
        self.send(Controller=controller, Topic=topic, Action="Sub", Confirm=True)
        data: list[Any] = []
        while True:
            message = self.wait_for(lambda one: one.get("Topic") == topic)
            assert message.get("Action") != "Error", message
            if message.get("Action") == "Sub":
                assert message["Confirm"] is True
                return data
            data.append(message["Data"])

    def refused(self, topic: str, controller: str = "Market") -> str:
        """Subscribe to what must be refused; return the error code."""
        self.send(Controller=controller, Topic=topic, Action="Sub", Confirm=True)
        error = self.wait_for(lambda one: one.get("Topic") == topic)
        assert error["Action"] == "Error", error
        outcome = self.wait_for(lambda one: one.get("Topic") == topic)
        assert outcome["Action"] == "Sub"
        assert not outcome.get("Confirm")
        assert outcome["Data"] == error["Data"]
        return str(error["Data"])

    def next_data(self, topic: str) -> Any:
        return self.wait_for(lambda one: one.get("Topic") == topic and "Action" not in one)["Data"]

    def close(self) -> None:
        self._context.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def check_container(message: dict[str, Any]) -> None:
    """The rules of zenith-websocket 6.3 that hold for every message of a server."""
    assert isinstance(message["Controller"], str)
    assert message.get("Action") in (None, "Sub", "Unsub", "Error"), message
    for key in ("Action", "TransactionID", "Confirm"):
        assert key not in message or message[key] is not None
    assert set(message) <= {"Controller", "Topic", "Action", "TransactionID", "Data", "Confirm"}
    if message.get("Action") in ("Sub", "Unsub"):
        assert "TransactionID" not in message


class DaemonProcess:
    """`zenithd run` on a free port, with its state in a folder of its own."""

    program: tuple[str, ...] = ("-m", "zenithd", "run")
    """What Python is given, before the options."""
    stdin: int | None = None

    def __init__(self, folder: Path, config: str | None = None, **environment: str) -> None:
        self.folder = folder
        path = folder / "config.toml"
        if config is None:
            config = (Path(__file__).parents[2] / "config.toml").read_text()
        path.write_text(config)
        self.output = folder / "output.txt"
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, *self.program, "--config", str(path), "--listen", "127.0.0.1:0"],
                stdin=self.stdin,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **environment},
            )
        self.address = self._wait_listening()

    def _wait_listening(self) -> str:
        found = self.folder / "var" / "daemon.json"
        deadline = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise AssertionError(f"the daemon ended: {self.output.read_text()}")
            try:
                content = json.loads(found.read_text())
            except (FileNotFoundError, json.JSONDecodeError):
                content = {}
            if content.get("pid") == self.process.pid:
                return str(content["address"])
            time.sleep(0.02)
        raise AssertionError(f"the daemon did not listen: {self.output.read_text()}")

    @property
    def url(self) -> str:
        return f"ws://{self.address}/Zenith?version=2.0"

    def client(self, protocol: str = "ZenithJson", **options: Any) -> Client:
        return Client(self.url, protocol, **options)

    def get(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://{self.address}{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def wait_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline:
            status, body = self.get("/health/ready")
            if status == 200:
                return
            time.sleep(0.05)
        raise AssertionError(f"not ready: {body}")

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(30)

    def text(self) -> str:
        return self.output.read_text()

    def __enter__(self) -> DaemonProcess:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(30)


@pytest.fixture(scope="session")
def demonstration(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaemonProcess]:
    """The shipped configuration, running and ready; shared by the tests of a session."""
    with DaemonProcess(tmp_path_factory.mktemp("demonstration")) as daemon:
        daemon.wait_ready()
        yield daemon
