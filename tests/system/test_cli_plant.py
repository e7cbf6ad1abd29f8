"""The commands beside a running daemon: real controllers, a real broker, a real PLM folder."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from rich.cells import cell_len

from tests.integration.modbus_servers import PlcProcess, plc_process
from tests.integration.opcua_servers import OpcUaServer, running
from tests.system.site import DaemonProcess, Site, broker, now_text
from tests.system.terminal import Terminal, here
from tests.waiting import until_sync


class Plant:
    """The site with everything that runs in it."""

    def __init__(self, site: Site, daemon: DaemonProcess, mill: OpcUaServer, lathe: PlcProcess) -> None:
        self.site, self.daemon, self.mill, self.lathe = site, daemon, mill, lathe

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command in this process, which spares a second of imports; what it prints is the same."""
        return here(self.site, *words)

    def json(self, *words: str) -> Any:
        """Return what a command prints with `--json`."""
        return json.loads(self.run(*words, "--json").stdout)

    def card(self, kind: str) -> dict[str, Any]:
        """Return the open card of a kind."""
        return next(card for card in self.site.status()["cards"] if card["kind"] == kind)


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    """The mill has what ECN-1 demands, the lathe runs an old program (ECN-2), ECN-3 leads nowhere."""
    folder = tmp_path_factory.mktemp("plant")
    with broker(folder) as mqtt, running() as mill, plc_process() as lathe:
        site = Site(folder, broker=mqtt.url, limit="2s").machines(opcua=mill.endpoint, modbus=lathe.port)
        with site.daemon() as daemon:
            until_sync(lambda: all(machine["reachable"] for machine in site.status()["machines"]))
            site.released("ECN-1", "EL-100", "B")
            site.released("ECN-2", "SH-1", "B", ago_s=600)
            site.released("ECN-3", "XX-1", "B")
            mill.tell("run")
            lathe.say("run")
            until_sync(lambda: "overdue" in {card["kind"] for card in site.status()["cards"]})
            yield Plant(site, daemon, mill, lathe)


def test_status_says_the_worst_first(plant: Plant) -> None:
    """Trouble in one line at the top, then machines, obligations, cards, sources, buffer, broker; exit code 1."""
    done = plant.site.run("status")
    assert (done.returncode, done.stderr) == (1, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("plant-1/edge-01: running for ")
    assert lines[1].startswith("TROUBLE: platform: nobody subscribes edge-bridge/v1/plant-1/edge-01/evt/")
    for said in (
        "DMU 50 #1 dmu50-01, mc-1",
        "EL-100_OP10_B.MPF  B variable  running automatic",
        "1 violated",
        "Open obligations: 1",
        " over   violated  lathe-07  4711     B         A     ECN-2",
        "CRITICAL",
        "STOP 车床 7: it is running the old 4711",
        "ECN sources: plm: read",
        "Buffer: ",
        "Broker: connected to mqtt://127.0.0.1:",
        "Nobody subscribes",
    ):
        assert said in done.stdout
    assert "\x1b" not in done.stdout


def test_status_fits_a_small_terminal(plant: Plant) -> None:
    """Eighty columns are enough, wide characters counted as two."""
    terminal = Terminal(plant.site, "status", "--lang", "zh-CN")
    assert terminal.end() == 1
    assert "dmu50-01" in terminal.text
    assert max(cell_len(line) for line in terminal.text.splitlines()) <= 80
    assert b"\x1b[1;31m" in terminal.raw


def test_status_for_programs(plant: Plant) -> None:
    """The same as JSON: the daemon's own snapshot."""
    found = plant.json("status")
    assert found["running"] is True
    assert {machine["machine"] for machine in found["machines"]} == {"dmu50-01", "lathe-07"}
    assert found["troubles"].keys() == {"platform"}


def test_status_goes_on_until_interrupted(plant: Plant) -> None:
    """`--watch` shows it again and again, and Ctrl-C ends it quietly."""
    terminal = Terminal(plant.site, "status", "--watch")
    terminal.wait_for("running for ")
    drawn = terminal.text.count("dmu50-01")
    until_sync(lambda: (terminal.read(), terminal.text.count("dmu50-01") > drawn)[1], what="a second drawing")
    terminal.interrupt()
    assert terminal.end() == 0
    assert "Traceback" not in terminal.text


def test_watching_needs_a_terminal(plant: Plant) -> None:
    """In a pipe `--watch` is wrong usage, and says so."""
    assert plant.run("status", "--watch").returncode == 2


def test_explain_a_red_machine(plant: Plant) -> None:
    """What is required and where that stands, what was seen and how, the verdict, why, and what to do."""
    done = plant.run("explain", "车床 7")
    assert (done.returncode, done.stderr) == (1, "")
    for said in (
        "车床 7 (lathe-07), mc-2: RED",
        "required    version B, by ECN ECN-2 (released)",
        "plm: ECN-2.csv, line 2, file SHA-256 ",
        "time limit 2 s: due ",
        "seen        version A from version (variable); the control writes it on loading (bound: always); this one decided",
        "verdict     violated since ",
        "an older version than the ECN demands",
        "do          Load version B of 4711 on the machine.",
        "last match  never",
        "STOP 车床 7: it is running the old 4711",
    ):
        assert said in done.stdout, said
    assert done.stdout.index("CRITICAL") < done.stdout.index("  high  ")


def test_explain_a_green_machine(plant: Plant) -> None:
    """Green says how that is known, too: the variable counts because the program has run."""
    done = plant.run("explain", "dmu50-01")
    assert done.returncode == 0, done.stdout
    for said in (
        "GREEN",
        "/Channel/Parameter/R[u1,90] (variable); source time ",
        "the program has run since it was selected",
    ):
        assert said in done.stdout


def test_explain_in_chinese(plant: Plant) -> None:
    """The same in the other language, at eighty columns."""
    terminal = Terminal(plant.site, "explain", "ecn-2", "--lang", "zh-CN")
    assert terminal.end() == 1
    assert "变更单 ECN-2（已发布）：红" in terminal.text
    assert "请在机床上调入 4711 版本 B。" in terminal.text
    assert max(cell_len(line) for line in terminal.text.splitlines()) <= 80


def test_explain_an_ecn_that_leads_nowhere(plant: Plant) -> None:
    """Nothing is demanded of any machine, so it is not green; the row and the way out are named."""
    done = plant.run("explain", "ECN-3")
    assert done.returncode == 1
    assert "UNROUTED line 2: XX-1: no machine named and no route matches → add a route to routes.yaml" in done.stdout


def test_explain_something_unknown(plant: Plant) -> None:
    """The nearest names are offered, exit code 1."""
    done = plant.run("explain", "dmu50")
    assert done.returncode == 1
    assert done.stderr == "edge-bridge: no machine and no ECN is called 'dmu50' → did you mean: dmu50-01, DMU 50 #1?\n"


def test_explain_for_programs(plant: Plant) -> None:
    """The findings as data, with the obligation in the contract's words."""
    found = plant.json("explain", "lathe-07")
    assert (found["colour"], found["running"], found["blind"]) == ("red", True, None)
    (finding,) = found["findings"]
    assert (finding["reason"], finding["seen"], finding["required"]) == ("older", "A", "B")
    assert finding["obligation"]["evidence"]["ecn"]["row"] == "line 2"


def test_cards_with_the_line_to_type(plant: Plant) -> None:
    """The worst first, what to do, who has not acknowledged, and the very line that does it."""
    done = plant.run("cards")
    assert (done.returncode, done.stderr) == (1, "")
    worst, *_ = done.stdout.split("\n\n")[1:]
    lines = [line.strip() for line in worst.splitlines()]
    short = lines[0].split()[0]
    assert lines[0] == f"{short}  CRITICAL  STOP 车床 7: it is running the old 4711"
    assert lines[-1] == f"edge-bridge ack {short} --party cell_leader --by NAME"
    assert plant.card("outdated_program_running")["card_id"].startswith(short)


def test_acknowledging_is_not_mending(plant: Plant) -> None:
    """Who, which card, and that the condition still holds; the card names the person then."""
    card = plant.card("overdue")["card_id"]
    done = plant.run("ack", card[:8], "--party", "cell_leader", "--by", "王磊", "--comment", "loading B")
    assert (done.returncode, done.stderr) == (0, "")
    assert "王磊 acknowledged " in done.stdout
    assert "acknowledged is not fixed" in done.stdout
    assert "acknowledged for cell_leader: 王磊, " in plant.run("cards").stdout
    assert plant.card("overdue")["acks"]["cell_leader"]["comment"] == "loading B"


def test_acknowledging_what_needs_no_more_closes(plant: Plant) -> None:
    """A card of the intake is closed by being seen; then only `--all` shows it."""
    plant.site.released("ECN-4", "YY-1", "B")
    until_sync(lambda: plant.card("unrouted")["ecn_count"] == 2)
    card = plant.card("unrouted")["card_id"]
    done = plant.run("ack", card, "--party", "it_operations", "--by", "Li")
    assert "the card is closed" in done.stdout
    everything = plant.json("cards", "--all")["cards"]
    assert {one["card_id"]: one["state"] for one in everything}[card] == "closed"
    assert card not in {one["card_id"] for one in plant.json("cards")["cards"]}


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (
            ("zzzz", "--party", "cell_leader", "--by", "Li"),
            1,
            "no open card begins with 'zzzz' → see: edge-bridge cards",
        ),
        (("CARD",), 2, "which party? Add --party design_supervisor|cell_leader|it_operations"),
        (("CARD", "--party", "cell_leader"), 2, "who are you? Add --by NAME"),
        (("CARD", "--party", "boss", "--by", "Li"), 1, "Not acknowledged: unknown party 'boss'"),
        (("CARD", "--party", "it_operations", "--by", "Li", "--revision", "99"), 1, "revision 99 does not exist"),
    ],
)
def test_what_cannot_be_acknowledged(plant: Plant, words: tuple[str, ...], code: int, said: str) -> None:
    """Each refusal says what is missing; nothing is recorded."""
    card = plant.card("overdue")["card_id"]
    done = plant.run("ack", *(card if word == "CARD" else word for word in words))
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr
    assert "it_operations" not in plant.card("overdue")["acks"]


def test_dry_run_of_a_file(plant: Plant) -> None:
    """Every row, its route, what would turn red, what leads nowhere; nothing of it is recorded."""
    file = plant.site.folder / "draft.csv"
    released = now_text()
    rows = [
        f"E-90,已发布,{released},EL-100,C",
        f"E-90,已发布,{released},QQ-1,C",
        "E-91,批准,,SH-1,D",
        "E-92,编制中,,SH-1,D",
    ]
    file.write_text("\n".join(["number,status,released,part,revision", *rows]) + "\n", encoding="utf-8")
    done = plant.run("ecn", str(file))
    assert (done.returncode, done.stderr) == (1, "")
    for said in (
        "Read as source plm (the only one configured)",
        "ECN E-90: released (已发布)",
        "DMU 50 #1 (dmu50-01): EL-100_OP10_B.MPF version C, routes.yaml, line 1 (part: EL-*)",
        "WOULD TURN RED: it has B (read ",
        "UNROUTED: no machine named and no route matches",
        "UNKNOWN STATUS '批准'",
        "would not be in force: ECN-2 (version B) rules",
        "1 would turn red, 0 green, 0 not known; 1 item(s) unrouted, 1 unknown status, 0 unreadable",
    ):
        assert said in done.stdout, said
    assert plant.run("explain", "E-90").returncode == 1


def test_dry_run_of_a_large_file(plant: Plant) -> None:
    """It says that it takes a while, shows what somebody must look at, and counts the rest."""
    file = plant.site.folder / "large.csv"
    rows = [f"E-L{number},已发布,{now_text()},EL-{number},C,{'x' * 1000}" for number in range(201)]
    rows.append(f"E-LOST,已发布,{now_text()},QQ-1,C,")
    file.write_text("\n".join(["number,status,released,part,revision,note", *rows]) + "\n", encoding="utf-8")
    done = plant.run("ecn", str(file))
    assert "this is a lot and takes a while" in done.stdout
    assert "ECN E-LOST: released" in done.stdout
    assert "… and 201 more ECNs, counted below; --json lists them all" in done.stdout
    assert len(done.stdout.splitlines()) < 20


def test_dry_run_of_a_bad_file(plant: Plant) -> None:
    """Unreadable: where, what, and what to do, in the reader's language."""
    file = plant.site.folder / "bad.csv"
    file.write_text("nr;x\n1;2\n")
    done = plant.run("ecn", str(file), "--lang", "zh-CN")
    assert done.returncode == 1
    assert "无法读取：bad.csv：第 1 行：缺少列 `number`；文件中的列：nr, x → 请在配置中写明" in done.stdout


def test_dry_run_of_the_folder_itself(plant: Plant) -> None:
    """Held already: it says so, and what holds now."""
    found = plant.json("ecn", str(plant.site.plm / "ECN-2.csv"))
    assert (found["source"], found["source_chosen"], found["ok"]) == ("plm", "folder", True)
    (ecn,) = found["files"][0]["ecns"]
    assert ecn["same"] is True
    assert [(one["machine"], one["outlook"], one["seen"]) for one in ecn["demands"]] == [("lathe-07", "red", "A")]


def test_a_machine_with_thousands_of_programs(plant: Plant) -> None:
    """What is selected and wrong comes first; the quiet rest is a number, unless it is asked for."""
    released = now_text()
    rows = [
        {"number": "E-MANY", "status": "已发布", "released": released, "version": "B", "machines": "lathe-07"}
        | {"program": f"P{number}"}
        for number in range(2000)
    ]
    plant.site.ecn("many.csv", *rows)
    until_sync(lambda: plant.site.status()["obligations_open"] > 2000, within=30)
    until_sync(lambda: plant.site.status()["machines"][1]["unverifiable"] == 2000, within=30)
    done = plant.run("explain", "lathe-07")
    assert "4711 on 车床 7 (lathe-07): RED" in done.stdout
    assert "2000 further requirements (2000 not selected): edge-bridge explain lathe-07 --all" in done.stdout
    assert len(done.stdout.splitlines()) < 60
    assert plant.site.status()["obligations"][0]["verdict"] == "violated"


def test_what_was_never_seen_is_not_green(plant: Plant) -> None:
    """None of an ECN's programs was selected since: no fault, and no proof either."""
    done = plant.run("explain", "E-MANY")
    assert done.returncode == 1
    assert done.stdout.startswith("ECN E-MANY (released): AMBER\n")
    assert "Not confirmed everywhere: 2000 program(s)" in done.stdout


def test_another_program_is_no_excuse(plant: Plant) -> None:
    """The lathe selects something else: the old program stays red until its version is seen."""
    plant.lathe.say("load 99")
    until_sync(lambda: plant.site.status()["machines"][1]["main_program"] == "99")
    done = plant.run("explain", "lathe-07")
    assert done.returncode == 1
    assert "another program is selected: 99" in done.stdout
    assert "Load version B of 4711 before it is selected again." in done.stdout


def test_a_machine_that_is_away(plant: Plant) -> None:
    """Not reachable is never green, and the controller's own words are there."""
    plant.mill.kill()
    until_sync(lambda: plant.site.status()["machines"][0]["reachable"] is False, within=20)
    done = plant.run("explain", "dmu50-01")
    assert done.returncode == 1
    assert "DMU 50 #1 (dmu50-01), mc-1: AMBER" in done.stdout
    assert "NOT REACHABLE since " in done.stdout
    assert "As last seen: DMU 50 #1 (dmu50-01) has the required version." in done.stdout


def test_after_the_daemon_ended(plant: Plant) -> None:
    """No daemon: every command says so first, shows what the database holds, and nothing is green."""
    plant.daemon.kill()
    status = plant.run("status")
    assert status.returncode == 1
    assert status.stdout.startswith("edge-bridge is NOT RUNNING here")
    assert "not watched; last seen " in status.stdout
    assert "Open obligations: " in status.stdout
    cards = plant.run("cards")
    assert (cards.returncode, cards.stdout.splitlines()[0]) == (
        1,
        "edge-bridge is not running: this is what the database holds",
    )
    explain = plant.run("explain", "dmu50-01")
    assert explain.returncode == 1
    assert "GREEN" not in explain.stdout
    ack = plant.run("ack", "a", "--party", "cell_leader", "--by", "Li")
    assert (ack.returncode, ack.stdout) == (1, "")
    assert "edge-bridge is not running here → start it" in ack.stderr
