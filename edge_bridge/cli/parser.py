"""An argument parser that takes options anywhere, and says wrong usage like every other error: for `--json`, too."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from edge_bridge.errors import UsageError


class Parser(argparse.ArgumentParser):
    """As argparse's, which before Python 3.13 refuses `browse ADAPTER --config DIR START`, where START may be absent."""

    _intermixes = True

    def add_subparsers(self, **settings: Any) -> Any:
        """As argparse's. A parser of parsers cannot intermix; those it leads to can."""
        self._intermixes = False
        return super().add_subparsers(**settings)

    def parse_known_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> Any:  # type: ignore[override]
        """As argparse's."""
        if not self._intermixes:
            return super().parse_known_args(args, namespace)
        self._intermixes = False  # the intermixed way comes here again, for the options and for the words
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._intermixes = True

    def error(self, message: str) -> NoReturn:
        """Show how it is used, and raise UsageError."""
        self.print_usage(sys.stderr)
        raise UsageError(message, f"see: {self.prog} --help")
