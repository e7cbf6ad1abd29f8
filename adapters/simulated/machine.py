"""A pure model of a simulated machine tool: what the controllers' servers publish, and the text commands that change it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from edge_bridge.domain.reading import Execution, Mode


class CommandError(ValueError):
    """A command line that cannot be obeyed, in words."""


@dataclass(frozen=True, slots=True)
class Codes:
    """The raw numbers in which one make of control says its words."""

    execution: Mapping[Execution, int]
    mode: Mapping[Mode, int]


SINUMERIK = Codes(
    execution={Execution.RUNNING: 3, Execution.INTERRUPTED: 1, Execution.STOPPED: 2, Execution.IDLE: 5},
    mode={Mode.AUTOMATIC: 2, Mode.MDI: 1, Mode.MANUAL: 0},
)
PLAIN = Codes(
    execution={Execution.RUNNING: 1, Execution.INTERRUPTED: 2, Execution.STOPPED: 0, Execution.IDLE: 0},
    mode={Mode.AUTOMATIC: 2, Mode.MDI: 1, Mode.MANUAL: 0},
)

_MODES = {"auto": Mode.AUTOMATIC, "automatic": Mode.AUTOMATIC, "mdi": Mode.MDI, "manual": Mode.MANUAL}


@dataclass(slots=True)
class Machine:
    """One machine's present state. `obey` changes it; the servers publish it, in raw numbers, as their control would."""

    codes: Codes = PLAIN
    main_program: str = ""
    active_program: str = ""
    version: str = ""
    execution: Execution = Execution.STOPPED
    mode: Mode = Mode.AUTOMATIC
    test: bool = False
    commands: dict[str, Callable[[list[str]], None]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Start with the main program as the active one."""
        self.active_program = self.active_program or self.main_program
        self.commands = {
            "load": self._load,
            "version": self._version,
            "run": lambda words: self._execute(Execution.RUNNING, words),
            "stop": lambda words: self._execute(Execution.STOPPED, words),
            "interrupt": lambda words: self._execute(Execution.INTERRUPTED, words),
            "end": self._end,
            "sub": self._sub,
            "return": self._return,
            "mode": self._mode,
            "test": self._test,
        }

    @property
    def raw_execution(self) -> int:
        """The execution as the control's number."""
        return self.codes.execution[self.execution]

    @property
    def raw_mode(self) -> int:
        """The mode as the control's number."""
        return self.codes.mode[self.mode]

    def obey(self, line: str) -> None:
        """Carry out one command line: `load NAME [VERSION]`, `version V`, `run`, `stop`, `interrupt`, `end`, `sub NAME`,
        `return`, `mode auto|mdi|manual`, `test on|off`. Raises CommandError, and then nothing has changed.
        """
        name, *words = line.split() or [""]
        if name not in self.commands:
            raise CommandError(f"unknown command {name!r}; known: {', '.join(sorted(self.commands))}")
        self.commands[name](words)

    def status(self) -> str:
        """Return the state as one line of `key=value`."""
        return (
            f"main={self.main_program} active={self.active_program} version={self.version} "
            f"execution={self.execution} mode={self.mode} test={'on' if self.test else 'off'}"
        )

    def _load(self, words: list[str]) -> None:
        """Select another main program; as on a control, nothing runs then, and its version may come with it."""
        name, *version = _between(words, 1, 2, "load NAME [VERSION]")
        self.main_program = self.active_program = name
        self.execution = Execution.STOPPED
        if version:
            self.version = version[0]

    def _version(self, words: list[str]) -> None:
        self.version = " ".join(words)

    def _execute(self, execution: Execution, words: list[str]) -> None:
        _between(words, 0, 0, "no words after it")
        self.execution = execution

    def _end(self, words: list[str]) -> None:
        """End the program as M30 does: back at its start, idle."""
        self._execute(Execution.IDLE, words)
        self.active_program = self.main_program

    def _sub(self, words: list[str]) -> None:
        """Call a subprogram: the active program changes, the main one stays."""
        (self.active_program,) = _between(words, 1, 1, "sub NAME")

    def _return(self, words: list[str]) -> None:
        _between(words, 0, 0, "no words after it")
        self.active_program = self.main_program

    def _mode(self, words: list[str]) -> None:
        (word,) = _between(words, 1, 1, "mode auto|mdi|manual")
        if word not in _MODES:
            raise CommandError(f"unknown mode {word!r}; known: {', '.join(_MODES)}")
        self.mode = _MODES[word]

    def _test(self, words: list[str]) -> None:
        (word,) = _between(words, 1, 1, "test on|off")
        if word not in ("on", "off"):
            raise CommandError("test is on or off")
        self.test = word == "on"


def _between(words: list[str], least: int, most: int, usage: str) -> list[str]:
    if not least <= len(words) <= most:
        raise CommandError(f"expected: {usage}")
    return words
