"""The configuration folder: a good one becomes a Config; a bad one names every problem of every file at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_bridge import config
from edge_bridge.clock import SystemClock
from edge_bridge.config import Config
from edge_bridge.domain.plant import Judge
from edge_bridge.domain.version import Match, Scheme
from edge_bridge.errors import ConfigError, ConfigErrors

SITE = """site: s-1
gateway: edge-01
timezone: Asia/Shanghai
mqtt: {url: 'mqtts://broker:8883'}
store: {path: var/e.db}
"""
PLC = """adapter: modbus
name: Lathe 7
area: mc-2
host: 127.0.0.1
zero_based: true
registers: {main_program: {address: 1, type: uint16}}
"""
PLM = """adapter: plm_folder
path: plm
columns: {number: No, status: State}
status: {released: [Released]}
"""
FILES = {"edge-bridge.yaml": SITE, "adapters/lathe-07.yaml": PLC, "adapters/plm.yaml": PLM}


MILL = """adapter: opcua
profile: sinumerik
endpoint: opc.tcp://10.0.0.1
security: None
allow_insecure: true
"""
LOGIN = "username: edge\npassword_credential: mill\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small valid site in `site`, named relative to where a technician stands."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    for name, text in FILES.items():
        write(Path("site"), name, text)
    return Path("site")


def write(folder: Path, name: str, text: str) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")


def load(folder: Path) -> Config:
    return config.load(folder, SystemClock())


def problems(folder: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(folder)
    return str(caught.value).splitlines()


def warnings(folder: Path) -> list[str]:
    return [str(warning) for warning in load(folder).warnings]


def test_the_sample_site() -> None:
    """The site that ships is valid as it stands, without a warning."""
    found = load(Path(__file__).parents[2] / "config")
    assert set(found.plant.machines) == {"dmu50-01", "lathe-07"}
    assert set(found.plant.sources) == {"plm"}
    assert found.warnings == ()


def test_a_small_site(folder: Path) -> None:
    """What is not said has the documented default."""
    found = load(folder)
    plant = found.plant
    assert (plant.limit, plant.skew_tolerance, plant.unreachable_after) == (900_000, 120_000, 600_000)
    assert (plant.escalate_after, plant.repeat_every) == (900_000, 14_400_000)
    assert (found.language, found.root, found.timezone) == ("en", "edge-bridge", "Asia/Shanghai")
    assert {party.id: party.cards for party in plant.parties.values()} == {
        "design_supervisor": None,
        "cell_leader": None,
        "it_operations": None,
    }
    assert (found.mqtt.client_id, found.mqtt.window, found.mqtt.reconnect_max) == ("edge-01", 100, 5000)
    assert (found.mqtt.host, found.mqtt.port, found.mqtt.tls) == ("broker", 8883, True)
    assert (found.store.retain, found.store.max_size) == (90 * 86_400_000, 2 * 10**9)
    assert found.store.path == Path.cwd() / "site/var/e.db"
    assert found.warnings == ()


def test_a_path_beside_the_configuration_is_written_without_detour(folder: Path, tmp_path: Path) -> None:
    """`..` goes up from where the folder really is, also when a link leads to it, and no message shows it."""
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "elsewhere" / "link"
    link.symlink_to(folder.resolve())
    write(folder, "edge-bridge.yaml", SITE.replace("var/e.db", "../var/x.db"))
    assert load(link).store.path == folder.resolve().parent / "var" / "x.db"


def test_machines_carry_their_own_rules(folder: Path) -> None:
    """A controller's file says how its readings are judged."""
    more = "judge: active\nnames: exact\nscheme: letters\nmatch: exact\nskipped_letters: IO\naliases: {'-': initial}\nevery: 5s\n"
    write(folder, "adapters/lathe-07.yaml", PLC.replace("main_", "active_") + more)
    machine = load(folder).plant.machines["lathe-07"]
    assert (machine.name, machine.area, machine.every, machine.judge) == ("Lathe 7", "mc-2", 5000, Judge.ACTIVE)
    assert machine.exact_names
    assert (machine.rule.scheme, machine.rule.match) == (Scheme.LETTERS, Match.EXACT)
    assert (machine.rule.aliases, machine.rule.skipped_letters) == ({"-": "initial"}, "IO")


def test_sources_take_zone_and_quarantine_from_the_site(folder: Path) -> None:
    """A PLM file without them gets the plant's zone and a folder beside the database; its own words win."""
    options = load(folder).adapters["plm"].options.model_dump()
    assert (options["timezone"], options["quarantine"]) == ("Asia/Shanghai", Path.cwd() / "site/var/quarantine")
    assert options["language"] == "en"
    write(folder, "edge-bridge.yaml", FILES["edge-bridge.yaml"] + "language: zh-CN\n")
    assert load(folder).adapters["plm"].options.model_dump()["language"] == "zh-CN"
    write(folder, "adapters/plm.yaml", PLM + "timezone: Europe/Berlin\nquarantine: aside\n")
    options = load(folder).adapters["plm"].options.model_dump()
    assert (options["timezone"], options["quarantine"]) == ("Europe/Berlin", Path.cwd() / "site/aside")


def test_a_missing_folder_and_a_missing_file(folder: Path) -> None:
    """The first thing that can go wrong says what to type."""
    assert problems(Path("nowhere")) == [
        "configuration nowhere: there is no such folder → name the folder with --config DIR"
    ]
    assert problems(folder / "edge-bridge.yaml") == [
        "configuration site/edge-bridge.yaml: is not a folder → name the folder with --config DIR"
    ]
    (folder / "edge-bridge.yaml").unlink()
    assert problems(folder) == [
        "site/edge-bridge.yaml:1:1: the file is missing → create it, or name its folder with --config"
    ]


def test_every_problem_of_every_file_at_once(folder: Path) -> None:
    """A technician mends all files in one round; one bad adapter does not hide the next."""
    write(folder, "edge-bridge.yaml", SITE + "limit: 15\n")
    write(folder, "adapters/lathe-07.yaml", PLC.replace("host:", "hots:"))
    write(folder, "adapters/mill.yaml", "adapter: opc-ua\n")
    write(folder, "adapters/plm.yaml", "a: 1\na: 2\n")
    write(folder, "routes.yaml", "- match: {part: 'A*'}\n  machines: [lathe-70]\n")
    found = problems(folder)
    assert [line.split(": ")[0] for line in found] == [
        "site/edge-bridge.yaml:6:1",
        "site/adapters/lathe-07.yaml:4:1",
        "site/adapters/mill.yaml:1:1",
        "site/adapters/plm.yaml:2:1",
        "site/routes.yaml:2:14",
    ]


SITE_PROBLEMS = {
    "site: S 1": "an id has 1 to 40 of the characters a-z 0-9 -",
    "timezone: Mars/Base": "`timezone`: not a time zone of the tz database (found 'Mars/Base')",
    "language: de": "`language` cannot be 'de' → one of 'en' or 'zh-CN'",
    "limit: 0s": "`limit` cannot be '0s' → at least 1s",
    "root: a/+/b": "`root`: not the start of a topic",
    "cards: {escalate: 5m}": "unknown key `escalate` → did you mean `escalate_after`?",
    "parties: {boss: {cards: [overdu]}}": "`parties.boss.cards` cannot be 'overdu' → one of 'overdue'",
    "parties: {The Boss: {}}": "a party's name has 1 to 40 of the characters a-z 0-9 _ -",
    "parties: {boss: {card: [overdue]}}": "unknown key `card` → did you mean `cards`?",
    "mqtt: {url: 'mqtts://h', delivery: receipt}": (
        "`mqtt.delivery`: `receipt` is not in this release (found 'receipt') → write `delivery: puback`, or remove the line"
    ),
    "mqtt: {url: 'http://h'}": "`mqtt.url`: not a broker's address (found 'http://h') → such as mqtts://broker:8883",
    "mqtt: {url: 'mqtts://h:0'}": "`mqtt.url`: not a broker's address",
    "mqtt: {url: 'mqtts://h:99999'}": "`mqtt.url`: the port is not a number from 1 to 65535",
    "mqtt: {url: 'mqtts://me:pw@h'}": "`mqtt.url`: no name or password in the address → use `username:`",
    "mqtt: {}": "`mqtt.url` is missing → add it: mqtts://host:port; mqtt:// is not encrypted",
    "mqtt: {url: 'mqtts://h', ca: nowhere.pem}": "nowhere.pem (found 'nowhere.pem') → put it there, or correct the path",
    "mqtt: {url: 'mqtts://h', version: 4}": "`mqtt.version` cannot be '4' → one of 'auto', '5' or '3.1.1'",
    "mqtt: {url: 'mqtts://h', window: 0}": "`mqtt.window` cannot be '0' → at least 1",
    "mqtt: {url: 'mqtts://h', key_credential: k}": "`mqtt.key_credential`: credential 'k' not found",
    "store: {path: x.db, retain: 5m}": "`store.retain` cannot be '5m' → at least 1h",
    "store: {path: x.db, max_size: 2}": "`store.max_size`: a size needs a number and a unit",
    "store: {}": "`store.path` is missing → add it",
}


@pytest.mark.parametrize("line", SITE_PROBLEMS)
def test_refused_in_the_site_file(folder: Path, line: str) -> None:
    """Each wrong setting is one problem, in its line, with a fix."""
    key = line.split(":")[0]
    kept = [other for other in SITE.splitlines() if not other.startswith(f"{key}:")]
    write(folder, "edge-bridge.yaml", "\n".join([*kept, line]) + "\n")
    (found,) = problems(folder)
    assert found.startswith(f"site/edge-bridge.yaml:{len(kept) + 1}:")
    assert SITE_PROBLEMS[line] in found
    assert " → " in found


def test_a_credential_is_never_shown(folder: Path) -> None:
    """An address with a password in it is refused without repeating it."""
    write(folder, "edge-bridge.yaml", SITE.replace("mqtts://broker", "mqtts://me:hunter2@broker"))
    assert "hunter2" not in "".join(problems(folder))


@pytest.mark.parametrize(
    ("name", "fix"),
    [
        ("gateway", "rename it: this id is the gateway's own"),
        ("DMU 50", "rename it to dmu-50.yaml"),
        ("x" * 41, "rename it to x"),
    ],
)
def test_file_names_are_ids(folder: Path, name: str, fix: str) -> None:
    """A file whose name cannot be part of a topic is refused with a name that can."""
    write(folder, f"adapters/{name}.yaml", PLM)
    (found,) = problems(folder)
    assert found.startswith(f"site/adapters/{name}.yaml:1:1: the file name '{name}' cannot be an id → {fix}")


def test_an_adapter_file_without_adapter(folder: Path) -> None:
    """The installed adapters are listed."""
    write(folder, "adapters/mill.yaml", "name: x\n")
    (found,) = problems(folder)
    assert found.startswith(
        "site/adapters/mill.yaml:1:1: `adapter` is missing → add `adapter: NAME`; installed: modbus"
    )


def test_two_machines_with_one_name(folder: Path) -> None:
    """A name that could mean either of two is refused where it stands."""
    write(folder, "adapters/lathe-08.yaml", PLC.replace("Lathe 7", "LATHE-07"))
    assert problems(folder) == [
        "site/adapters/lathe-08.yaml:2:1: `name`: 'LATHE-07' is also lathe-07 → give each its own"
    ]


def test_warnings_do_not_stop_it(folder: Path) -> None:
    """What works, though perhaps not as meant, is said once each."""
    write(
        folder,
        "edge-bridge.yaml",
        SITE.replace("mqtts:", "mqtt:") + "parties:\n  boss: {cards: [overdue], areas: [mc-9]}\n",
    )
    write(folder, "adapters/old.yml", PLM)
    write(folder, "route.yaml", "")
    found = warnings(folder)
    assert found[0] == (
        "site/edge-bridge.yaml:4:8: `mqtt.url`: broker is reached without encryption, passwords too → use mqtts://"
    )
    assert found[1].startswith("site/edge-bridge.yaml:6:1: no party lists outdated_program_running, reverted,")
    assert found[2] == "site/edge-bridge.yaml:7:36: no machine stands in area 'mc-9' → known: mc-2"
    assert found[3] == "site/route.yaml:1:1: this file is not read → rename it to routes.yaml"
    assert found[4] == "site/adapters/old.yml:1:1: this file is not read → rename it to old.yaml"
    assert len(found) == 5


@pytest.mark.parametrize(("login", "count"), [("", 0), ("username: edge\n", 0), (LOGIN, 1)])
def test_a_password_without_encryption_is_warned_of(folder: Path, login: str, count: int) -> None:
    """Agreed to with `allow_insecure`, but not necessarily thought of."""
    credential = folder / "credentials" / "mill"
    credential.parent.mkdir(exist_ok=True)
    credential.write_text("secret", encoding="utf-8")
    credential.chmod(0o400)
    write(folder, "adapters/mill-01.yaml", MILL + login)
    expected = (
        "site/adapters/mill-01.yaml:7:1: with `security: None` whoever is in between may learn this password → "
        "use an account of the control that may only read"
    )
    assert warnings(folder) == [expected] * count


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1.2.3", "[::1]"])
def test_the_own_computer_needs_no_encryption(folder: Path, host: str) -> None:
    """Loopback gives no warning."""
    write(folder, "edge-bridge.yaml", SITE.replace("mqtts://broker", f"mqtt://{host}"))
    assert warnings(folder) == []


def test_an_empty_plant(folder: Path) -> None:
    """A site without machines and sources starts, and says so."""
    for file in (folder / "adapters").iterdir():
        file.unlink()
    assert [text.split(": ", 1)[1] for text in warnings(folder)] == [
        "no machine is configured → add a file for it to site/adapters",
        "no ECN source is configured → add a file for it to site/adapters",
    ]


def test_the_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """--config wins; else the installed folder where there is one; else ./config."""
    assert config.folder_for("x") == Path("x")
    monkeypatch.setattr("edge_bridge.config.folder.INSTALLED", tmp_path / "none")
    assert config.folder_for(None) == Path("config")
    monkeypatch.setattr("edge_bridge.config.folder.INSTALLED", tmp_path)
    assert config.folder_for(None) == tmp_path


def test_problems_are_configuration_errors(folder: Path) -> None:
    """They carry the exit code on which systemd must not restart."""
    write(folder, "edge-bridge.yaml", "x: 1\n")
    with pytest.raises(ConfigErrors) as caught:
        load(folder)
    assert caught.value.exit_code == 78
