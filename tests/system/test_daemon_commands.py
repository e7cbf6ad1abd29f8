"""Commands, as the platform and people at the gateway give them: carried out once, answered always."""

from __future__ import annotations

import os
import socket
import stat
from contextlib import suppress
from pathlib import Path

from edge_bridge import control
from tests.system.plant import PREFIX, plant
from tests.waiting import until_sync


def test_commands_by_mqtt_and_by_the_socket(tmp_path: Path) -> None:
    """ack, waive and replay: done once, refused with a reason, repeated word by word for the same id."""
    with plant(tmp_path, opcua=False, limit="3s") as here:
        here.reachable("lathe-07")
        here.scanned()
        assert here.plc
        assert here.platform
        here.site.released("ECN-1", "SH-1", "B")
        here.heard("obligation.verdict", verdict="violated")
        card = until_sync(lambda: here.cards("overdue", active=True))[0]
        assert (here.retained(f"card/{card['card_id']}") or {})["active"] is True

        ack = {"id": "a-1", "card_id": card["card_id"], "revision": 1, "party": "cell_leader", "by": "Li Wei"}
        assert "unknown party" in here.command("ack", ack | {"id": "a-0", "party": "canteen"})["reason"]
        assert "no open card" in here.command("ack", ack | {"id": "a-00", "card_id": "none"})["reason"]
        assert "does not exist" in here.command("ack", ack | {"id": "a-000", "revision": 9})["reason"]
        assert here.command("ack", ack) == {"id": "a-1", "ok": True, "reason": ""}
        assert here.command("ack", ack) == {"id": "a-1", "ok": True, "reason": ""}
        assert (
            "`by`"
            in here.command("ack", {"id": "a-2", "card_id": "x", "revision": 1, "party": "cell_leader"})["reason"]
        )
        assert "expired" in here.command("ack", ack | {"id": "a-3", "expires": "2020-01-01T00:00:00Z"})["reason"]
        assert here.command("open-the-door", {"id": "x-1"})["ok"] is False
        here.delivered()
        assert len(here.events("card.acknowledged")) == 1
        assert here.cards("overdue", active=True)[0]["acks"]["cell_leader"]["by"] == "Li Wei"  # seen is not fixed

        # the severity rises after somebody looked: the old revision is refused
        here.plc.say("run")
        running = until_sync(lambda: here.cards("outdated_program_running", active=True))[0]
        assert running["severity"] == "critical"

        # the same through the control socket, from the shop PC; and the id is remembered over a restart
        again = here.site.ask({"do": "command", "verb": "ack", "payload": ack})
        assert again == {"id": "a-1", "ok": True, "reason": ""}
        here.process.kill()
        here.process.start()
        assert here.site.ask({"do": "command", "verb": "ack", "payload": ack})["ok"] is True
        other = ack | {"id": "a-4", "party": "it_operations"}
        assert here.site.ask({"do": "command", "verb": "ack", "payload": other})["ok"] is True

        # a waiver excludes what is pending, and is on record
        here.site.released("ECN-2", "SH-1", "C")
        pending = here.heard("obligation.opened", ecn="ECN-2")
        waive = {"id": "w-1", "obligation": pending["obligation"], "by": "Zhang", "reason": "last part of the batch"}
        assert here.command("waive", waive)["ok"] is True
        assert here.heard("obligation.closed", ecn="ECN-2")["verdict"] == "excluded"
        assert here.command("waive", waive | {"id": "w-2"})["ok"] is False
        assert "zone" in here.command("waive", waive | {"id": "w-3", "until": "2030-01-01"})["reason"]

        # a retained command would come again at each connect
        refused = here.command("ack", ack | {"id": "a-5"}, retain=True)
        here.platform.publish(f"{PREFIX}/cmd/ack", b"", retain=True)
        assert refused["ok"] is True or "retained" in refused["reason"]
        here.platform.publish(f"{PREFIX}/cmd/ack", ack | {"id": "a-6"}, retain=True)
        here.process.kill()
        before = len(here.consumer.answers)
        here.process.start()
        until_sync(lambda: [a for a in here.consumer.answers[before:] if a["id"] == "a-6"], what="a refusal")
        assert any("retained" in a["reason"] for a in here.consumer.answers[before:])
        here.platform.publish(f"{PREFIX}/cmd/ack", b"", retain=True)

        # replay sends the same bytes again: duplicates that can be recognised
        here.delivered()
        duplicates = here.consumer.duplicates
        assert here.command("replay", {"id": "r-1", "from": 1, "to": 5})["ok"] is True
        until_sync(lambda: here.consumer.duplicates == duplicates + 5)
        assert here.command("replay", {"id": "r-2", "from": 10**9, "to": 10**9 + 1})["ok"] in (True, False)
        assert here.command("health", {"id": "h-1"})["ok"] is True
        here.delivered()


def test_the_socket_itself(tmp_path: Path) -> None:
    """For the service's user and group only; nonsense is answered, or hung up on, and others go on."""
    with plant(tmp_path, online=False, opcua=False, modbus=False) as here:
        path = control.socket_path(here.site.database)
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o660
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            line.settimeout(10)
            line.connect(str(path))
            for nonsense in (b"{\n", b"[]\n", b'{"do": "dance"}\n', b"[" * 5000 + b"\n", b'{"do": ["x"]}\n'):
                line.sendall(nonsense)
                assert b'"error"' in line.recv(65536)
            command = b'{"do": "command", "verb": "ack", "payload": {"id": 5}}\n'
            line.sendall(command)
            assert b'"ok": false' in line.recv(65536)
            assert here.site.status()["pid"] == here.process.pid  # beside an open connection
            with suppress(ConnectionError):  # a line without an end: it hangs up
                line.sendall(b"x" * (2 << 20))
                assert line.recv(65536) == b""
        assert here.site.status()["pid"] == here.process.pid
        assert here.process.stop() == 0
        assert not path.exists()
