"""Every field of a file comes through the parser's process into the events: as CSV, as a workbook and as XML."""

from __future__ import annotations

import io
from pathlib import Path

import xlsxwriter

from tests.system.plant import plant
from tests.system.site import PLM, ROUTES, Site

HEADERS = ("number", "status", "released", "stage", "stage_date", "supersedes", "part", "drawing", "revision")
HEADERS += ("serial_from", "serial_to", "lot", "machines")
HEAD = ("E-{}", "released", "2026-01-05T08:00:00Z", "review", "2026-01-06T09:30:00Z", "OLD-1")
ITEMS = (
    ("EL-{}", "D-1", "B", "100", "200", "L7", "dmu50-01"),
    ("1.00E+05", "D-2", "C", "300", "", "", "dmu50-01"),  # what a spreadsheet makes of 100000
)
PATHS = "columns:\n" + "".join(f"  {name}: {name}\n" for name in HEADERS)


def rows(name: str) -> list[tuple[str, ...]]:
    """Return the rows of a file: the ECN's own columns, then an item's."""
    return [tuple(value.format(name) for value in (*HEAD, *item)) for item in ITEMS]


def as_csv() -> bytes:
    return "".join(f"{','.join(row)}\n" for row in (HEADERS, *rows("csv"))).encode()


def as_xlsx() -> bytes:
    target = io.BytesIO()
    book = xlsxwriter.Workbook(target, {"in_memory": True})
    page = book.add_worksheet("ECN")
    for at, row in enumerate((HEADERS, *rows("xlsx"))):
        for column, value in enumerate(row):
            page.write_string(at, column, value)
    book.close()
    return target.getvalue()


def as_xml() -> bytes:
    listed = [
        "".join(f"<{name}>{value}</{name}>" for name, value in zip(HEADERS, row, strict=True)) for row in rows("xml")
    ]
    return f"<Export>{''.join(f'<Row>{row}</Row>' for row in listed)}</Export>".encode()


def test_through_the_daemon(tmp_path: Path) -> None:
    """Stage and its date, supersedes, serial numbers and lots arrive; an item in doubt leads nowhere."""
    made = {"csv": as_csv(), "xlsx": as_xlsx(), "xml": as_xml()}

    def prepare(site: Site) -> None:
        for name in made:
            (tmp_path / name).mkdir()
            text = PLM.replace(
                "name: PLM export\npath: ../plm\nformat: csv", f"path: {tmp_path / name}\nformat: {name}"
            )
            site.write(f"adapters/{name}.yaml", text + PATHS + ("xml: {rows: /Export/Row}\n" if name == "xml" else ""))

    with plant(tmp_path, opcua=False, modbus=False, prepare=prepare) as here:
        for name in made:
            here.heard("baseline.taken", within=30, source=name)
        for name, data in made.items():
            draft = tmp_path / name / ".new"
            draft.write_bytes(data)
            draft.replace(tmp_path / name / f"ecn.{name}")
        for name in made:
            told = here.heard("ecn.received", within=30, ecn=f"E-{name}")
            assert told["supersedes"] == ["OLD-1"]
            assert told["stages"]["review"] == "2026-01-06T09:30:00.000Z"
            sound, doubtful = told["items"]
            assert (sound["serial_from"], sound["serial_to"], sound["lot"]) == ("100", "200", "L7")
            assert (sound["part"], sound["required"], sound["machines"]) == (f"EL-{name}", "B", ["dmu50-01"])
            assert (doubtful["part"], doubtful["serial_from"], doubtful["required"]) == ("1.00E+05", "300", None)
            reason = here.heard("ecn.unrouted", ecn=f"E-{name}")["items"][0]["reason"]
            assert ("scientific notation" in reason) is (
                name != "xml"
            )  # nobody opens XML in a spreadsheet and saves it
            here.heard("obligation.opened", ecn=f"E-{name}", program=f"EL-{name}_OP10_B.MPF")
            assert len(here.events("obligation.opened", ecn=f"E-{name}")) == 1


def test_a_route_that_nobody_has_taken_in_is_not_green(tmp_path: Path) -> None:
    """The routes on disk lead to a machine, the books demand nothing there: that is no reason to be content."""
    with plant(tmp_path, opcua=False, modbus=False) as here:
        here.scanned()
        here.site.released("E-1", "QQ-1", "B")
        here.heard("ecn.unrouted", ecn="E-1")
        here.process.kill()
        here.site.write("routes.yaml", ROUTES.replace("EL-*", "QQ-*"))
        explained = here.site.run("explain", "E-1")
        assert ": AMBER" in explained.stdout
        assert "Its routes lead to machines where nothing is demanded yet" in explained.stdout
