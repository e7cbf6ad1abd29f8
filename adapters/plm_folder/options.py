"""What a PLM folder's file may say."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from fnmatch import translate
from functools import cached_property
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, field_validator

from adapters.plm_folder.columns import Column
from edge_bridge.domain.ecn import Status
from edge_bridge.options import FilePath, Size, SourceOptions, YesNo, one_or_more

LARGEST_FILE = 20_000_000  # bytes


Names = Annotated[tuple[str, ...], BeforeValidator(one_or_more), Field(min_length=1)]


class PlmFolderOptions(SourceOptions):
    """A folder into which a PLM exports ECNs as CSV or JSON."""

    path: FilePath = Field(description="the folder")
    subfolders: YesNo = Field(False, description="whether its sub-folders are looked into, sixteen levels deep")
    sentinel: str | None = Field(
        None, description="a file that is always in the folder; without it the share counts as gone"
    )
    max_file_size: Size = Field(LARGEST_FILE, description="a larger file is refused", ge=1000, le=100_000_000)
    format: Literal["csv", "json"] = Field("csv", description="how the files are written")
    pattern: Names | None = Field(
        None, description="which files count, one pattern or several; default *.csv or *.json, case does not matter"
    )
    watch: Literal["auto", "inotify", "poll"] = Field(
        "auto", description="auto: inotify on a local disk, polling on a network share"
    )
    encoding: Literal["auto", "utf-8", "gb18030", "cp1252"] = Field(
        "auto", description="auto: byte order mark, then UTF-8, then GB18030"
    )
    columns: dict[Column, Names] = Field(
        default_factory=dict, description="column → its header in the file, or several"
    )
    status: dict[Status, Names] = Field(default_factory=dict, description="canonical status → the site's words for it")
    date_formats: Names | tuple[()] = Field((), description="strptime formats, tried after ISO 8601")
    quarantine: FilePath | None = Field(
        None, description="where copies of unreadable files go; default: in the store's folder"
    )

    @field_validator("pattern")
    @classmethod
    def _file_names_only(cls, patterns: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if any(not pattern.strip() or "/" in pattern for pattern in patterns or ()):
            raise ValueError(
                "a pattern for file names, such as *.csv → sub-folders are looked into with `subfolders: true`"
            )
        return patterns

    @field_validator("sentinel")
    @classmethod
    def _one_file(cls, sentinel: str | None) -> str | None:
        if sentinel is not None and (not sentinel.strip() or "/" in sentinel or sentinel in (".", "..")):
            raise ValueError("the name of one file in the folder itself → such as .plm-share")
        return sentinel

    @field_validator("columns")
    @classmethod
    def _each_header_once(cls, columns: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        _refuse_twice(columns, "header")
        return columns

    @field_validator("status")
    @classmethod
    def _each_word_once(cls, status: dict[Status, tuple[str, ...]]) -> dict[Status, tuple[str, ...]]:
        _refuse_twice({word.value: (word.value, *status.get(word, ())) for word in Status}, "word")
        return status

    @field_validator("date_formats")
    @classmethod
    def _known_directives(cls, formats: tuple[str, ...]) -> tuple[str, ...]:
        for form in formats:
            if not re.search("%[YyGcxD]", form):
                raise ValueError(f"{form!r} has no year (%Y)")
            try:
                datetime.strptime("", form)
            except ValueError as error:
                if not str(error).startswith("time data"):
                    raise ValueError(f"{form!r}: {error}") from None
        return formats

    @cached_property
    def file_name(self) -> re.Pattern[str]:
        """What a file's name must match."""
        patterns = self.pattern or (f"*.{self.format}",)
        return re.compile("|".join(map(translate, patterns)), re.IGNORECASE)

    @property
    def headers(self) -> Mapping[str, Sequence[str]]:
        """The configured headers by column."""
        return {str(column): names for column, names in self.columns.items()}

    @property
    def zone(self) -> ZoneInfo:
        """The zone of dates without one; the core fills in the plant's."""
        return ZoneInfo(self.timezone or "UTC")

    @cached_property
    def words(self) -> Mapping[str, Status]:
        """Case-folded status words; the canonical ones always count."""
        known = {status.value: status for status in Status}
        return known | {word.strip().casefold(): status for status, words in self.status.items() for word in words}


def _refuse_twice(given: Mapping[str, tuple[str, ...]], what: str) -> None:
    seen: dict[str, str] = {}
    for key, names in given.items():
        for name in names:
            if seen.setdefault(name.strip().casefold(), key) != key:
                raise ValueError(f"the {what} {name!r} is given for both {seen[name.strip().casefold()]} and {key}")
