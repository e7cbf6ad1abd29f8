"""What the documents promise is there: links, make targets, commands with their options, and the same pages in Chinese."""

from __future__ import annotations

import re
import shlex
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_bridge import cli, config, plugins, strict_yaml
from edge_bridge.clock import SystemClock
from edge_bridge.errors import UsageError

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path
    for path in ROOT.rglob("*.md")
    if not {part for part in path.relative_to(ROOT).parts if part.startswith(".")} and "node_modules" not in path.parts
)
FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^\s*(?:edge-bridge|make)\b.*$", re.MULTILINE)
INLINE = re.compile(r"`((?:edge-bridge|make) [a-z][^`]*)`")


def name(path: Path) -> str:
    """Return the path as a reader knows it."""
    return path.relative_to(ROOT).as_posix()


def prose(page: Path) -> str:
    """Return a page without its code blocks."""
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def commands(program: str) -> Iterator[tuple[str, list[str]]]:
    """Return every command line of this program in the documents for users, with the page."""
    for page in PAGES:
        if not name(page).startswith(("README", "CONTRIBUTING", "CHANGELOG", "docs/")):
            continue
        text = page.read_text(encoding="utf-8")
        shell = [line for language, block in FENCE.findall(text) if language == "sh" for line in COMMAND.findall(block)]
        for line in [*shell, *INLINE.findall(FENCE.sub("", text))]:
            words = shlex.split(line, comments=True)
            if words[0] == program:
                yield name(page), words[1:]


def headings(page: Path) -> list[int]:
    """Return the levels of a page's headings, in order."""
    return [len(marks) for marks in re.findall(r"^(#+) ", prose(page), re.MULTILINE)]


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    """A link to a page that was moved is found here, not by a reader."""
    links = re.findall(r"\]\(([^)\s]+)\)", prose(page))
    relative = [link.split("#")[0] for link in links if "://" not in link and not link.startswith("#")]
    assert [link for link in relative if not (page.parent / link).exists()] == []


def test_every_make_target_is_there() -> None:
    """`make demo` and `make test` are the first thing that anyone types."""
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {(page, word) for page, words in commands("make") for word in words if word.isalpha() and word.islower()}
    assert {word for _, word in named} >= {"demo", "test"}
    assert {(page, word) for page, word in named if word not in targets} == set()


def test_every_command_is_one_that_exists() -> None:
    """No page sends a reader to a command that this release does not have."""
    named = {(page, words[0]) for page, words in commands("edge-bridge") if not words[0].startswith("-")}
    assert {word for _, word in named} >= {"run", "check", "status", "explain"}
    assert {(page, word) for page, word in named if word not in cli.COMMANDS} == set()


def test_the_first_machine_as_its_page_writes_it(tmp_path: Path) -> None:
    """Whoever copies the page's YAML has a configuration that starts."""
    page = (ROOT / "docs/how-to/first-machine.md").read_text(encoding="utf-8")
    yaml = [textwrap.dedent(block) for language, block in FENCE.findall(page) if language == "yaml"]
    site, machine, agent = yaml
    (tmp_path / "adapters").mkdir()
    (tmp_path / "credentials").mkdir()
    (tmp_path / "edge-bridge.yaml").write_text(site, encoding="utf-8")
    (tmp_path / "adapters/dmu50-01.yaml").write_text(machine, encoding="utf-8")
    (tmp_path / "adapters/integrex-04.yaml").write_text(agent, encoding="utf-8")
    secret = tmp_path / "credentials/dmu50-01"
    secret.write_text("secret", encoding="utf-8")
    secret.chmod(0o400)
    assert set(config.load(tmp_path, SystemClock()).plant.machines) == {"dmu50-01", "integrex-04"}


def test_every_promised_command_has_its_module() -> None:
    """What the help lists can be run."""
    assert set(cli.COMMANDS) - set(cli.available()) == set()


def test_every_command_line_can_be_typed_as_it_stands() -> None:
    """Each example parses with its options and arguments; nothing is run."""
    wrong = []
    for page, words in commands("edge-bridge"):
        example = words if len(words) > 1 or words[0].startswith("-") else [*words, "--help"]
        if words[0] in cli.available():
            try:
                cli._parsed(example)
            except UsageError as refused:
                wrong.append((page, words, str(refused)))
            except SystemExit as end:  # 0 for --help
                wrong += [(page, words, str(end))] if end.code else []
    assert wrong == []


def test_the_chinese_readme_has_every_part_of_the_english_one() -> None:
    """The same headings, the same commands, the same links."""
    english, chinese = ROOT / "README.md", ROOT / "README.zh-CN.md"
    assert headings(english) == headings(chinese)

    def examples(page: str) -> list[list[str]]:
        return [words for program in ("make", "edge-bridge") for found, words in commands(program) if found == page]

    def links(page: Path) -> list[str]:
        return [link for link in re.findall(r"\]\(([^)\s]+)\)", prose(page)) if not link.startswith("README")]

    assert examples("README.md") == examples("README.zh-CN.md")
    assert links(english) == links(chinese)


def test_every_decision_is_listed() -> None:
    """The list of decisions and the folder say the same."""
    folder = ROOT / "docs/decisions"
    listed = set(re.findall(r"\((\d{4}-[^)]+\.md)\)", (folder / "README.md").read_text()))
    assert listed == {path.name for path in folder.glob("[0-9]*.md")}


@pytest.mark.parametrize("record", sorted((ROOT / "docs/decisions").glob("[0-9]*.md")), ids=name)
def test_a_decision_is_short_and_says_what_it_costs(record: Path) -> None:
    """A record that nobody reads decides nothing."""
    text = record.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 60
    assert text.startswith(f"# {record.name[:4]} · ")


def test_every_dependency_has_its_line() -> None:
    """0008 names each library of pyproject.toml."""
    project = (ROOT / "pyproject.toml").read_text()
    lists = re.findall(r"^(?:dependencies|demo|dev) = \[(.*?)\]$", project, re.MULTILINE | re.DOTALL)
    wanted = {found.lower() for part in lists for found in re.findall(r'^\s*"([A-Za-z0-9-]+)', part, re.MULTILINE)}
    wanted |= {found.lower() for part in lists for found in re.findall(r'^"([A-Za-z0-9-]+)', part)}
    told = (ROOT / "docs/decisions/0008-dependencies.md").read_text().lower()
    assert len(wanted) > 20
    assert {library for library in wanted if not re.search(rf"\b{re.escape(library)}\b", told)} == set()


def test_no_placeholder_is_left() -> None:
    """Nothing that someone meant to fill in later."""
    unfinished = re.compile(r"\b(TODO|TBD|FIXME|XXX|lorem ipsum|example\.com)\b", re.IGNORECASE)
    assert [name(page) for page in PAGES if unfinished.search(page.read_text(encoding="utf-8"))] == []


def test_every_plm_as_its_page_writes_it(tmp_path: Path) -> None:
    """Each PLM's YAML in the how-to page is a configuration that loads, with a preset that is there."""
    page = (ROOT / "docs/how-to/connect-a-plm.md").read_text(encoding="utf-8")
    blocks = [block for language, block in FENCE.findall(page) if language == "yaml"]
    assert len(blocks) >= 6
    factory = plugins.find().factory("plm_folder")
    for number, block in enumerate(blocks):
        file = tmp_path / f"{number}.yaml"
        file.write_text(textwrap.dedent(block), encoding="utf-8")
        section = strict_yaml.load(file)
        assert section.doubts == []
        assert factory("plm", section, SystemClock()).options.model_dump()["preset"] == section["preset"]
