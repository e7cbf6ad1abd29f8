"""The adapter port: one suite over every adapter that an entry point names, whoever wrote it."""

from __future__ import annotations

import asyncio
import builtins
import importlib
import json
import os
import socket
from collections.abc import Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from edge_bridge import plugins, strict_yaml
from edge_bridge.clock import SystemClock
from edge_bridge.errors import ConfigError, ConfigErrors
from edge_bridge.options import AdapterOptions, ControllerOptions, ShareOptions, SourceOptions
from edge_bridge.ports import Adapter, AdapterFactory
from edge_bridge.strict_yaml import Section

KINDS = plugins.find().kinds


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """The word that `adapter:` uses."""
    found: str = request.param
    return found


@pytest.fixture
def factory(kind: str) -> AdapterFactory:
    """What the entry point names."""
    return plugins.find().factory(kind)


@pytest.fixture
def folder(kind: str) -> Path:
    """The adapter's own folder, with its sample and its README."""
    (point,) = entry_points(group=plugins.GROUP, name=kind)
    file = importlib.import_module(point.module).__file__
    assert file is not None
    return Path(file).parent


@pytest.fixture
def sample(folder: Path, tmp_path: Path) -> Section:
    """The sample's settings, in a configuration folder that holds every credential that they name."""
    section = strict_yaml.load(folder / "sample.yaml", tmp_path)
    secrets = tmp_path / "credentials"
    secrets.mkdir()
    for key, value in section.items():
        if key.endswith("_credential"):
            (secrets / value).write_text("secret")
            (secrets / value).chmod(0o400)
    return section


def build(factory: AdapterFactory, options: Mapping[str, Any]) -> Adapter:
    return factory("some-id", options, SystemClock())


def refused(factory: AdapterFactory, options: Mapping[str, Any]) -> list[ConfigError]:
    with pytest.raises(ConfigError) as caught:
        build(factory, options)
    error = caught.value
    return list(error.problems) if isinstance(error, ConfigErrors) else [error]


def test_the_shipped_adapters_are_found() -> None:
    """A suite over nothing would be green."""
    assert {"opcua", "modbus", "mtconnect", "plm_folder", "nc_folder"} <= set(KINDS)


def test_it_says_what_it_delivers_and_takes(factory: AdapterFactory) -> None:
    """Controllers share the controllers' options, ECN sources the sources'."""
    expected = {"readings": ControllerOptions, "ecns": SourceOptions, "programs": ShareOptions}
    assert issubclass(factory.Options, expected[factory.delivers])


def test_the_sample_is_valid(factory: AdapterFactory, sample: Section, kind: str) -> None:
    """What a technician copies works as it stands, is for this adapter, and is read as it looks."""
    adapter = build(factory, sample)
    assert isinstance(adapter.options, factory.Options)
    assert adapter.options.adapter == kind
    assert sample.doubts == []


def test_an_unknown_key_is_named_at_its_place(factory: AdapterFactory, sample: Section) -> None:
    """A misspelt setting is never ignored: key, file, line and fix."""
    sample["nmae"] = "x"
    sample.marks[("nmae",)] = (99, 1)
    (problem,) = refused(factory, sample)
    assert problem.key == ("nmae",)
    assert str(problem) == f"{sample.file}:99:1: unknown key `nmae` → did you mean `name`?"


def test_an_unknown_key_in_plain_options_is_named(factory: AdapterFactory, sample: Section) -> None:
    """The same without a file: the error carries the key."""
    assert ("nmae",) in [problem.key for problem in refused(factory, {**sample, "nmae": "x"})]


def required(factory: AdapterFactory) -> list[str]:
    return [name for name, field in factory.Options.model_fields.items() if field.is_required()]


def test_a_missing_setting_is_named(factory: AdapterFactory, sample: Section) -> None:
    """Each setting that has no default is asked for by name."""
    for name in required(factory):
        without = sample.replacing({})
        del without[name]
        keys = [problem.key for problem in refused(factory, without)]
        assert (name,) in keys, f"{name} was left out, and the problems were {keys}"


def test_a_value_of_the_wrong_kind_is_named(factory: AdapterFactory, sample: Section) -> None:
    """A list in place of each setting of the sample is refused by that key, or is a list that the setting may be."""
    for name in sample:
        wrong = sample.replacing({name: [["not", "this"]]})
        problems = refused(factory, wrong)
        assert any(problem.key[:1] == (name,) for problem in problems), f"{name}: {[str(one) for one in problems]}"
        assert all(problem.where for problem in problems)


def test_every_problem_says_what_to_do(factory: AdapterFactory, sample: Section) -> None:
    """No message without a fix."""
    for name in sample:
        for problem in refused(factory, sample.replacing({name: [["not", "this"]], "nmae": "x"})):
            assert problem.hint, f"no fix in: {problem}"


def test_building_one_touches_nothing(
    factory: AdapterFactory, sample: Section, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Checking options opens no socket, writes no file, makes no folder, starts no task: `check` runs on a live plant."""

    def forbidden(*_args: object, **_kept: object) -> Any:
        raise AssertionError("the factory touched the outside")

    reading = builtins.open

    def only_read(file: Any, mode: str = "r", *rest: Any, **kept: Any) -> Any:
        assert not set(mode) & set("wax+"), f"{file} was opened to write"
        return reading(file, mode, *rest, **kept)

    before = sorted(tmp_path.rglob("*"))
    monkeypatch.setattr(socket, "socket", forbidden)
    monkeypatch.setattr(socket, "create_connection", forbidden)
    monkeypatch.setattr(socket, "getaddrinfo", forbidden)
    monkeypatch.setattr(asyncio, "create_task", forbidden)
    monkeypatch.setattr(os, "mkdir", forbidden)
    monkeypatch.setattr(builtins, "open", only_read)
    build(factory, sample)
    build(factory, sample)
    assert sorted(tmp_path.rglob("*")) == before


def test_building_one_leaves_its_settings_alone(factory: AdapterFactory, sample: Section) -> None:
    """The same settings build the same adapter again: a reload compares them."""
    kept = repr(sample)
    assert build(factory, sample).options == build(factory, sample).options
    assert repr(sample) == kept


def test_its_readme_names_every_setting(factory: AdapterFactory, folder: Path) -> None:
    """What a file may say is said where a technician looks."""
    text = (folder / "README.md").read_text(encoding="utf-8")
    missing = [name for name in own(factory) if name not in text]
    assert missing == []


def test_its_sample_shows_every_setting(factory: AdapterFactory, folder: Path) -> None:
    """Each setting of its own stands in the sample, in use or as a comment."""
    text = (folder / "sample.yaml").read_text(encoding="utf-8")
    missing = [name for name in own(factory) if name not in text]
    assert missing == []


def own(factory: AdapterFactory) -> list[str]:
    """Return the settings that this adapter adds to what every file may say, and the required ones."""
    families = (AdapterOptions, ControllerOptions, SourceOptions, ShareOptions)
    shared = {name for family in families for name in family.model_fields}
    fields = factory.Options.model_fields
    return [name for name, field in fields.items() if name not in shared or field.is_required()]


def test_every_setting_is_described(factory: AdapterFactory) -> None:
    """The JSON Schema for editors, and the documents, are made from these descriptions."""
    undescribed = [name for name, field in factory.Options.model_fields.items() if not field.description]
    assert undescribed == []


def test_a_misspelt_profile_is_refused(factory: AdapterFactory, sample: Section) -> None:
    """Where an adapter has profiles, an unknown one is named with those that there are."""
    if "profile" not in factory.Options.model_fields:
        pytest.skip("this adapter has no profiles")
    (problem,) = refused(factory, sample.replacing({"profile": "no-such-profile"}))
    assert problem.key == ("profile",)
    assert "no-such-profile" in problem.what
    assert "generic" in problem.hint


def test_an_editor_can_be_given_its_schema(factory: AdapterFactory, folder: Path) -> None:
    """It can be made, takes the sample as plain YAML reads it, short forms too, and refuses what the adapter refuses."""
    schema = Draft202012Validator(factory.Options.model_json_schema())
    plain = json.loads(json.dumps(yaml.safe_load((folder / "sample.yaml").read_text(encoding="utf-8"))))
    assert [f"{error.json_path}: {error.message}" for error in schema.iter_errors(plain)] == []
    assert list(schema.iter_errors({**plain, "nmae": "x"}))
    if "every" in factory.Options.model_fields:
        assert list(schema.iter_errors({**plain, "every": "15"})), "a duration without a unit"
