"""How simulated controls publish their machine over OPC UA: namespaces, node ids and numbers of their make."""

from __future__ import annotations

from dataclasses import dataclass

from adapters.simulated.machine import PLAIN, SINUMERIK, Codes


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one make of control publishes a machine: its folder, namespace, node ids by field, numbers, and file system."""

    folder: str
    namespace: str
    codes: Codes
    ids: dict[str, str]
    files: str = "Files"


DIALECTS = {
    "sinumerik": Dialect(
        "Sinumerik",
        "SinumerikVarProvider",
        SINUMERIK,
        {
            "main_program": "/Channel/ProgramInfo/selectedWorkPProg",
            "active_program": "/Channel/ProgramInfo/workPandProgName",
            "execution": "/Channel/State/progStatus",
            "mode": "/Bag/State/opMode",
            "test": "/Channel/ProgramModification/progTestActive",
            "dry_run": "/Channel/ProgramModification/trialRunActive",
            "version": "/Channel/Parameter/R[u1,90]",
        },
        files="Sinumerik/FileSystem",
    ),
    "generic": Dialect(
        "Machine",
        "urn:simulated:machine",
        PLAIN,
        {
            "main_program": "Main",
            "active_program": "Active",
            "execution": "Status",
            "mode": "Mode",
            "test": "Test",
            "dry_run": "DryRun",
            "version": "Version",
        },
    ),
}
