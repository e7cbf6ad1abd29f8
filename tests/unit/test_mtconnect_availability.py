"""Whether a machine is there, where its availability says that it is not; and stamps of one agent among themselves."""

from __future__ import annotations

import pytest

from adapters.mtconnect import decode, document
from adapters.mtconnect.layout import lay_out
from adapters.mtconnect.options import settings
from adapters.mtconnect.resolve import resolve
from adapters.mtconnect.stamps import apart, same
from adapters.mtconnect.state import snapshot
from edge_bridge.errors import AdapterError

GONE = "2016-10-05T05:27:55.740706Z"
LATER = "2016-10-06T09:53:33.665Z"
AGENT = """<MTConnectStreams><Header instanceId="1"/><Streams><DeviceStream name="M"><ComponentStream component="Device">
<Events><Availability dataItemId="a" sequence="10" timestamp="{gone}">UNAVAILABLE</Availability>
<Execution dataItemId="e" sequence="{sequence}" timestamp="{stamp}">{value}</Execution>
<ControllerMode dataItemId="m" sequence="99" timestamp="{mode}">MANUAL</ControllerMode>
<Program dataItemId="p" sequence="11" timestamp="{gone}">UNAVAILABLE</Program></Events>
</ComponentStream></DeviceStream></Streams></MTConnectStreams>"""


def check(*, gone: str = GONE, sequence: int = 20, stamp: str = LATER, value: str = "READY", mode: str = GONE) -> None:
    """Raise AdapterError where a machine that says this of its execution counts as not available."""
    options = {"adapter": "mtconnect", "url": "http://agent:5000"}
    text = AGENT.format(gone=gone, sequence=sequence, stamp=stamp, value=value, mode=mode)
    streams = document.streams(text.encode())
    plan = resolve(lay_out("m1", settings(options), options), streams)
    decode.require_available(plan, snapshot(streams.observations, plan.ids))


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"gone": "2025-02-28T01:00:04.564623", "stamp": "2025-02-28T11:07:23.842232"},
        {"stamp": "2016-10-05T05:27:56.740706Z"},
        {"stamp": "2016-10-05T04:00:00Z"},
    ],
    ids=["a day later", "stamps without a zone", "a second later", "an adapter whose clock is behind the agent's"],
)
def test_a_machine_that_speaks_after_its_availability_is_there(said: dict[str, str]) -> None:
    """Its availability is what the agent began with, and nobody tells another."""
    check(**said)


@pytest.mark.parametrize(
    "said",
    [
        {"sequence": 9},
        {"value": "UNAVAILABLE"},
        {"value": ""},
        {"value": "UNAVAILABLE", "mode": LATER},
        {"stamp": GONE},
        {"stamp": "2016-10-05T05:27:56.740705Z"},
        {"stamp": "TIME"},
        {"stamp": ""},
        {"gone": "2016-10-05T05:27:55"},
    ],
    ids=[
        "said before",
        "no word",
        "nothing",
        "a mode alone",
        "with it",
        "less than a second later",
        "no stamp",
        "an empty stamp",
        "one without a zone",
    ],
)
def test_a_machine_that_may_only_have_left_its_values_is_lost(said: dict[str, str | int]) -> None:
    """What is not later for certain may be what the machine said last."""
    with pytest.raises(AdapterError, match="M is not available"):
        check(**said)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("one", "other", "distance"),
    [
        ("2022-08-08T13:51:34.7167146Z", "2022-08-08T13:51:35.7167146Z", 1000),
        ("2022-08-08T13:51:35Z", "2022-08-08T13:51:34Z", 1000),
        ("2022-08-08T13:51:34", "2022-08-08T13:51:34.5", 500),
        ("2022-08-08T13:51:34", "2022-08-08T13:51:34Z", None),
        ("TIME", "TIME", None),
        ("", "", None),
    ],
)
def test_stamps_are_compared_where_they_can_be(one: str, other: str, distance: int | None) -> None:
    """With a zone or without, of any precision; a stamp that says nothing is at no distance from itself."""
    assert apart(one, other) == distance
    assert same(one, one) is (one not in ("TIME", ""))
    assert not same(one, other) or one == other
