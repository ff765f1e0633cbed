"""nats-server: its subscribers are the bench's, over WebSocket; we publish to it over TCP.

What the bench starts, pins to a processor and measures becomes the server itself, so that its CPU time is the
server's alone. The publisher is a process of its own beside it, which takes standard input; it is no child
of the server, whose children's time would count as the server's.

Run as `nats_peer.py SERVER TOPICS`.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from publisher import Publisher, done, listening, raise_file_limit

START_SECONDS = 20.0
CONFIGURATION = """
listen: "127.0.0.1:-1"
websocket {{ listen: "127.0.0.1:-1", no_tls: true, compression: false }}
ports_file_dir: "{folder}"
# Nobody is cut off for being slow, and nobody is asked whether it is alive.
max_connections: 1000000
max_pending: 1073741824
write_deadline: "60s"
ping_interval: "1h"
"""


def become_server(server: str, folder: Path) -> None:
    """Replace this program by the server, without the bench's pipes; does not return."""
    configuration = folder / "nats.conf"
    configuration.write_text(CONFIGURATION.format(folder=folder))
    os.dup2(os.open(os.devnull, os.O_RDWR), 0)
    os.dup2(0, 1)
    os.dup2(0, 2)
    os.execv(server, [server, "--config", str(configuration)])


def ports_of(process: int, folder: Path) -> tuple[int, int]:
    """Where the server listens: its own protocol, WebSocket."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        for file in folder.glob(f"*_{process}.ports"):
            try:
                ports = json.loads(file.read_text())
            except ValueError:
                continue  # not written to its end
            own, websocket = (int(ports[kind][0].rpartition(":")[2]) for kind in ("nats", "websocket"))
            return own, websocket
        time.sleep(0.01)
    sys.exit("nats-server did not start")


async def publish_to(port: int, websocket_port: int) -> None:
    """Connect as a publisher and obey."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await reader.readline()  # INFO
    writer.write(b'CONNECT {"verbose":false,"pedantic":false}\r\n')
    gathered = bytearray()

    def publish(topic: int, message: bytes) -> None:
        gathered.extend(b"PUB %05d %d\r\n%b\r\n" % (topic, len(message), message))

    async def send() -> None:
        writer.write(bytes(gathered))
        gathered.clear()
        await writer.drain()

    async def confirm() -> None:
        """The server answers when it has dealt with everything before."""
        writer.write(bytes(gathered) + b"PING\r\n")
        gathered.clear()
        while await reader.readline() != b"PONG\r\n":
            pass

    await confirm()
    listening(websocket_port)
    publisher = Publisher(publish, confirm, send, asyncio.sleep)
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    async for line in lines:
        await publisher.execute(line.decode())
        done()


def main() -> None:
    """Divide into server and publisher."""
    raise_file_limit()
    folder = Path(tempfile.mkdtemp(prefix="zenithd-bench-"))
    server, bench = os.getpid(), os.getppid()
    if os.fork():
        os.wait()
        become_server(sys.argv[1], folder)
    if os.fork():
        os._exit(0)
    try:
        os.sched_setaffinity(0, os.sched_getaffinity(bench))  # not on the server's processor
        port, websocket_port = ports_of(server, folder)
    finally:
        shutil.rmtree(folder)
    asyncio.run(publish_to(port, websocket_port))


main()
