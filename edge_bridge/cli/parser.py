"""An argument parser that takes options anywhere: before, between and after a command's words."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any


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
