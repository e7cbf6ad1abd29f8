"""What the ledger makes of an agent's word: remarks without an owner, and files that were modified at the machine."""

from __future__ import annotations

import pytest

from edge_bridge.domain.plant import Machine
from edge_bridge.domain.reading import Evidence
from edge_bridge.domain.version import Extractor, Scheme, VersionRule
from tests.unit.domain_plant import Shop, plant
from tests.unit.test_mtconnect_cases import CASES, read

REMARK = Evidence(Extractor.COMMENT, "B", "REV B", "program_cmt (ProgramComment:MAIN)")


def test_a_remark_left_over_counts_once_its_program_has_run() -> None:
    """It is older than the selection: the same text again, or the program's before. A run decides, as for a variable."""
    here = Shop()
    here.released("E1", "B")
    here.keeps_reading(60, evidence=(REMARK,))
    assert here.verdicts() == []
    here.keeps_reading(10, evidence=(REMARK,), running=True)
    assert here.verdicts() == ["compliant"]


@pytest.mark.parametrize("scheme", list(Scheme))
@pytest.mark.parametrize(
    "case", ["asset_revision", "asset_experimental", "asset_without_state", "asset_of_two_opinions"]
)
def test_a_file_that_is_not_the_released_one_is_never_green(case: str, scheme: Scheme) -> None:
    """Under no scheme, whatever name, remark and signature of the same program say."""
    version = "1" if scheme is Scheme.NUMERIC else "2026-01-02" if scheme is Scheme.DATE else "B"
    evidence = tuple(
        Evidence(one.extractor, one.value.replace("B", version, 1), one.raw, one.field, program="P1")
        for one in read(CASES / case).evidence
    )
    assert evidence
    here = Shop(plant(Machine("m1", rule=VersionRule(scheme))))
    here.released("E1", version)
    here.keeps_reading(16 * 60, evidence=evidence, running=True)
    assert here.verdicts()
    assert "compliant" not in here.verdicts()
