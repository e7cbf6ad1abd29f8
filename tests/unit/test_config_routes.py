"""Routes: checked against the machines there are; a rule that can never decide is pointed out."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_bridge import config
from edge_bridge.clock import SystemClock
from edge_bridge.domain.version import Match, Scheme
from edge_bridge.errors import ConfigError
from tests.unit.test_config import FILES, write


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small valid site with one machine, `lathe-07`, called `Lathe 7`."""
    monkeypatch.chdir(tmp_path)
    for name, text in FILES.items():
        write(Path("site"), name, text)
    return Path("site")


def routes(folder: Path, text: str) -> config.Config:
    write(folder, "routes.yaml", text)
    return config.load(folder, SystemClock())


def test_a_full_route(folder: Path) -> None:
    """Every setting arrives; a machine's name becomes its id; one program needs no list."""
    text = (
        "- match: {part: 'EL-*', category: 'mould'}\n  machines: [LATHE 7, lathe-07]\n  program: '{part}.MPF'\n"
        "  version: '{revision}'\n  scheme: letters\n  match_version: exact\n  limit: 30m\n  stop_at_release: true\n"
    )
    (route,) = routes(folder, text).plant.routes
    assert route.match == {"part": "EL-*", "category": "mould"}
    assert (route.machines, route.program, route.version) == (("lathe-07",), ("{part}.MPF",), "{revision}")
    assert (route.scheme, route.match_version, route.limit) == (Scheme.LETTERS, Match.EXACT, 1_800_000)
    assert route.stop_at_release


@pytest.mark.parametrize("text", ["", "# none yet\n", "[]\n"])
def test_no_routes(folder: Path, text: str) -> None:
    """An empty file is no routes, as is none."""
    assert routes(folder, text).plant.routes == ()


REFUSED = {
    "- match: {part: x}\n  machines: [lathe-70]": "2:14: `machines`: no machine 'lathe-70' → did you mean 'lathe-07'?",
    "- match: {part: x}\n  machines: [zzz]": "2:14: `machines`: no machine 'zzz' → known here: lathe-07",
    "- match: {part: x}\n  machines: [plm]": (
        "2:14: `machines`: 'plm' is a folder, not a machine → name a machine's file in adapters/, or its `name:`"
    ),
    "- match: {part: x}\n  program: '{prat}.MPF'": "2:3: `program`: no field {prat} (found '{prat}.MPF') → did you mean {part}?",
    "- match: {part: x}\n  version: '{zzz}'": (
        "2:3: `version`: no field {zzz} (found '{zzz}') → known: {part}, {drawing}, {revision}, {category}"
    ),
    "- match: {part: x}\n  version: '{part.__class__}'": "2:3: `version`: no field {part.__class__}",
    "- match: {part: x}\n  program: '{part'": (
        "2:3: `program`: a brace without its other half (found '{part') → write fields as {part}"
    ),
    "- match: {part: x}\n  version: {revision}": "2:3: `version` cannot be this → put it in quotes: '{revision}'",
    "- match: {}": "1:3: `match`: says for which items the route is → such as part: '*' for all",
    "- machines: [lathe-07]": "1:3: `match` is missing → add it",
    "- match: {prt: x}": "1:11: unknown key `prt` → did you mean `part`?",
    "- match: {part: x}\n  limit: 15": "2:3: `limit`: a duration needs a number and a unit",
    "- match: {part: x}\n  schema: letters": "2:3: unknown key `schema` → did you mean `scheme`?",
    "- match: {part: x}\n  stop_at_release: yes": "2:3: `stop_at_release`: must be true or false",
    "match: {part: x}": "1:1: a list is expected here → start each entry with `- `",
    "- just text": "1:3: `entry` cannot be 'just text' → write `key: value` lines under it",
}


@pytest.mark.parametrize("text", REFUSED)
def test_refused(folder: Path, text: str) -> None:
    """Each wrong route is one problem at its place, with a fix."""
    with pytest.raises(ConfigError) as caught:
        routes(folder, text + "\n")
    (found,) = str(caught.value).splitlines()
    assert found.startswith(f"site/routes.yaml:{REFUSED[text]}")


def test_a_route_to_a_broken_machine_is_no_second_problem(folder: Path) -> None:
    """A file that cannot be read is still the machine that the route names."""
    write(folder, "adapters/mill.yaml", "adapter: modbus\nhost: [\n")
    with pytest.raises(ConfigError) as caught:
        routes(folder, "- match: {part: x}\n  machines: [mill]\n")
    assert [line.split(":")[0] for line in str(caught.value).splitlines()] == ["site/adapters/mill.yaml"]


def test_a_dead_route(folder: Path) -> None:
    """A rule whose every answer an earlier one gives first is pointed out."""
    body = "  machines: [lathe-07]\n  program: '{part}.MPF'\n  version: '{revision}'\n"
    found = routes(folder, f"- match: {{part: '*'}}\n{body}- match: {{part: 'A*', drawing: 'D*'}}\n{body}  limit: 5m\n")
    assert [str(warning) for warning in found.warnings] == [
        "site/routes.yaml:5:3: this route never decides anything: the one in line 1 comes first → remove one of them"
    ]


@pytest.mark.parametrize("other", ["program: 'X.MPF'", "version: '{drawing}'\n  program: 'Y.MPF'"])
def test_an_overlap_that_says_something_else_is_no_dead_route(folder: Path, other: str) -> None:
    """Two rules may match one item when they find different programs."""
    same = "- match: {part: 'A*'}\n  machines: [lathe-07]\n  "
    text = f"{same}program: '{{part}}.MPF'\n{same}{other}\n"
    assert routes(folder, text).warnings == ()


def test_a_rule_that_contradicts_an_earlier_one(folder: Path) -> None:
    """Two patterns that overlap, one program, two versions: who wrote it should know that the first one decides."""
    body = "  machines: [lathe-07]\n  program: '{part}.MPF'\n  version: "
    found = routes(folder, f"- match: {{part: 'A*'}}\n{body}'{{revision}}'\n- match: {{part: '*B'}}\n{body}'1'\n")
    assert [str(warning) for warning in found.warnings] == [
        "site/routes.yaml:5:3: this route and the one in line 1 give one program two versions; where both match, the first "
        "decides → put the special case first, or make the patterns narrower"
    ]


@pytest.mark.parametrize("special", ["A-17", "A-1*", "A-?7"])
def test_an_exception_before_the_general_rule_is_no_doubt(folder: Path, special: str) -> None:
    """That is how it is meant to be written; the other way round the exception never decides."""
    body = "  machines: [lathe-07]\n  program: '{part}.MPF'\n  version: "
    one, other = f"- match: {{part: '{special}'}}\n{body}'7'\n", f"- match: {{part: 'A-*'}}\n{body}'{{revision}}'\n"
    assert routes(folder, one + other).warnings == ()
    (warning,) = routes(folder, other + one).warnings
    assert "never decides anything" in str(warning)


def test_a_route_that_several_earlier_ones_make_pointless(folder: Path) -> None:
    """One rule decides on this machine, another one on that machine: for the third nothing is left."""
    write(folder, "adapters/mill.yaml", FILES["adapters/lathe-07.yaml"].replace("Lathe 7", "Mill"))
    body = "  program: '{part}.MPF'\n  version: '{revision}'\n"
    one = "".join(f"- match: {{part: 'A*'}}\n  machines: [{name}]\n{body}" for name in ("lathe-07", "mill"))
    found = routes(folder, f"{one}- match: {{part: 'A1'}}\n  machines: [mill, lathe-07]\n{body}")
    assert [str(warning) for warning in found.warnings] == [
        "site/routes.yaml:9:3: this route never decides anything: the one in line 5 comes first → remove one of them"
    ]


def test_a_route_that_says_nothing(folder: Path) -> None:
    """It matches, and leads to no machine, no program and no version; one that only sets a limit says something."""
    (warning,) = routes(folder, "- match: {part: 'A*'}\n- match: {part: 'B*'}\n  limit: 5m\n").warnings
    assert str(warning) == (
        "site/routes.yaml:1:3: this route leads nowhere → say machines, program or version, or remove it"
    )


def test_a_version_that_an_ecn_may_lack_leaves_something_to_decide(folder: Path) -> None:
    """Where no drawing is named the first rule gives no version and the second one decides: it must not be removed."""
    body = "  machines: [lathe-07]\n  program: '{part}.MPF'\n  version: "
    first, second = (
        f"- match: {{part: 'A*'}}\n{body}'{{drawing}}'\n",
        f"- match: {{part: 'A*'}}\n{body}'{{revision}}'\n",
    )
    assert [str(one) for one in routes(folder, first + second).warnings if "never decides" in str(one)] == []
    (warning,) = routes(folder, second + first).warnings
    assert "never decides anything" in str(warning)


@pytest.mark.parametrize("programs", [("program: o1.mpf", "program: O1.MPF"), ("limit: 5m", "limit: 6m")])
def test_one_program_in_two_spellings_or_named_by_the_ecn(folder: Path, programs: tuple[str, str]) -> None:
    """It is one program for the machine, and two versions of it."""
    one, other = programs
    text = f"- match: {{part: 'A*'}}\n  machines: [lathe-07]\n  version: '1'\n  {one}\n"
    text += f"- match: {{part: '*B'}}\n  machines: [lathe-07]\n  version: '2'\n  {other}\n"
    (warning,) = routes(folder, text).warnings
    assert "this route and the one in line 1 give one program two versions" in str(warning)


def test_patterns_that_cannot_meet_are_no_doubt(folder: Path) -> None:
    """No part is both."""
    body = "  machines: [lathe-07]\n  program: '{part}.MPF'\n  version: "
    assert routes(folder, f"- match: {{part: 'A*'}}\n{body}'1'\n- match: {{part: 'B?'}}\n{body}'2'\n").warnings == ()


def test_a_group_is_one_name_for_several_machines(folder: Path) -> None:
    """In routes, by id or by name, beside single machines; each machine counts once."""
    write(folder, "adapters/mill.yaml", FILES["adapters/lathe-07.yaml"].replace("Lathe 7", "Mill"))
    append(folder, "edge-bridge.yaml", "groups:\n  Turning: [Lathe 7, mill]\n")
    (route,) = routes(folder, "- match: {part: x}\n  machines: [mill, TURNING]\n").plant.routes
    assert route.machines == ("mill", "lathe-07")


GROUPS = {
    "groups: {lathe 7: [lathe-07]}": "`groups`: 'lathe 7' is also the machine 'lathe-07' → give the group a name of its own",
    "groups: {PLM: [lathe-07]}": "`groups`: 'PLM' is a folder → give the group a name of its own",
    "groups: {g: [lathe-07], G: [lathe-07]}": "`groups`: 'G' is also the group 'g' → give the group a name of its own",
    "groups: {plm: [lathe-07]}": "`groups`: 'plm' is a folder → give the group a name of its own",
    "groups: {g: []}": "`groups`: 'g' has no machine in it → name machines, or remove the group",
    "groups: {g: [lathe-70]}": "`groups.g`: no machine 'lathe-70' → did you mean 'lathe-07'?",
    "groups: {g: [plm]}": "`groups.g`: 'plm' is a folder, not a machine → name a machine's file in adapters/, or its `name:`",
}


@pytest.mark.parametrize("text", GROUPS)
def test_a_group_that_cannot_be_used(folder: Path, text: str) -> None:
    """Each is one problem at its place."""
    append(folder, "edge-bridge.yaml", text + "\n")
    with pytest.raises(ConfigError) as caught:
        config.load(folder, SystemClock())
    (found,) = str(caught.value).splitlines()
    assert found.startswith("site/edge-bridge.yaml:")
    assert found.endswith(GROUPS[text])


def append(folder: Path, name: str, text: str) -> None:
    write(folder, name, FILES[name] + text)
