"""What an MTConnect machine's file may say, and the profile it starts from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, field_validator, model_validator

from adapters.mtconnect.notation import parse
from edge_bridge.domain.reading import Execution, Mode
from edge_bridge.domain.version import Extractor
from edge_bridge.errors import ConfigError
from edge_bridge.options import (
    ControllerOptions,
    ExtractorOptions,
    FilePath,
    Options,
    YesNo,
    missing_program,
    read_options,
)
from edge_bridge.strict_yaml import Key, Section, load, merged, yaml_files

PROFILES = Path(__file__).parent / "profiles"
_ADDRESS_HINT = "write the agent's address, such as http://192.168.10.50:5000"


def _url(value: object) -> str:
    """Return an agent's address without a slash at its end, a query or a password."""
    text = str(value).strip()
    try:
        url = urlsplit(text)
        url.port  # noqa: B018 - urlsplit looks at it only now
    except ValueError:
        raise ValueError(f"not an address → {_ADDRESS_HINT}") from None
    if url.scheme not in ("http", "https") or not url.hostname:
        raise ValueError(f"not an HTTP address → {_ADDRESS_HINT}")
    if url.username is not None or url.password is not None:
        raise ValueError("an agent's address has no user and password → remove them")
    if url.query or url.fragment:
        raise ValueError(f"the address ends before `?` and `#` → {_ADDRESS_HINT}")
    last = url.path.rstrip("/").rsplit("/", 1)[-1]
    if last in ("current", "sample", "probe", "assets"):
        raise ValueError(f"the adapter adds /{last} itself → leave it out")
    return url._replace(path=url.path.rstrip("/")).geturl()


def _candidates(value: object) -> object:
    """Let one data item stand for a list of one, and refuse what names none."""
    if value is None or isinstance(value, Mapping):
        return value
    found = [str(one).strip() for one in value] if isinstance(value, (list, tuple)) else [str(value).strip()]
    for text in found:
        parse(text)
    return found


def _as_section(value: object) -> object:
    """Let `execution: ITEM`, or a list of them, stand for `execution: {item: ITEM}`."""
    return {"item": value} if isinstance(value, (str, list, tuple)) else value


def _as_list(value: object) -> object:
    """Let `test: ITEM` stand for a list of one."""
    return value if value is None or isinstance(value, (list, tuple)) else [value]


Written = str | tuple[str, ...]
"""A data item, or several, written as they stand."""
Candidates = Annotated[tuple[str, ...], BeforeValidator(_candidates, json_schema_input_type=Written)]


class ItemOptions(Options):
    """One field's data item. `sure`, `source`, `unconfirmed` are a profile's own record of what is known, and from where."""

    item: Candidates = Field((), description="id, name or TYPE:SUBTYPE; of several the first that is there counts")
    sure: Literal["confirmed", "unconfirmed"] = Field("confirmed", description="whether a source was found for it")
    source: str = Field("", description="where it is known from")


class ExecutionOptions(ItemOptions):
    """The data item of the execution, and what its values mean."""

    map: dict[str, Execution] = Field(default_factory=dict, description="value to word; `default` for all others")
    unconfirmed: tuple[str, ...] = Field((), description="values whose meaning nobody has confirmed yet")


class ModeOptions(ItemOptions):
    """The data item of the operating mode, and what its values mean."""

    map: dict[str, Mode] = Field(default_factory=dict, description="value to word; `default` for all others")
    unconfirmed: tuple[str, ...] = Field((), description="values whose meaning nobody has confirmed yet")


class TestOptions(ItemOptions):
    """A data item that says whether a program is only tried: setup, prove-out, dry run."""

    __test__ = False  # pytest must not take it for a test
    map: dict[str, YesNo] = Field(default_factory=dict, description="value to true or false; `default` for all others")


PlainItem = Annotated[
    ItemOptions | None, BeforeValidator(_as_section, json_schema_input_type=Written | ItemOptions | None)
]
ExecutionItem = Annotated[
    ExecutionOptions | None, BeforeValidator(_as_section, json_schema_input_type=Written | ExecutionOptions | None)
]
ModeItem = Annotated[
    ModeOptions | None, BeforeValidator(_as_section, json_schema_input_type=Written | ModeOptions | None)
]
TestItem = Annotated[TestOptions, BeforeValidator(_as_section, json_schema_input_type=Written | TestOptions)]


class ItemsOptions(Options):
    """Which data item holds what. A field without one is not known of this machine."""

    main_program: PlainItem = Field(None, description="the selected main program")
    active_program: PlainItem = Field(None, description="the program being executed, subprograms too")
    program_path: PlainItem = Field(None, description="the main program's location")
    main_comment: PlainItem = Field(None, description="the main program's remark")
    active_comment: PlainItem = Field(None, description="the executing program's remark")
    main_header: PlainItem = Field(None, description="the main program's header")
    active_header: PlainItem = Field(None, description="the executing program's header")
    edit: PlainItem = Field(None, description="whether a program is being edited at the control")
    edited_program: PlainItem = Field(None, description="which program that is")
    execution: ExecutionItem = Field(None, description="what the control does with the program")
    mode: ModeItem = Field(None, description="the operating mode")
    test: Annotated[
        tuple[TestItem, ...] | None,
        BeforeValidator(_as_list, json_schema_input_type=TestItem | tuple[TestItem, ...] | None),
    ] = Field(None, description="one data item or a list: any that is true means that nothing is produced")


class MtConnectOptions(ControllerOptions):
    """What an MTConnect machine's file may say."""

    url: Annotated[str, BeforeValidator(_url)] = Field(description="the agent's address: http://HOST:PORT")
    ca: FilePath | None = Field(
        None, description="with https: the certificate, or its issuer's, that the agent must show"
    )
    device: str | None = Field(None, description="name or uuid of the machine, where the agent serves several")
    path: str | None = Field(None, description="name or id of the Path component, where the machine has several")
    read: Literal["auto", "poll", "subscribe"] = Field(
        "auto", description="subscribe: the agent streams; poll: it is asked; auto: streams where it can"
    )
    items: ItemsOptions = Field(
        default_factory=ItemsOptions, description="which data item holds what; adds to the profile"
    )
    accept_states: tuple[Literal["PRODUCTION", "EXPERIMENTAL", "NONE"], ...] = Field(
        ("PRODUCTION",), description="states of a File asset in which its versionId counts; NONE: no state said"
    )
    trust_time: YesNo = Field(
        False, description="true: the agent's clock is synchronised, and may prove when a version changed"
    )

    extractors: ClassVar[frozenset[Extractor]] = frozenset(Extractor)

    @field_validator("items", mode="after")
    @classmethod
    def _each_names_one(cls, items: ItemsOptions) -> ItemsOptions:
        for name in ItemsOptions.model_fields:
            value = getattr(items, name)
            for one in value if isinstance(value, tuple) else (value,):
                if one is not None and not one.item:
                    raise ValueError(f"`{name}` names no data item → add `item: …`")
        return items

    @model_validator(mode="after")
    def _can_be_judged(self) -> MtConnectOptions:
        fields = [name for name in ItemsOptions.model_fields if getattr(self.items, name) is not None]
        if missing := missing_program(self.judge, fields):
            raise ValueError(f"`judge: {self.judge}` needs {' or '.join(missing)} → name its data item under `items:`")
        return self


class ProfileOptions(Options):
    """A profile file. Unconfirmed meanings never say that a machine produces: a wrong one would raise false alarms."""

    title: str = Field(description="what it fits")
    items: ItemsOptions = Field(default_factory=ItemsOptions)

    @model_validator(mode="after")
    def _unconfirmed_is_never_production(self) -> ProfileOptions:
        for item in (self.items.execution, self.items.mode):
            for raw in item.unconfirmed if item else ():
                if item and item.map.get(raw) in (Execution.RUNNING, Mode.AUTOMATIC):
                    raise ValueError(f"{raw} is unconfirmed, so it may not mean {item.map[raw]}")
        return self


def profile(name: str, given: Mapping[str, Any], folder: Path = PROFILES) -> Section:
    """Return a checked profile as it stands in its file. Raises ConfigError with the key `profile` when there is none."""
    known = tuple(path.stem for path in yaml_files(folder))
    if name not in known:
        where = given.where(("profile",)) if isinstance(given, Section) else ""
        raise ConfigError(
            f"`profile`: no profile {name!r}", f"known here: {', '.join(known)}", key=("profile",), where=where
        )
    found = load(folder / f"{name}.yaml")
    read_options(ProfileOptions, found)
    del found["title"]
    return found


def settings(given: Mapping[str, Any], folder: Path = PROFILES) -> MtConnectOptions:
    """Return checked settings, the site's over the profile's. Raises ConfigError(s) naming each key and what to do.

    A data item written as plain text keeps the profile's map, and an empty value takes the item away.
    """
    laid = merged(profile(str(given.get("profile") or "generic"), given, folder), _spelt_out(given))
    options = read_options(MtConnectOptions, laid)
    if options.ca is not None and not options.url.startswith("https:"):
        where = given.where(("ca",)) if isinstance(given, Section) else ""
        what, hint = "`ca`: an http address shows no certificate", "write https:// in `url`, or remove `ca`"
        raise ConfigError(what, hint, key=("ca",), where=where)
    for index, entry in enumerate(options.version):
        _check_variable(entry, ("version", index, "variable"), given)
    return options


def _check_variable(entry: ExtractorOptions, key: Key, given: Mapping[str, Any]) -> None:
    try:
        parse(entry.variable or "any")
    except ValueError as error:
        what, _, hint = str(error).partition(" → ")
        where = given.where(key) if isinstance(given, Section) else ""
        raise ConfigError(f"`variable`: {what} (found {entry.variable!r})", hint, key=key, where=where) from None


def _spelt_out(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the site's settings with every plain data item written as a section, so that it is laid over one."""
    items = given.get("items")
    if not isinstance(items, Mapping):
        return given
    spelt = {name: value if name == "test" else _as_section(value) for name, value in items.items()}
    return given.replacing({"items": spelt}) if isinstance(given, Section) else {**given, "items": spelt}
