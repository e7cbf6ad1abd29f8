"""What is wrong, with a configuration or else, told in the language of whoever mends it; JSON and the log keep the English."""

from __future__ import annotations

import argparse
import re

from edge_bridge import config
from edge_bridge.cards.sentences import SETTINGS, catalogue
from edge_bridge.errors import ConfigError, ConfigErrors, EdgeBridgeError

_LANGUAGE = re.compile(rb"^language:[ \t]*['\"]?(zh-CN|en)\b", re.MULTILINE)
_LOOKED_AT = 1 << 20  # bytes


def language_for(args: argparse.Namespace) -> str:
    """Return `--lang`, else what `edge-bridge.yaml` says even where it cannot be used otherwise, else English."""
    if args.lang:
        return str(args.lang)
    try:
        with (config.folder_for(args.config) / config.SITE_FILE).open("rb") as file:
            found = _LANGUAGE.search(file.read(_LOOKED_AT))
    except OSError:
        return "en"  # what is wrong with the file is what the caller is about to tell
    return found[1].decode() if found else "en"


def shown(problem: EdgeBridgeError, language: str) -> str:
    """Return a problem, or several, one a line, as `file:line:column: what → hint`; what nobody knows stays as it is."""
    if language == "en":
        return str(problem)
    if isinstance(problem, ConfigErrors):
        return "\n".join(shown(one, language) for one in problem.problems)
    known = catalogue(language, SETTINGS)
    where = problem.where if isinstance(problem, ConfigError) else ""
    return str(ConfigError(known.told(problem.what), known.told(problem.hint), where=where))
