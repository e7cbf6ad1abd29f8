"""What an OPC UA machine's file may say, and what a profile may say about its nodes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, model_validator

from adapters.opcua.notation import parse
from edge_bridge.domain.instant import SECOND, Milliseconds
from edge_bridge.domain.reading import Execution, Mode
from edge_bridge.domain.version import Extractor
from edge_bridge.errors import ConfigError
from edge_bridge.options import (
    ControllerOptions,
    Credential,
    Duration,
    FilePath,
    Options,
    Pattern,
    YesNo,
    duration_text,
)
from edge_bridge.strict_yaml import Section

DEFAULT_PORT = 4840
VALUES_PER_FILE = 2  # its size and its time, with each reading
PLACEHOLDER = re.compile(r"\{(\w+)\}")


def _endpoint(value: object) -> str:
    """Return an endpoint that asyncua can use: with a port, and without a password."""
    text = str(value).strip()
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError:
        raise ValueError("not an address → write one such as opc.tcp://192.168.10.21:4840") from None
    if url.scheme != "opc.tcp" or not url.hostname:
        raise ValueError("not an OPC UA address → write one such as opc.tcp://192.168.10.21:4840")
    if url.username is not None or url.password is not None:
        raise ValueError("user and password do not belong in the address → use `username` and `password_credential`")
    host = f"[{url.hostname}]" if ":" in url.hostname else url.hostname
    return url._replace(netloc=f"{host}:{port or DEFAULT_PORT}").geturl()


def _node(value: object) -> object:
    """Refuse what is no node notation; keep the text, which people recognise."""
    parse(str(value))
    return str(value).strip()


def _as_section(value: object) -> object:
    """Let `execution: NODE` stand for `execution: {node: NODE}`."""
    return {"node": value} if isinstance(value, str) else value


def _as_list(value: object) -> object:
    """Let `test: NODE` stand for a list of one."""
    if value is None or isinstance(value, (list, tuple)):
        return value
    return [value]


NodeText = Annotated[str, BeforeValidator(_node)]
"""A node as the technician wrote it; its notation is right."""


FieldType = Literal[
    "Boolean", "SByte", "Byte", "Int16", "UInt16", "Int32", "UInt32", "Int64", "UInt64", "Float", "Double",
    "String", "DateTime", "Guid", "ByteString",
]  # fmt: skip
"""What a field of a structure may be: the built-in types that stand for themselves."""


class NodeOptions(Options):
    """One node. `sure`, `source` and `unconfirmed` are a profile's own record of what is known, and from where."""

    node: NodeText | None = Field(
        None, description="nsu=URI;s=…, a string id in the profile's namespace, or a browse path"
    )
    sure: Literal["confirmed", "unconfirmed"] = Field("confirmed", description="whether a source was found for it")
    source: str = Field("", description="where it is known from")


class StackOptions(NodeOptions):
    """The node of the program stack: one text, a list of texts, or a list of structures, the main program first.

    Where the server does not say how its structure is made, `structure` does: field name to OPC UA type, in order.
    """

    name: str = Field("ProgramName", description="the structure's field that holds a program's name")
    level: str = Field("CallStackLevel", description="the structure's field that holds how deep it was called")
    structure: dict[str, FieldType] = Field(
        default_factory=dict, description="the structure's fields and their types, in order, if the server does not say"
    )


class ExecutionOptions(NodeOptions):
    """The node of the execution, and what its raw values mean."""

    map: dict[str, Execution] = Field(default_factory=dict, description="raw value to word; `default` for all others")
    texts: YesNo = Field(False, description="true: a number means the text that the server's own EnumStrings give it")
    unconfirmed: tuple[str, ...] = Field((), description="raw values whose meaning nobody has confirmed yet")


class ModeOptions(NodeOptions):
    """The node of the operating mode, and what its raw values mean."""

    map: dict[str, Mode] = Field(default_factory=dict, description="raw value to word; `default` for all others")
    texts: YesNo = Field(False, description="true: a number means the text that the server's own EnumStrings give it")
    unconfirmed: tuple[str, ...] = Field((), description="raw values whose meaning nobody has confirmed yet")


class TestOptions(NodeOptions):
    """A node that says whether a program is only tried: program test, dry run."""

    __test__ = False  # pytest must not take it for a test
    map: dict[str, YesNo] = Field(
        default_factory=dict, description="raw value to true or false; `default` for all others"
    )
    unconfirmed: tuple[str, ...] = Field((), description="raw values whose meaning nobody has confirmed yet")


StackNode = Annotated[
    StackOptions | None, BeforeValidator(_as_section, json_schema_input_type=str | StackOptions | None)
]
PlainNode = Annotated[NodeOptions | None, BeforeValidator(_as_section, json_schema_input_type=str | NodeOptions | None)]
ExecutionNode = Annotated[
    ExecutionOptions | None, BeforeValidator(_as_section, json_schema_input_type=str | ExecutionOptions | None)
]
ModeNode = Annotated[ModeOptions | None, BeforeValidator(_as_section, json_schema_input_type=str | ModeOptions | None)]
TestNode = Annotated[TestOptions, BeforeValidator(_as_section, json_schema_input_type=str | TestOptions)]


class NodesOptions(Options):
    """Which node holds what. A field without a node is not known of this machine."""

    main_program: PlainNode = Field(None, description="the selected main program")
    active_program: PlainNode = Field(None, description="the program being executed, subprograms too")
    program_path: PlainNode = Field(None, description="the main program's path")
    stack: StackNode = Field(None, description="the programs that call one another now, the main program first")
    execution: ExecutionNode = Field(None, description="what the control does with the program")
    mode: ModeNode = Field(None, description="the operating mode")
    test: Annotated[
        tuple[TestNode, ...] | None,
        BeforeValidator(_as_list, json_schema_input_type=TestNode | tuple[TestNode, ...] | None),
    ] = Field(None, description="one node or a list: any that is true means that nothing is produced")


class FileOptions(Options):
    """Where the text of a program stands on the server: one file by its id, or a folder to look through.

    In `file`, `{name}` is the program's name without its path, `{NAME}` the same in capitals, `{STEM}` without `.MPF` and
    `.SPF` too, and `{x}` what the group `x` of `program` found. Every rule that fits is followed; two files are one too many.
    """

    program: Pattern | None = Field(None, description="regular expression on the program as the control writes it")
    file: str | None = Field(None, description="the file's node, with {name}, {NAME}, {STEM} or a group of `program`")
    folder: NodeText | None = Field(
        None, description="a folder whose files, in folders too, are looked through by name"
    )
    sure: Literal["confirmed", "unconfirmed"] = Field("confirmed", description="whether a source was found for it")
    source: str = Field("", description="where it is known from")

    @model_validator(mode="after")
    def _one_place(self) -> FileOptions:
        if (self.file is None) == (self.folder is None):
            raise ValueError("each entry of `files:` has `file` or `folder` → keep one")
        if self.file is not None:
            known = {"name", "NAME", "STEM", *(self.program.groupindex if self.program else ())}
            unknown = [word for word in PLACEHOLDER.findall(self.file) if word not in known]
            if unknown:
                raise ValueError(f"`{{{unknown[0]}}}` is not known here → known: {', '.join(sorted(known))}")
            parse(PLACEHOLDER.sub("X", self.file))
        return self


class LimitsOptions(Options):
    """What the control's server bears."""

    session_timeout: Duration = Field(
        60_000, description="after how long without us the server frees our session", ge=1000, le=60_000
    )
    sessions: str = Field("", description="how many sessions the control allows, all clients together")
    sampling: tuple[Duration, ...] = Field((), description="sampling intervals the control allows, for subscriptions")
    samples_per_second: int | None = Field(
        None, description="how many values a second the control gives, all clients together", ge=1
    )
    sure: Literal["confirmed", "unconfirmed"] = "confirmed"
    source: str = ""


class OpcUaOptions(ControllerOptions):
    """What an OPC UA machine's file may say."""

    extractors: ClassVar[frozenset[Extractor]] = ControllerOptions.extractors | {
        Extractor.HEADER,
        Extractor.COMMENT,
        Extractor.DIGEST,
    }
    reads_calls: ClassVar[bool] = True

    endpoint: Annotated[str, BeforeValidator(_endpoint)] = Field(
        description="opc.tcp://HOST:PORT, port 4840 by default"
    )
    allow_insecure: YesNo = Field(False, description="accept a connection without encryption: must be said explicitly")
    security: Literal["Basic256Sha256", "Aes128_Sha256_RsaOaep", "Aes256_Sha256_RsaPss", "None"] = Field(
        "Basic256Sha256", description="encryption; None only with allow_insecure: true"
    )
    security_mode: Literal["SignAndEncrypt", "Sign"] = Field(
        "SignAndEncrypt", description="Sign: nobody can change what is read, anybody in between can read it too"
    )
    pki: FilePath | None = Field(
        None, description="folder of our own certificate and of those accepted; default: in the store's folder"
    )
    username: str | None = Field(None, description="user on the control; none: anonymous")
    password_credential: Credential | None = Field(
        None, description="the name of the credential that holds the password"
    )
    user_certificate: FilePath | None = Field(
        None, description="certificate that is our user on the control, in place of name and password"
    )
    user_key_credential: Credential | None = Field(
        None, description="the name of the credential that holds that certificate's private key, in PEM"
    )
    namespace: str | None = Field(None, description="URI in which bare string ids stand; default: the profile's")
    machine: str | None = Field(None, description="which machine, where the server has several: its browse name")
    channel: str | None = Field(None, description="which channel, where the control has several: its number or name")
    files: tuple[FileOptions, ...] | None = Field(
        None, description="where program texts stand, for `header`, `comment`, `digest`; replaces the profile's"
    )
    recheck: Duration = Field(
        60_000, description="how often a text is read again when the server does not say when a file changed", ge=1000
    )
    read: Literal["auto", "poll", "subscribe"] = Field(
        "auto", description="poll, subscribe (poll where the server does not let us), or what the profile says"
    )
    nodes: NodesOptions = Field(default_factory=NodesOptions, description="which node holds what; adds to the profile")
    limits: LimitsOptions = Field(
        default_factory=LimitsOptions, description="what the server bears; adds to the profile"
    )

    def doubts(self) -> Iterator[tuple[str, str, str]]:
        """Yield what is allowed and perhaps not meant: a password over a connection without encryption."""
        if self.password_credential is not None and self.security == "None":
            yield (
                "password_credential",
                "with `security: None` whoever is in between may learn this password",
                "use an account of the control that may only read",
            )
        if self.security_mode == "Sign" and self.security != "None":
            yield (
                "security_mode",
                "with Sign whoever is in between can read everything, though change nothing",
                "remove this line where the control can encrypt",
            )


def check(options: OpcUaOptions, given: Mapping[str, Any]) -> None:
    """Refuse what no connection may be built from. Raises ConfigError with the key; fails closed on security."""
    section = given if isinstance(given, Section) else None

    def refuse(key: str, what: str, hint: str) -> ConfigError:
        return ConfigError(f"`{key}`: {what}", hint, key=(key,), where=section.where((key,)) if section else "")

    if options.security != "None" and options.pki is None:
        raise refuse("pki", f"{options.security} needs a folder for certificates", "name one, such as `pki: pki`")
    if options.security == "None" and not options.allow_insecure:
        raise refuse(
            "security",
            "None sends everything in the clear, readable and changeable by anyone in between",
            "remove `security`, or, if this network may be trusted, add `allow_insecure: true`",
        )
    if options.password_credential is not None and options.username is None:
        raise refuse("password_credential", "a password without a user", "add `username`, or remove this line")
    if options.user_certificate is not None and options.username is not None:
        raise refuse("user_certificate", "stands beside `username`", "keep one of them: a control takes one user")
    for given_key, other in (("user_certificate", "user_key_credential"), ("user_key_credential", "user_certificate")):
        if getattr(options, given_key) is not None and getattr(options, other) is None:
            raise refuse(given_key, f"is of no use without `{other}`", f"add `{other}`, or remove this line")
    if options.user_certificate is not None and options.security == "None":
        raise refuse("user_certificate", "needs an encrypted connection", "remove `security: None`")


def check_rate(nodes: int, files: int, every: Milliseconds, limits: LimitsOptions, given: Mapping[str, Any]) -> None:
    """Refuse to ask for more than the control bears. Raises ConfigError. files: of which size and time are asked, too."""
    values = nodes + files * VALUES_PER_FILE
    bears = limits.samples_per_second
    if bears is None or values * SECOND <= bears * every:
        return
    least = -(-values * SECOND // bears)
    of_files = f" (with size and time of up to {files} program texts)" if files else ""
    raise ConfigError(
        f"`every`: {values} values{of_files} each {duration_text(every)} are {values * SECOND // every} a second, and the "
        f"control gives {bears} to all its clients together",
        f"read it less often, `every: {duration_text(least)}` or more, or name fewer nodes",
        key=("every",),
        where=given.where(("every",)) if isinstance(given, Section) else "",
    )
