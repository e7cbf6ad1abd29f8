"""What counts as an edit of the configuration folder: a file that is read at a start is looked at while the daemon runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_bridge.edits import Edits


@pytest.mark.parametrize("name", ["routes.yaml", "parts.csv", "PARTS.CSV", "tables/Parts.Csv", "adapters/plm.yaml"])
def test_an_edit_is_due_once_it_is_still(tmp_path: Path, name: str) -> None:
    """Whatever case its name is written in: `table: PARTS.CSV` is read, so an edit of it must be seen."""
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_text("one", encoding="utf-8")
    edits = Edits(tmp_path)
    assert not edits.due()
    file.write_text("another", encoding="utf-8")
    assert not edits.due()  # it may still be written
    assert edits.due()
    edits.take()
    assert not edits.due()
