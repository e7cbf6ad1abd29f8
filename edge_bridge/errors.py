"""One tree of errors. Each says what is wrong, where, and what to do; a person reads them, never a traceback."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar


class EdgeBridgeError(Exception):
    """Something a person can act on: `what` is wrong, `hint` is what to do about it."""

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.what} → {self.hint}" if self.hint else self.what


class UsageError(EdgeBridgeError):
    """What was typed cannot be meant."""

    exit_code = 2


class ConfigError(EdgeBridgeError):
    """A setting that cannot be used: `where` is `file:line:column`, `key` its path, such as `('nodes', 'mode')`."""

    exit_code = 78  # EX_CONFIG: systemd must not restart on it

    def __init__(self, what: str, hint: str = "", *, key: tuple[str | int, ...] = (), where: str = "") -> None:
        super().__init__(what, hint)
        self.key = key
        self.where = where

    def __str__(self) -> str:
        text = super().__str__()
        return f"{self.where}: {text}" if self.where else text


class ConfigErrors(ConfigError):
    """Every problem found in one configuration, so that a technician mends them in one round."""

    def __init__(self, problems: Sequence[ConfigError]) -> None:
        super().__init__(f"{len(problems)} problems in the configuration")
        self.problems = tuple(problems)

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


class AdapterError(EdgeBridgeError):
    """A controller or folder cannot be read now; the supervisor will try again."""


class RefusedError(AdapterError):
    """The other side knows us and says no (credentials, policy): trying again without a person is of no use."""


class UntrustedError(RefusedError):
    """The other side shows a certificate that no person has accepted. Trying again is of use once one has.

    facts: `fingerprint` first, then whatever a card should say. accepted: tells whether a person has accepted it by now.
    """

    def __init__(self, what: str, hint: str, *, facts: Mapping[str, str], accepted: Callable[[], bool]) -> None:
        super().__init__(what, hint)
        self.facts = dict(facts)
        self.accepted = accepted


class CertificateError(EdgeBridgeError):
    """Our own certificate, or the folder of those that are trusted, cannot be used."""


class StoreError(EdgeBridgeError):
    """The database cannot be opened, read or written."""


class PublishError(EdgeBridgeError):
    """The broker did not take a message."""


class ControlError(EdgeBridgeError):
    """A command to the running daemon could not be carried out."""
