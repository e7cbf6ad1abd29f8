"""What a program share's file may say."""

from __future__ import annotations

import re
from fnmatch import translate
from functools import cached_property
from typing import Annotated

from pydantic import BeforeValidator, Field, field_validator

from edge_bridge.domain.version import Extractor
from edge_bridge.options import Duration, ExtractorOptions, FilePath, Pattern, ShareOptions, YesNo, one_or_more

EXTRACTORS = (Extractor.NAME, Extractor.PATH, Extractor.HEADER, Extractor.COMMENT, Extractor.DIGEST)
_UNFINISHED = re.compile(r"\.|~\$|.*(?:~|\.(?:part|tmp|bak))\Z", re.IGNORECASE)


class NcFolderOptions(ShareOptions):
    """A folder that holds released programs only: its programs count as available, not as what a machine runs."""

    path: FilePath = Field(
        description="the folder of released programs; not the one that machines send programs back to"
    )
    pattern: Annotated[tuple[str, ...], BeforeValidator(one_or_more, json_schema_input_type=str | tuple[str, ...])] = (
        Field(("*",), description="which file names are programs, one or several; case does not matter", min_length=1)
    )
    subfolders: YesNo = Field(True, description="look into sub-folders too")
    every: Duration = Field(5000, description="how often the folder is looked at", ge=1000)
    timeout: Duration = Field(10_000, description="how long one look may take; then the share counts as lost", ge=1000)
    program: Pattern | None = Field(
        None, description="regular expression on the file's name, with (?P<program>…); default: the whole name"
    )
    version: tuple[ExtractorOptions, ...] = Field(
        (), description="where a program's version is found: tried in this order"
    )

    @field_validator("pattern")
    @classmethod
    def _names_only(cls, pattern: tuple[str, ...]) -> tuple[str, ...]:
        if any(not one.strip() or "/" in one for one in pattern):
            raise ValueError("a pattern is for file names → such as '*.MPF'")
        return pattern

    @field_validator("program")
    @classmethod
    def _marks_the_program(cls, pattern: re.Pattern[str] | None) -> re.Pattern[str] | None:
        if pattern is not None and "program" not in pattern.groupindex:
            raise ValueError("the pattern must mark the program → put (?P<program>…) around it")
        return pattern

    @field_validator("version")
    @classmethod
    def _can_be_answered(cls, version: tuple[ExtractorOptions, ...]) -> tuple[ExtractorOptions, ...]:
        for entry in version:
            if entry.extractor not in EXTRACTORS:
                known = ", ".join(EXTRACTORS)
                raise ValueError(f"`{entry.extractor}: …` cannot be read from a file → use one of {known}")
        return version

    @cached_property
    def _names(self) -> re.Pattern[str]:
        return re.compile("|".join(translate(one) for one in self.pattern), re.IGNORECASE)

    def wants(self, name: str) -> bool:
        """Tell whether a file of this name is a program: it matches, and is no half-written, hidden or backup file."""
        return self._names.fullmatch(name) is not None and _UNFINISHED.match(name) is None

    @property
    def reads_text(self) -> bool:
        """Whether a program's text is needed at all: names alone spare the network thousands of files."""
        return any(entry.extractor in EXTRACTORS[2:] for entry in self.version)

    @property
    def reads_whole(self) -> bool:
        """Whether the whole text is needed."""
        return any(entry.extractor is Extractor.DIGEST for entry in self.version)
