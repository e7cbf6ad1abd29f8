"""The settings that every adapter's file may have; an adapter adds its own by deriving from these."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from edge_bridge.domain.version import Extractor, Match, Scheme
from edge_bridge.options.values import Duration, Pattern, TimeZone

LATER_EXTRACTORS = (Extractor.HEADER, Extractor.COMMENT, Extractor.DIGEST, Extractor.ASSET)


def _judge(value: object) -> object:
    if value == "called_by_main":
        raise ValueError(
            "reads program files, which this release does not do yet → write `active` or `any_in_stack`, which see the "
            "called program while it runs"
        )
    return value


class Options(BaseModel):
    """Settings that refuse unknown keys and do not change."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, arbitrary_types_allowed=True, allow_inf_nan=False, hide_input_in_errors=True
    )


class ExtractorOptions(Options):
    """One entry of `version:`: exactly one extractor, tried in the order of the list."""

    variable: str | None = Field(None, description="node, path or register that holds the version")
    bound: Literal["by_run", "always"] = Field(
        "by_run", description="always: the control writes it when it loads the program"
    )
    name: Pattern | None = Field(None, description="regular expression on the program's name, with (?P<version>…)")
    path: Pattern | None = Field(None, description="regular expression on the program's path, with (?P<version>…)")

    @model_validator(mode="before")
    @classmethod
    def _known_in_this_release(cls, entry: object) -> object:
        for word in LATER_EXTRACTORS:
            if isinstance(entry, Mapping) and word in entry:
                raise ValueError(
                    f"`{word}: …` reads program files, which this release does not do yet → remove this entry; "
                    "`variable`, `name` and `path` are there"
                )
        return entry

    def model_post_init(self, _context: object) -> None:
        """Refuse an entry with no extractor, with two, or with a pattern that gives no version."""
        given = [key for key in ("variable", "name", "path") if getattr(self, key) is not None]
        if len(given) != 1:
            raise ValueError("each entry of `version:` has exactly one of variable, name, path → keep one")
        for pattern in (self.name, self.path):
            if pattern is not None and "version" not in pattern.groupindex:
                raise ValueError("the pattern must mark the version → put (?P<version>…) around it")

    @property
    def extractor(self) -> Extractor:
        """Which extractor this entry is."""
        if self.variable is not None:
            return Extractor.VARIABLE
        return Extractor.NAME if self.name is not None else Extractor.PATH


class AdapterOptions(Options):
    """What every adapter file may say."""

    adapter: str = Field(description="protocol: an entry point of edge_bridge.adapters")
    name: str | None = Field(None, description="what people call it; default: the file name")

    def doubts(self) -> Iterator[tuple[str, str, str]]:
        """Yield what is allowed and perhaps not meant: key, what, hint; `check` and the log warn of it."""
        yield from ()


class ControllerOptions(AdapterOptions):
    """What every controller's file may say."""

    area: str = Field("", description="where it stands; parties may be limited to areas")
    profile: str = Field("generic", description="a file in the adapter's profiles folder")
    every: Duration = Field(1000, description="how often it is read", ge=100)
    timeout: Duration = Field(5000, description="how long one answer may take", ge=100)
    judge: Annotated[Literal["main", "active", "any_in_stack"], BeforeValidator(_judge)] = Field(
        "main", description="which program is judged"
    )
    names: Literal["normalised", "exact"] = Field("normalised", description="how program names are compared")
    scheme: Scheme = Field(Scheme.EXACT, description="how versions are compared, unless the route says otherwise")
    match: Match = Field(Match.AT_LEAST, description="whether a newer released version is accepted")
    aliases: dict[str, str] = Field(
        default_factory=dict, description='versions the site writes differently, such as "-": initial'
    )
    skipped_letters: str = Field("", description="letters that the shop never uses as a revision, such as IOQ")
    version: tuple[ExtractorOptions, ...] = Field((), description="where the version is found: tried in this order")

    known_profiles: ClassVar[tuple[str, ...]] = ()


class SourceOptions(AdapterOptions):
    """What every ECN source's file may say."""

    timezone: TimeZone | None = Field(None, description="zone of dates without one; default: the plant's")
