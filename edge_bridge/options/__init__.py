"""Typed settings: the types a technician's values may have, and errors that name file, line, column and the fix."""

from edge_bridge.options.judging import missing_program
from edge_bridge.options.models import (
    AdapterOptions,
    ControllerOptions,
    ExtractorOptions,
    Options,
    ShareOptions,
    SourceOptions,
)
from edge_bridge.options.reading import Model, explain, read_options
from edge_bridge.options.values import (
    IDENTIFIER,
    Credential,
    Duration,
    FilePath,
    Identifier,
    Pattern,
    Secret,
    Size,
    TimeZone,
    YesNo,
    duration_text,
    milliseconds,
    one_or_more,
    size_in_bytes,
    size_text,
)

__all__ = [
    "IDENTIFIER",
    "AdapterOptions",
    "ControllerOptions",
    "Credential",
    "Duration",
    "ExtractorOptions",
    "FilePath",
    "Identifier",
    "Model",
    "Options",
    "Pattern",
    "Secret",
    "ShareOptions",
    "Size",
    "SourceOptions",
    "TimeZone",
    "YesNo",
    "duration_text",
    "explain",
    "milliseconds",
    "missing_program",
    "one_or_more",
    "read_options",
    "size_in_bytes",
    "size_text",
]
