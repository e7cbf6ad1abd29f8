"""What a PLM folder's file may say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from fnmatch import translate
from functools import cached_property
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from adapters.plm_folder import presets
from adapters.plm_folder.columns import Column, Wanted
from adapters.plm_folder.dates import EPOCHS
from adapters.plm_folder.draft import Reading
from adapters.plm_folder.formats.fixed_width import Widths
from adapters.plm_folder.formats.xml_path import parse_path
from adapters.plm_folder.formats.xml_reader import Mapped
from adapters.plm_folder.layout_options import JoinOptions, Names, Position, XmlOptions, span_of
from adapters.plm_folder.names import counts
from adapters.plm_folder.stages import STAGES, Stage
from edge_bridge.domain.ecn import Status
from edge_bridge.options import FilePath, Size, SourceOptions, YesNo, one_or_more

LARGEST_FILE = 20_000_000  # bytes


Format = Literal["csv", "text", "json", "xml", "xlsx", "xls", "auto"]
ENDINGS: Mapping[str, tuple[str, ...]] = {
    "csv": ("csv",),
    "text": ("txt",),
    "json": ("json",),
    "xml": ("xml",),
    "xlsx": ("xlsx", "xlsm"),
    "xls": ("xls",),
    "auto": ("csv", "json", "xml", "xlsx", "xlsm", "xls"),
}
SPREADSHEETS = frozenset({"csv", "xlsx", "xls"})


class PlmFolderOptions(SourceOptions):
    """A folder into which a PLM exports ECNs."""

    path: FilePath = Field(description="the folder")
    subfolders: YesNo = Field(False, description="whether its sub-folders are looked into, sixteen levels deep")
    sentinel: str | None = Field(
        None, description="a file that is always in the folder; without it the share counts as gone"
    )
    max_file_size: Size = Field(LARGEST_FILE, description="a larger file is refused", ge=1000, le=100_000_000)
    preset: str | None = Field(None, description="a PLM whose exports are known; every setting here has the last word")
    format: Format = Field("csv", description="how the files are written; auto: by their content")
    pattern: Names | None = Field(
        None, description="which files count, one pattern or several; default *.csv and so on, case does not matter"
    )
    watch: Literal["auto", "inotify", "poll"] = Field(
        "auto", description="auto: inotify on a local disk, polling on a network share"
    )
    encoding: Literal[
        "auto", "utf-8", "gb18030", "gbk", "big5", "shift_jis", "euc_kr", "cp1250", "cp1251", "cp1252"
    ] = Field("auto", description="auto: byte order mark, what XML declares, then UTF-8, then GB18030")
    columns: dict[Column, Names] = Field(
        default_factory=dict, description="column → its header in the file, or several; in XML its path"
    )
    xml: XmlOptions | None = Field(
        None, description="where ECNs and items are in an XML document", validate_default=True
    )
    sheet: Names | tuple[()] = Field((), description="the sheets of a workbook that count; default: the one that fits")
    header_row: int | None = Field(None, description="the line or row of the header; default: found", ge=1, le=1000)
    positions: dict[Column, Position] = Field(
        default_factory=dict, description="column → characters of a line of fixed-width text"
    )
    width: Literal["characters", "display"] = Field(
        "characters", description="display: a Chinese character takes two places of fixed-width text"
    )
    last_line: str | None = Field(None, description="how a complete text file ends, such as END*")
    status: dict[Status, Names] = Field(default_factory=dict, description="canonical status → the site's words for it")
    stages: dict[Stage, Names] = Field(
        default_factory=dict,
        description="canonical stage → the site's words for it, in `stage` or, without it, `status`",
    )
    date_formats: Names | tuple[()] = Field((), description="strptime formats, epoch or epoch_ms; tried after ISO 8601")
    defaults: dict[Column, str] = Field(default_factory=dict, description="column → its value where the file says none")
    as_written: Annotated[
        tuple[Column, ...], BeforeValidator(one_or_more, json_schema_input_type=str | tuple[str, ...])
    ] = Field((), description="columns whose values are right even where a spreadsheet seems to have changed them")
    digits: dict[Column, int] = Field(default_factory=dict, description="column → how many digits its numbers have")
    join: JoinOptions | None = Field(None, description="ECNs in one file and their items in another")
    quarantine: FilePath | None = Field(
        None, description="where copies of unreadable files go; default: in the store's folder"
    )
    language: Literal["en", "zh-CN"] = Field("en", description="which language comes first in a copy's reason")

    @model_validator(mode="before")
    @classmethod
    def _over_its_preset(cls, given: Any) -> Any:
        return presets.under(given) if isinstance(given, Mapping) else given

    @field_validator("preset")
    @classmethod
    def _known_preset(cls, name: str | None) -> str | None:
        known = presets.names()
        if name is not None and name not in known:
            raise ValueError(f"no preset {name!r} → known here: {', '.join(known)}")
        return name

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
    def _as_the_format_wants_them(
        cls, columns: dict[str, tuple[str, ...]], info: ValidationInfo
    ) -> dict[str, tuple[str, ...]]:
        if info.data.get("format") == "xml":
            for paths in columns.values():
                for path in paths:
                    parse_path(path)
        elif info.data.get("format") != "auto":
            _refuse_twice(columns, "header")
        return columns

    @field_validator("xml")
    @classmethod
    def _rows_are_said(cls, xml: XmlOptions | None, info: ValidationInfo) -> XmlOptions | None:
        if xml is None and info.data.get("format") == "xml":
            raise ValueError("`xml` is missing → say which elements are rows: `xml: {rows: /Export/Item}`")
        return xml

    @field_validator("status")
    @classmethod
    def _each_word_once(cls, status: dict[Status, tuple[str, ...]]) -> dict[Status, tuple[str, ...]]:
        _refuse_twice({word.value: (word.value, *status.get(word, ())) for word in Status}, "word")
        return status

    @field_validator("stages")
    @classmethod
    def _each_stage_once(cls, stages: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        _refuse_twice({stage: (stage, *stages.get(stage, ())) for stage in STAGES}, "word")
        return stages

    @field_validator("date_formats")
    @classmethod
    def _known_directives(cls, formats: tuple[str, ...]) -> tuple[str, ...]:
        for form in formats:
            if form in EPOCHS:
                continue
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
        patterns = self.pattern or tuple(f"*.{ending}" for ending in ENDINGS[self.format])
        return re.compile("|".join(map(translate, patterns)), re.IGNORECASE)

    def takes(self, name: str) -> bool:
        """Tell whether a file counts, by its name below the folder."""
        return counts(name, self.file_name)

    @cached_property
    def wanted(self) -> Wanted:
        """The configured headers, and the columns that a file may do without.

        A default does not stand in for a header that is configured and not there: the PLM may have renamed it, and every
        withdrawn ECN would read as released. XML states its values one by one, and says nothing of what it might state.
        """
        without = {column for column in self.defaults if column not in self.columns or self.xml is not None}
        if self.join:
            without.add("status")
        return Wanted({str(c): names for c, names in self.columns.items()}, frozenset(map(str, without)))

    @cached_property
    def mapped(self) -> Mapped | None:
        """The XML paths, parsed."""
        if self.xml is None:
            return None
        columns = {str(column): tuple(map(parse_path, paths)) for column, paths in self.columns.items()}
        return Mapped(self.xml.paths, columns, self.xml.headers, halves=self.join is not None)

    @property
    def widths(self) -> Widths:
        """How lines of fixed width are cut."""
        positions = {str(column): span_of(position) for column, position in self.positions.items()}
        return Widths(positions, self.header_row, self.width == "display")

    def reading(self, form: str) -> Reading:
        """Return how values are understood in a file of this format."""
        return self._readings[form in SPREADSHEETS]

    @cached_property
    def _readings(self) -> Mapping[bool, Reading]:
        """How values are understood, whether or not the file may have gone through a spreadsheet."""
        reading = Reading(
            words=self.words,
            date_formats=self.date_formats,
            zone=self.zone,
            stages=self.stage_words,
            defaults={str(column): value.strip() for column, value in self.defaults.items() if value.strip()},
            as_written=frozenset(map(str, self.as_written)),
            digits={str(column): count for column, count in self.digits.items()},
            halves=self.join is not None,
        )
        return {False: reading, True: replace(reading, from_spreadsheet=True)}

    @property
    def zone(self) -> ZoneInfo:
        """The zone of dates without one; the core fills in the plant's."""
        return ZoneInfo(self.timezone or "UTC")

    @property
    def stage_words(self) -> Mapping[str, tuple[str, ...]]:
        """The configured words by stage."""
        return {str(stage): words for stage, words in self.stages.items()}

    @cached_property
    def words(self) -> Mapping[str, Status]:
        """Case-folded status words; the canonical ones always count."""
        known = {status.value: status for status in Status}
        return known | {word.strip().casefold(): status for status, words in self.status.items() for word in words}


def _refuse_twice(given: Mapping[Any, tuple[str, ...]], what: str) -> None:
    seen: dict[str, str] = {}
    for key, names in given.items():
        for name in names:
            if seen.setdefault(name.strip().casefold(), key) != key:
                raise ValueError(f"the {what} {name!r} is given for both {seen[name.strip().casefold()]} and {key}")
