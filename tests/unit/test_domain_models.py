"""Obligation and card against models so small that they can be seen to be right, through any order of events."""

from __future__ import annotations

from dataclasses import dataclass, field

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from edge_bridge.domain.board import Board
from edge_bridge.domain.card import Card, Kind, Severity
from edge_bridge.domain.ecn import Status
from edge_bridge.domain.event import EventType
from edge_bridge.domain.instant import HOUR
from edge_bridge.domain.plant import Machine
from edge_bridge.domain.signal import Acknowledge
from tests.unit.domain_plant import PARTIES, Shop, draft, plant

LIMIT_S = 15 * 60


@dataclass
class Duty:
    """What an obligation is, as one would tell it at the coffee machine. Times in seconds since the beginning."""

    due: int
    verdict: str = "pending"
    closed: bool = False
    back: int | None = None  # first wrong evidence after it could not be verified

    def see(self, shown: str, now: int) -> None:
        """Judge by what is shown: right, wrong, or something that proves nothing."""
        if self.closed:
            return
        if shown == "right":
            self.verdict = {"pending": "compliant", "violated": "late"}.get(self.verdict, self.verdict)
            self.closed = True
        elif self.verdict == "pending" and now >= self.due:
            self.verdict = "violated" if shown == "wrong" else "unverifiable"
            self.back = None
        elif self.verdict == "unverifiable" and shown == "wrong":
            self.back = now if self.back is None else self.back
            if now - self.back >= LIMIT_S:
                self.verdict = "violated"

    def end(self) -> None:
        """Withdraw, supersede or waive."""
        if not self.closed:
            self.verdict = "excluded" if self.verdict == "pending" else self.verdict
            self.closed = True


class ObligationMachine(RuleBasedStateMachine):
    """One machine, one program; ECNs come and go, the machine shows this and that, time goes on."""

    def __init__(self) -> None:
        super().__init__()
        self.shop = Shop(plant(Machine("m1", every=24 * HOUR)))
        self.now, self.number, self.shown = 0, 0, "nothing"
        self.duties: dict[str, Duty] = {}
        self.version = "0"

    @property
    def current(self) -> Duty | None:
        """The newest obligation."""
        return self.duties.get(f"E{self.number}")

    @rule()
    def release(self) -> None:
        """A newer ECN demands a newer version; what is shown becomes wrong if it showed a version at all."""
        if self.current is not None:
            self.current.end()
        self.number += 1
        self.duties[f"E{self.number}"] = Duty(self.now + LIMIT_S)
        if self.shown == "right":
            self.shown = "wrong"
        self.shop.released(f"E{self.number}", str(self.number))
        self._see()

    @precondition(lambda self: self.number)
    @rule()
    def withdraw(self) -> None:
        """All ECNs are withdrawn, the oldest first."""
        for number in range(1, self.number + 1):
            self.shop.notice(draft(f"E{number}", str(number), status=Status.WITHDRAWN))
        assert self.current is not None
        self.current.end()

    @precondition(lambda self: self.number)
    @rule(shown=st.sampled_from(["right", "wrong", "blind", "other"]))
    def read(self, shown: str) -> None:
        """The machine shows the required version, another one, none, or another program."""
        self.shown = shown
        match shown:
            case "right":
                self.shop.reads(str(self.number))
            case "wrong":
                self.shop.reads("0")
            case "blind":
                self.shop.reads()
            case _:
                self.shop.reads("7", program="OTHER")
        self._see()

    @rule(seconds=st.sampled_from([1, 60, LIMIT_S - 1, LIMIT_S, LIMIT_S + 1]))
    def wait(self, seconds: int) -> None:
        """Time goes on, second by second."""
        for _ in range(seconds):
            self.now += 1
            self.shop.waits(1)
            self._see()

    @precondition(lambda self: self.current is not None and not self.current.closed)
    @rule()
    def waive(self) -> None:
        """Somebody with the right to do so excludes it."""
        assert self.shop.waives(self.shop.obligation().id) is None
        assert self.current is not None
        self.current.end()

    @precondition(lambda self: self.shown not in ("nothing", "blind"))
    @rule(reboot=st.booleans())
    def restart(self, reboot: bool) -> None:
        """Stop and start within the same second; the first reading follows at once."""
        self.shop.restart(off=0, reboot=reboot)
        self.read(self.shown)

    def _see(self) -> None:
        if self.current is not None:
            self.current.see(self.shown, self.now)

    @invariant()
    def the_ledger_says_what_the_model_says(self) -> None:
        """Every obligation there ever was, open or closed, with its verdict."""
        told = {e.data["ecn"]: e for e in self.shop.events if e.type.startswith("obligation.")}
        assert {n: (str(e.data["verdict"]), e.type is EventType.OBLIGATION_CLOSED) for n, e in told.items()} == {
            n: (d.verdict, d.closed) for n, d in self.duties.items()
        }


@dataclass
class Notice:
    """What a card is: does it hold, who has seen it, how bad is it."""

    severity: Severity
    seen: str
    ecns: list[str]
    active: bool = True
    acks: set[str] = field(default_factory=set)
    revision: int = 1
    rose: int = 1


class CardMachine(RuleBasedStateMachine):
    """One problem on one machine that comes, changes, goes and is acknowledged."""

    def __init__(self) -> None:
        super().__init__()
        self.shop = Shop(plant("m1"))
        self.model: Notice | None = None
        self.closed = 0

    @property
    def board(self) -> Board:
        """The board that is tried."""
        return self.shop.ledger.board

    @property
    def card(self) -> Card | None:
        """The open card."""
        return self.board.find("m1", Kind.REVERTED, "P1")

    @rule(
        severity=st.sampled_from([Severity.HIGH, Severity.CRITICAL]),
        seen=st.sampled_from(["1", "0"]),
        ecn=st.sampled_from(["E1", "E2"]),
    )
    def hold(self, severity: Severity, seen: str, ecn: str) -> None:
        """The condition holds, as it did before or differently."""
        self.board.raise_card(
            "m1", Kind.REVERTED, "P1", machine="m1", program="P1", ecns=[ecn], severity=severity, seen=seen
        )
        if self.model is None:
            self.model = Notice(severity, seen, [ecn])
            return
        ecns = [*self.model.ecns, *([ecn] if ecn not in self.model.ecns else [])]
        if self.model.active and (self.model.severity, self.model.seen, self.model.ecns) == (severity, seen, ecns):
            return
        self.model.revision += 1
        if not self.model.active or severity.rank > self.model.severity.rank:
            self.model.rose = self.model.revision
        self.model.severity, self.model.seen, self.model.ecns, self.model.active = severity, seen, ecns, True

    @rule()
    def clear(self) -> None:
        """The condition holds no more."""
        self.board.clear("m1", Kind.REVERTED, "P1")
        if self.model is not None:
            self.model.active = False
            self._close_when_seen()

    @precondition(lambda self: self.card is not None)
    @rule(party=st.sampled_from([*PARTIES, "boss"]), back=st.sampled_from([0, 0, 1, -1]))
    def acknowledge(self, party: str, back: int) -> None:
        """Somebody has seen it, perhaps an older revision, perhaps one that does not exist."""
        card, model = self.card, self.model
        assert card is not None
        assert model is not None
        revision = model.revision - back
        refused = self.shop.send(Acknowledge(self.shop.now, card.id, revision, party, "Li"))
        allowed = party in PARTIES and max(1, model.rose) <= revision <= model.revision
        assert (refused is None) == allowed
        if allowed:
            model.acks.add(party)
            self._close_when_seen()

    @rule(reboot=st.booleans())
    def restart(self, reboot: bool) -> None:
        """Everything survives it, and it tells nothing."""
        assert self.shop.restart(off=5, reboot=reboot) == []

    def _close_when_seen(self) -> None:
        if self.model is not None and self.model.acks and not self.model.active:
            self.model = None
            self.closed += 1

    @invariant()
    def the_board_says_what_the_model_says(self) -> None:
        """The same card in the same shape, and as many closed ones."""
        self.shop.ledger.advance(self.shop.now)
        card = self.card
        assert (card is None) == (self.model is None)
        if card is not None and self.model is not None:
            shown = (card.severity, card.seen, list(card.ecns), card.active, set(card.acks), card.revision, card.rose)
            model = self.model
            assert shown == (
                model.severity,
                model.seen,
                model.ecns,
                model.active,
                model.acks,
                model.revision,
                model.rose,
            )

    @invariant()
    def closed_cards_were_cleared_first(self) -> None:
        """Cleared before closed, and closed as often as the model closed."""
        self.shop.commit()
        told = [e for e in self.shop.events if e.type in (EventType.CARD_CLEARED, EventType.CARD_CLOSED)]
        assert sum(e.type is EventType.CARD_CLOSED for e in told) == self.closed
        for before, after in zip([None, *told], told, strict=False):
            if after.type is EventType.CARD_CLOSED:
                cleared = [e for e in told[: told.index(after)] if e.subject == after.subject]
                assert cleared, f"{after.subject} closed and never cleared after {before}"


TestObligationAgainstItsModel = ObligationMachine.TestCase
TestObligationAgainstItsModel.settings = settings(max_examples=40, stateful_step_count=15, deadline=None)
TestCardAgainstItsModel = CardMachine.TestCase
TestCardAgainstItsModel.settings = settings(max_examples=80, stateful_step_count=25, deadline=None)
