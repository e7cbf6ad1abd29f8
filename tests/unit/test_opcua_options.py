"""Settings of an OPC UA machine: what is refused, with which key, and how profile and site become one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from adapters.opcua import profile
from adapters.opcua.adapter import OpcUaAdapter
from adapters.opcua.options import NodesOptions, OpcUaOptions
from edge_bridge.clock import SystemClock
from edge_bridge.domain.reading import Execution, Mode
from edge_bridge.errors import ConfigError
from edge_bridge.options import Secret, read_options
from edge_bridge.strict_yaml import load
from tests.certificates import make

LEAST: dict[str, Any] = {
    "adapter": "opcua",
    "profile": "sinumerik",
    "endpoint": "opc.tcp://10.0.0.1",
    "security": "None",
    "allow_insecure": "true",
}


USER = {"user_certificate": "/user.der", "user_key_credential": Secret("key")}
USER_BESIDE = {**USER, "username": "edge"}


def build(**changed: Any) -> OpcUaAdapter:
    """Return an adapter; a setting that is None is left out."""
    options = {key: value for key, value in {**LEAST, **changed}.items() if value is not None}
    return OpcUaAdapter("m1", options, SystemClock())


def settings(**changed: Any) -> profile.Settings:
    """Return what profile and site make together."""
    options = build(**changed).options
    return profile.settle(profile.read(options.profile), options)


@pytest.mark.parametrize(
    ("changed", "key", "hint"),
    [
        ({"security": None, "allow_insecure": None}, ("pki",), "pki: pki"),
        ({"security": "Basic256Sha256"}, ("pki",), "pki: pki"),
        ({"security": "Basic128Rsa15"}, ("security",), "Basic256Sha256"),
        ({"security": "Basic256", "allow_insecure": "true"}, ("security",), "Basic256Sha256"),
        ({"security_mode": "None"}, ("security_mode",), "SignAndEncrypt"),
        ({"user_certificate": "/user.der"}, ("user_certificate",), "user_key_credential"),
        ({"user_key_credential": Secret("key")}, ("user_key_credential",), "user_certificate"),
        (USER_BESIDE, ("user_certificate",), "one of them"),
        ({**USER, "user_key_credential": Secret("key")}, ("user_certificate",), "security: None"),
        ({"allow_insecure": "false"}, ("security",), "allow_insecure: true"),
        ({"endpoint": "http://10.0.0.1"}, ("endpoint",), "opc.tcp"),
        ({"endpoint": "opc.tcp://:4840"}, ("endpoint",), "opc.tcp"),
        ({"endpoint": "opc.tcp://u:p@10.0.0.1"}, ("endpoint",), "username"),
        ({"endpoint": "opc.tcp://10.0.0.1:x"}, ("endpoint",), "opc.tcp"),
        ({"profile": "sinumeric"}, ("profile",), "cnc, generic, heidenhain, machine-tool, sinumerik"),
        ({"endpont": "x"}, ("endpont",), "endpoint"),
        ({"nodes": {"execution": {"map": {"3": "runing"}}}}, ("nodes", "execution", "map", "3"), "running"),
        ({"nodes": {"mode": {"node": "ns=2"}}}, ("nodes", "mode", "node"), "ns=2;s=Name"),
        ({"nodes": {"man_program": "x"}}, ("nodes", "man_program"), "main_program"),
        ({"profile": "generic", "nodes": {"mode": "Mode"}}, ("nodes", "mode"), "namespace"),
        ({"profile": "generic", "nodes": {"mode": {"map": {"1": "mdi"}}}}, ("nodes", "mode"), "node"),
        ({"profile": "generic"}, ("nodes",), "main_program"),
        ({"version": [{"variable": "nsu=urn:x"}]}, ("version", 0, "variable"), "nsu=URI;s=Name"),
    ],
)
def test_unusable_settings_name_the_key_and_the_way_out(changed: Any, key: tuple[str, ...], hint: str) -> None:
    """Nothing is touched outside; security fails closed."""
    with pytest.raises(ConfigError) as caught:
        build(**changed)
    assert caught.value.key == key
    assert hint in caught.value.hint


def test_a_password_needs_a_user(tmp_path: Path) -> None:
    """A file's error says file, line and column."""
    secret = tmp_path / "credentials" / "m1"
    secret.parent.mkdir()
    secret.write_text("geheim")
    secret.chmod(0o400)
    file = tmp_path / "m1.yaml"
    lines = [*(f"{key}: {value}" for key, value in LEAST.items()), "password_credential: m1"]
    file.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        OpcUaAdapter("m1", load(file), SystemClock())
    assert (caught.value.key, caught.value.where) == (("password_credential",), f"{file}:6:1")
    assert "geheim" not in str(caught.value)


def test_a_user_certificate_and_its_key_belong_together(tmp_path: Path) -> None:
    """Seen before anything is connected; neither is shown."""
    one, other = make(tmp_path, "one", number=1), make(tmp_path, "other", number=2)
    (tmp_path / "letter").write_text("dear technician")
    secured = {"security": None, "allow_insecure": None, "pki": "/pki"}
    for file, key, named, words in (
        (one.certificate, other.key, "user_key_credential", "is not the key of"),
        (one.certificate, tmp_path / "letter", "user_key_credential", "no private key in PEM"),
        (tmp_path / "letter", one.key, "user_certificate", "holds no certificate"),
        (tmp_path / "missing", one.key, "user_certificate", "cannot be read"),
    ):
        with pytest.raises(ConfigError, match=words) as caught:
            build(**secured, user_certificate=str(file), user_key_credential=Secret(key.read_text()))
        assert caught.value.key == (named,)
        assert "PRIVATE KEY" not in str(caught.value)
    assert build(**secured, user_certificate=str(one.certificate), user_key_credential=Secret(one.key.read_text()))


def test_signing_alone_is_asked_about() -> None:
    """It is allowed, and perhaps not meant."""
    doubts = build(security=None, allow_insecure=None, pki="/pki", security_mode="Sign").options.doubts()
    assert [key for key, _, _ in doubts] == ["security_mode"]
    assert list(build(security=None, allow_insecure=None, pki="/pki").options.doubts()) == []


def test_the_port_is_4840_unless_said_otherwise() -> None:
    """asyncua itself would connect to no port at all."""
    assert build().options.endpoint == "opc.tcp://10.0.0.1:4840"
    assert build(endpoint="opc.tcp://[::1]:4841/A/B").options.endpoint == "opc.tcp://[::1]:4841/A/B"


def test_a_site_overrides_any_part_of_its_profile() -> None:
    """A node keeps its map, a map keeps its other entries, an empty value takes a node away, `test` is replaced whole."""
    found = settings(
        nodes={
            "execution": "/Channel/State/progStatus[u2,1]",
            "mode": {"map": {"2": "manual"}},
            "active_program": None,
            "test": "/Plc/M0.1",
        },
        namespace="urn:other",
        limits={"session_timeout": "30s"},
    )
    assert found.nodes.execution is not None
    assert found.nodes.execution.node == "/Channel/State/progStatus[u2,1]"
    assert found.nodes.execution.map["3"] is Execution.RUNNING
    assert found.nodes.mode is not None
    assert (found.nodes.mode.map["2"], found.nodes.mode.map["1"]) == (Mode.MANUAL, Mode.MDI)
    assert found.nodes.active_program is None
    assert found.nodes.main_program is not None
    assert [flag.node for flag in found.nodes.test or ()] == ["/Plc/M0.1"]
    assert (found.namespace, found.limits.session_timeout, found.limits.sessions[:2]) == ("urn:other", 30_000, "10")


def test_shipped_profiles_are_right_and_cautious() -> None:
    """Every profile loads; what is unconfirmed never counts as production."""
    assert profile.names() == ("cnc", "generic", "heidenhain", "machine-tool", "sinumerik")
    sinumerik = profile.read("sinumerik").nodes
    assert sinumerik.execution is not None
    assert [raw for raw, word in sinumerik.execution.map.items() if word is Execution.RUNNING] == ["3"]
    assert "3" not in sinumerik.execution.unconfirmed
    assert profile.read("generic").nodes == NodesOptions()


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("title: X\nnods: {}\n", "nods"),
        ("title: X\nnodes: {execution: {node: i=1, map: {4: running}, unconfirmed: [4]}}\n", "unconfirmed"),
        ("nodes: {}\n", "title"),
    ],
)
def test_a_wrong_profile_is_refused_with_its_place(tmp_path: Path, text: str, part: str) -> None:
    """Unknown keys, missing ones, and an unconfirmed meaning that would count as production."""
    (tmp_path / "odd.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=part) as caught:
        profile.read("odd", folder=tmp_path)
    assert str(tmp_path / "odd.yaml") in caught.value.where


def test_sample_and_schema_fit_the_options() -> None:
    """Every line of the sample is a setting that can be used, and every setting of OPC UA is in it."""
    sample = Path(profile.__file__).parent / "sample.yaml"
    read_options(OpcUaOptions, load(sample))
    text = sample.read_text(encoding="utf-8")
    assert [name for name in OpcUaOptions.model_fields if f"{name}:" not in text] == []


def test_a_site_has_the_last_word_on_how_it_is_read() -> None:
    """`auto` is what the profile says: sinumerik polls, since it has few subscriptions; generic subscribes."""
    assert (settings().read, build().options.read) == ("poll", "auto")
    generic = build(profile="generic", nodes={"main_program": "i=1"}, read=None)
    assert profile.settle(profile.read("generic"), generic.options).read == "subscribe"


def test_more_values_than_the_control_gives_are_refused_with_a_way_out() -> None:
    """All nodes in each poll count, the versions too; a site whose control bears more says so."""
    nodes = {"test": [f"/Plc/M{number}.0" for number in range(60)]}
    with pytest.raises(ConfigError) as caught:
        build(nodes=nodes, every="100ms")
    assert caught.value.key == ("every",)
    assert "64 values each 100ms are 640 a second, and the control gives 500" in caught.value.what
    assert "`every: 128ms`" in caught.value.hint
    build(nodes=nodes, every="128ms")
    build(nodes=nodes, every="100ms", limits={"samples_per_second": "1000"})


@pytest.mark.parametrize(
    ("more", "values"),
    [
        ({"version": [{"header": "(?P<version>.)"}]}, 66),
        ({"version": [{"digest": "sha256"}], "judge": "any_in_stack"}, 96),
        ({"judge": "called_by_main"}, 96),
        ({"version": [{"name": "(?P<version>.)"}]}, 64),
    ],
)
def test_size_and_time_of_program_texts_count_too(more: dict[str, Any], values: int) -> None:
    """Each reading asks them of every text that it wants; a control counts them like any other value."""
    nodes = {"test": [f"/Plc/M{number}.0" for number in range(60)]}
    limits = {"samples_per_second": str(10 * values)}
    build(nodes=nodes, every="100ms", limits=limits, **more)
    limits = {"samples_per_second": str(10 * values - 1)}
    with pytest.raises(ConfigError) as caught:
        build(nodes=nodes, every="100ms", limits=limits, **more)
    assert f"{values} values" in caught.value.what
    assert ("program texts" in caught.value.what) is (values != 64)


@pytest.mark.parametrize(
    ("changed", "doubted"),
    [
        ({}, ["security"]),
        ({"security": None, "security_mode": "Sign"}, ["security_mode"]),
        ({"security": None}, []),
        ({"profile": "cnc"}, []),
    ],
)
def test_a_make_that_only_encrypts_is_doubted_in_the_clear(changed: dict[str, Any], doubted: list[str]) -> None:
    """`check` warns before somebody walks to the machine; it is no error, for a site may know better than a profile."""
    found = build(**{"profile": "heidenhain", "pki": "/pki", **changed})
    assert [option for option, _, _ in found.doubts] == doubted
    assert all("SignAndEncrypt" in what for _, what, _ in found.doubts)


def test_every_profile_says_how_it_is_read() -> None:
    """A reader of a profile need not know what goes without saying; only SINUMERIK is short of subscriptions."""
    made = {name: profile.read(name) for name in profile.names() if name != "generic"}
    assert {name: one.read for name, one in made.items() if "read" in one.model_fields_set} == {
        "cnc": "subscribe",
        "heidenhain": "subscribe",
        "machine-tool": "subscribe",
        "sinumerik": "poll",
    }


def test_what_a_profile_says_of_sessions_is_known() -> None:
    """`probe` beside the daemon opens no second one where the make has a licence for each; a site has the last word."""
    machine = {"profile": "heidenhain", "security": None, "pki": "/pki"}
    assert build(**machine).sessions.startswith("one")
    assert build(**machine, limits={"sessions": "4"}).sessions == "4"


def test_a_session_is_never_asked_for_longer_than_a_minute() -> None:
    """A gateway whose power goes must not hold one of a control's few slots for long."""
    with pytest.raises(ConfigError, match=r"limits\.session_timeout") as caught:
        build(limits={"session_timeout": "2m"})
    assert "at most 1m" in caught.value.hint or "at most 60s" in caught.value.hint
