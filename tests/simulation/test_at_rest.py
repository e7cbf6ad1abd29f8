"""A ledger that reads ECNs when they are asked for says word for word what one says that holds them all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from edge_bridge.domain.ecn import Ecn, EcnDraft, Item, Status
from edge_bridge.domain.instant import DAY, HOUR, MINUTE, SECOND, When
from edge_bridge.domain.plant import Machine, Plant, Route, Source
from edge_bridge.domain.portions import finished
from edge_bridge.domain.routing import Demand, route_held
from edge_bridge.domain.signal import EcnNotice, FileRejected, ScanDone
from tests.simulation.shops_at_rest import InStore, Resting
from tests.unit.domain_plant import PARTIES, Shop

NUMBERS = ("E1", "E2", "E10", "E01", "F1", "F2")
PROGRAMS = ("P1", "P2", "A7-10")
MORE = ("m4", "m5", "m6", "m7", "m8")
LAYOUTS = (("m1", "m2"), ("m1", "m2", "m3"), ("m2", "m3"), ("m1", "m2", *MORE), ("m1", "m2", "m3", *MORE))
AGES = (0, 0, 0, MINUTE, HOUR, 3 * HOUR, 40 * DAY, -HOUR)

Step = Callable[[Shop], object]


def layout(machines: tuple[str, ...] = LAYOUTS[0], *, routed: bool = True) -> Plant:
    """Return a plant with these machines; routed: a drawing leads to all of them."""
    led_to = ("m1", "m2", *(name for name in MORE if name in machines))
    route = Route({"part": "A*"}, machines=led_to, program=("{part}-10",), version="{revision}")
    return Plant(
        "site",
        "gw",
        machines={name: Machine(name) for name in machines},
        sources={"plm": Source("plm"), "erp": Source("erp")},
        routes=(route,) if routed else (),
        parties=PARTIES,
    )


@st.composite
def items(draw: st.DrawFn) -> Item:
    """Draw an item: on machines by name, by a route, of a machine that nobody knows, or in doubt."""
    version = draw(st.sampled_from(("1", "2", "3")))
    kind = draw(st.sampled_from(("named", "named", "named", "routed", "routed", "nowhere", "doubt")))
    if kind == "routed":
        return Item("A7", revision=version)
    machines = ("m9",) if kind == "nowhere" else draw(st.sampled_from((("m1",), ("m2",), ("m1", "m2"), ("m1", "m3"))))
    doubt = "a number" if kind == "doubt" else ""
    return Item("B1", program=draw(st.sampled_from(PROGRAMS)), version=version, machines=machines, doubt=doubt)


@st.composite
def notices(draw: st.DrawFn) -> Step:
    """Draw a file of one to three ECNs, each of which may supersede others by name or wait for its day."""
    source, file = draw(st.sampled_from(("plm", "erp"))), draw(st.sampled_from(("a", "b", "c", "d")))
    status = st.sampled_from(
        (*[Status.RELEASED] * 5, Status.CLOSED, Status.CLOSED, Status.IN_WORK, Status.WITHDRAWN, None)
    )
    one = st.tuples(
        st.sampled_from(NUMBERS),
        status,
        st.lists(items(), min_size=0, max_size=3),
        st.lists(st.sampled_from(NUMBERS), max_size=2),
        st.sampled_from(AGES),
        st.sampled_from((None, None, None, None, HOUR, DAY)),
        st.sampled_from((None, "programming", "review")),
    )
    said = draw(st.lists(one, min_size=1, max_size=3, unique_by=lambda drawn: drawn[0]))
    digest = draw(st.sampled_from(("old", "new")))

    def step(shop: Shop) -> None:
        now, drafts = shop.now.utc, []
        for number, status, what, supersedes, age, effective, stage in said:
            drafts.append(
                EcnDraft(
                    number,
                    status,
                    "" if status is not None else "odd",
                    tuple(what),
                    released=When(now - age),
                    effective_from=When(now + effective) if effective else None,
                    supersedes=tuple(supersedes),
                    stage=stage,
                )
            )
        sha256 = digest if digest == "old" else f"{now}"
        shop.send(EcnNotice(source, shop.now, file, sha256, tuple(drafts), mark=f"{now}"))

    return step


def rejected(file: str) -> Step:
    """Return a file that cannot be read."""
    return lambda shop: shop.send(FileRejected("plm", shop.now, file, "bad", "no column ecn", "line 1"))


def read(machine: str, program: str, version: str, *, running: bool) -> Step:
    """Return a reading; one of a machine that is not there is none."""
    return lambda shop: shop.reads(version, program=program, machine=machine, running=running)


def configured(machines: tuple[str, ...], *, routed: bool) -> Step:
    """Return a change of the configuration."""
    return lambda shop: shop.configured(layout(machines, routed=routed))


steps = st.one_of(
    notices(),
    notices(),
    notices(),
    st.builds(rejected, st.sampled_from(("a", "e"))),
    st.builds(
        read,
        st.sampled_from(("m1", "m2", "m4")),
        st.sampled_from(PROGRAMS),
        st.sampled_from(("1", "2", "3")),
        running=st.booleans(),
    ),
    st.builds(lambda seconds: lambda shop: shop.waits(seconds), st.sampled_from((30, 1000, 4000, 90_000))),
    st.builds(lambda source: lambda shop: shop.send(ScanDone(source, shop.now)), st.sampled_from(("plm", "erp"))),
    st.builds(configured, st.sampled_from(LAYOUTS), routed=st.booleans()),
    st.builds(lambda reboot: lambda shop: shop.restart(off=60, reboot=reboot), st.booleans()),
)


def in_force(shop: Shop) -> dict[str, Demand]:
    """Say what is in force by going through every ECN: explicit supersedes first, then release, then arrival, then number."""
    asked: defaultdict[str, list[tuple[Ecn, Demand]]] = defaultdict(list)
    for _, ecn in shop.ledger.books.state.ecn.items():
        if ecn.status.in_force and not ecn.waiting:
            for key, demand in finished(route_held(ecn, shop.plant))[0].items():
                asked[key].append((ecn, demand))
    heads = {}
    for key, pairs in asked.items():
        named = {number for ecn, _ in pairs for number in ecn.draft.supersedes if number != ecn.number}
        standing = [pair for pair in pairs if pair[0].number not in named] or pairs
        heads[key] = max(standing, key=lambda pair: _order(pair[0]))[1]
    return heads


def _order(ecn: Ecn) -> tuple[int, int, str, int, str]:
    date = ecn.draft.effective_from or ecn.draft.released
    usual = date.utc if date is not None and not ecn.suspect_time else ecn.arrived.utc
    release = ecn.release if ecn.release is not None else usual
    return release, ecn.arrived.utc, ecn.number[0], int(ecn.number[1:]), ecn.number


def agree(holding: Shop, resting: Shop, since: int) -> None:
    """Check that two shops say and know the same, and that it is right. since: events that were compared before."""
    ours, theirs = holding.ledger.books, resting.ledger.books
    assert resting.events[since:] == holding.events[since:]
    for kind in ("requirement", "obligation", "card", "source", "machine"):
        assert getattr(theirs.state, kind) == getattr(ours.state, kind)
    assert list(theirs.state.ecn.items()) == list(ours.state.ecn.items())
    assert list(theirs.state.file.items()) == list(ours.state.file.items())
    assert {key: row.demand for key, row in theirs.state.requirement.items()} == in_force(resting)


def together(course: list[Step], *shops: Shop) -> None:
    """Let the same happen in all shops."""
    first, *others = shops
    for step in course:
        since = len(first.events)
        for shop in shops:
            shop.clock.move(SECOND)
            step(shop)
        for other in others:
            agree(first, other, since)
    event(f"{len(first.events) // 10}0 events")


@settings(max_examples=60, deadline=None)
@given(st.lists(steps, min_size=5, max_size=40))
def test_what_is_at_rest_changes_nothing(course: list[Step]) -> None:
    """Releases, changes, withdrawals, supersedes, waiting, routes that come and go, restarts: the same events, cards, rows."""
    together(course, Shop(layout(), scanned=False), Resting(layout(), scanned=False))


@settings(max_examples=25, deadline=None)
@given(st.lists(steps, min_size=5, max_size=40))
def test_the_same_with_a_real_database(course: list[Step]) -> None:
    """What SQLite gives back is what was put there; what opens on many machines as one row, and what was taken apart again."""
    machines = LAYOUTS[-1]
    with TemporaryDirectory() as folder:
        shop = InStore(Path(folder) / "shop.db", layout(machines), scanned=False)
        with shop.store:
            together([scanned, released, *course], Shop(layout(machines), scanned=False), shop)
            once, apart = shop.together
            assert once
            event("taken apart" if apart else "as it was")


def scanned(shop: Shop) -> None:
    """What comes from now on is news."""
    shop.send(ScanDone("plm", shop.now))


def released(shop: Shop) -> None:
    """An ECN on two programs of many machines."""
    items = tuple(Item(part, revision="2") for part in ("A7", "A8"))
    draft = EcnDraft("E2", Status.RELEASED, items=items, released=When(shop.now.utc))
    shop.send(EcnNotice("plm", shop.now, "first", "first", (draft,)))


@pytest.mark.parametrize("first", range(0, 160, 40))
def test_many_on_one_program(first: int) -> None:
    """Where many ask for one program and supersede each other by name, back and forth, the right one is in force."""
    told = 0
    for seed in range(first, first + 40):
        choose, shop = Random(seed), Resting(layout(), scanned=False)
        for number in range(14):
            shop.clock.move(choose.choice((0, SECOND)))
            drafts = [_rival(choose, name, shop.now.utc) for name in choose.sample(NUMBERS, choose.choice((1, 1, 2)))]
            shop.send(EcnNotice("plm", shop.now, f"{number}", f"{number}", tuple(drafts)))
            if choose.random() < 0.1:
                shop.restart()
            found = {key: row.demand for key, row in shop.ledger.books.state.requirement.items()}
            assert found == in_force(shop), f"seed {seed}, file {number}"
        told += len(found)
    assert told > 20, "hardly anything was ever in force"


def _rival(choose: Random, number: str, now: int) -> EcnDraft:
    """Return an ECN on the one program, that may supersede any other."""
    status = choose.choice([Status.RELEASED] * 5 + [Status.WITHDRAWN, Status.IN_WORK])
    item = Item("B1", program="P1", version=choose.choice("123"), machines=("m1",))
    supersedes = tuple(choose.sample(NUMBERS, choose.choice((0, 0, 1, 2))))
    released = When(now - choose.choice((0, MINUTE, HOUR)))
    return EcnDraft(number, status, items=(item,), released=released, supersedes=supersedes)
