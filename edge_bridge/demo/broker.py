"""The demo's MQTT broker as a process: listens on one port, says `ready PORT`, ends with its input or SIGTERM.

amqtt keeps sessions in memory only. A broker in a plant keeps the platform's subscription on disk, so that what gateways
send while the platform is still away reaches it later. Here the doorkeeper stands in for that disk: after a start, the
gateway is let in once the platform listens again.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
import warnings
from collections.abc import Sequence
from typing import Any

PLATFORM = "central-platform"  # the subscriber's client id
HOST = "127.0.0.1"


async def serve(port: int) -> None:
    """Serve until standard input ends or SIGTERM comes."""
    from edge_bridge.demo.doorkeeper import PlainBroker

    plugins: dict[str, Any] = {"edge_bridge.demo.doorkeeper.Doorkeeper": {}}
    listeners: dict[str, Any] = {"default": {"type": "tcp", "bind": f"{HOST}:{port}", "max_connections": 50}}
    broker = PlainBroker({"listeners": listeners, "plugins": plugins})
    await broker.start()
    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader()
    pipe, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    loop.add_signal_handler(signal.SIGTERM, lines.feed_eof)
    print(f"ready {port}", flush=True)
    while await lines.readline():
        pass
    pipe.close()
    await broker.shutdown()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the broker."""
    parser = argparse.ArgumentParser(prog="python -m edge_bridge.demo.broker", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="TCP port on 127.0.0.1")
    arguments = parser.parse_args(argv)
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    asyncio.run(serve(arguments.port))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
