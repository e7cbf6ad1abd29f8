"""The settings that every adapter's file may have; an adapter adds its own by deriving from these."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from edge_bridge.domain.version import Extractor, Match, Scheme
from edge_bridge.options.values import Duration, Pattern, TimeZone, one_or_more


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

    header: Pattern | None = Field(
        None, description="regular expression on the program's first text, with (?P<version>…)"
    )
    comment: Pattern | None = Field(
        None, description="regular expression on the program's remarks, with (?P<version>…)"
    )
    which: Literal["first", "last"] = Field(
        "first", description="which match counts in a header or remarks that keep a history"
    )
    digest: Literal["sha256"] | None = Field(
        None, description="sha256 of the program's normalised text, to compare content"
    )
    asset: Literal["versionId"] | None = Field(None, description="attribute of the program's MTConnect File asset")

    def model_post_init(self, _context: object) -> None:
        """Refuse an entry with no extractor, with two, or with a pattern that gives no version."""
        given = [word.value for word in Extractor if getattr(self, word) is not None]
        if len(given) != 1:
            raise ValueError(f"each entry of `version:` has exactly one of {', '.join(Extractor)} → keep one")
        pattern = getattr(self, given[0])
        if isinstance(pattern, re.Pattern) and "version" not in pattern.groupindex:
            raise ValueError("the pattern must mark the version → put (?P<version>…) around it")
        for option, extractors in (("bound", ("variable",)), ("which", ("header", "comment"))):
            if option in self.model_fields_set and given[0] not in extractors:
                raise ValueError(f"`{option}` belongs to {' or '.join(extractors)} → remove it")

    @property
    def extractor(self) -> Extractor:
        """Which extractor this entry is."""
        return next(word for word in Extractor if getattr(self, word) is not None)


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
    judge: Literal["main", "active", "any_in_stack", "called_by_main"] = Field(
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

    extractors: ClassVar[frozenset[Extractor]] = frozenset({Extractor.VARIABLE, Extractor.NAME, Extractor.PATH})
    """Those that this kind of controller can answer."""
    reads_calls: ClassVar[bool] = False
    """Whether it can read a program's text, and so tell what the main program calls."""

    @field_validator("judge")
    @classmethod
    def _calls_can_be_read(cls, judge: str) -> str:
        if judge == "called_by_main" and not cls.reads_calls:
            raise ValueError(
                "needs the program's text, which this adapter cannot read → write `active` or `any_in_stack`, which see "
                "the called program while it runs"
            )
        return judge

    @field_validator("version")
    @classmethod
    def _can_be_answered(cls, version: tuple[ExtractorOptions, ...]) -> tuple[ExtractorOptions, ...]:
        for entry in version:
            if entry.extractor not in cls.extractors:
                known = ", ".join(word for word in Extractor if word in cls.extractors)
                raise ValueError(f"`{entry.extractor}: …` cannot be read by this adapter → use one of {known}")
        return version


class ShareOptions(AdapterOptions):
    """What every file of a share of released programs may say."""

    machines: Annotated[tuple[str, ...], BeforeValidator(one_or_more, json_schema_input_type=str | tuple[str, ...])] = (
        Field((), description="the machines that load from it, by id or name; none: all")
    )


class SourceOptions(AdapterOptions):
    """What every ECN source's file may say."""

    timezone: TimeZone | None = Field(None, description="zone of dates without one; default: the plant's")
