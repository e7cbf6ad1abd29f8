"""How an older schema becomes the newest: SQL from version n+1 to n+2. New databases are made by schema.sql at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

AVAILABLE = "CREATE TABLE available (key TEXT PRIMARY KEY, doc TEXT NOT NULL) STRICT;"

# Columns that were taken out of the JSON for each index are written beside it now. A document that is no JSON any more is
# kept as it is: whoever loads it says so.
COLUMNS_BESIDE = """
DROP INDEX event_by_subject;

DROP INDEX requirement_by_machine;
DROP INDEX requirement_by_ecn;
ALTER TABLE requirement RENAME TO requirement_2;
CREATE TABLE requirement (
    key     TEXT PRIMARY KEY,
    doc     TEXT NOT NULL,
    machine TEXT,
    ecn     TEXT
) STRICT;
INSERT INTO requirement (rowid, key, doc, machine, ecn)
    SELECT rowid, key, doc,
        CASE WHEN json_valid(doc) THEN doc ->> '$.demand.machine' END,
        CASE WHEN json_valid(doc) THEN doc ->> '$.demand.ecn' END
    FROM requirement_2 NOT INDEXED ORDER BY rowid;
DROP TABLE requirement_2;
CREATE INDEX requirement_by_machine ON requirement (machine);
CREATE INDEX requirement_by_ecn ON requirement (ecn);

DROP INDEX obligation_open;
DROP INDEX obligation_by_machine;
DROP INDEX obligation_by_ecn;
DROP INDEX obligation_by_verdict;
ALTER TABLE obligation RENAME TO obligation_2;
CREATE TABLE obligation (
    key     TEXT PRIMARY KEY,
    doc     TEXT NOT NULL,
    closed  INTEGER NOT NULL,
    machine TEXT,
    ecn     TEXT
) STRICT;
INSERT INTO obligation (rowid, key, doc, closed, machine, ecn)
    SELECT rowid, key, doc, closed,
        CASE WHEN json_valid(doc) THEN doc ->> '$.demand.machine' END,
        CASE WHEN json_valid(doc) THEN doc ->> '$.demand.ecn' END
    FROM obligation_2 NOT INDEXED ORDER BY rowid;
DROP TABLE obligation_2;
CREATE INDEX obligation_open ON obligation (machine) WHERE closed = 0;
CREATE INDEX obligation_by_ecn ON obligation (ecn);
"""

# What rows that are written together have in common is stored once from here on; those that are there stay whole.
SHARED = """
CREATE TABLE shared (id INTEGER PRIMARY KEY, frame TEXT NOT NULL) STRICT;
ALTER TABLE event ADD COLUMN shared INTEGER;
ALTER TABLE requirement ADD COLUMN shared INTEGER;
ALTER TABLE obligation ADD COLUMN shared INTEGER;
"""

# What one item opens on many machines is one row from here on, as long as nothing happens to it.
UNTOUCHED = """
CREATE TABLE untouched (
    id      INTEGER PRIMARY KEY,
    program TEXT NOT NULL,
    ecn     TEXT NOT NULL,
    doc     TEXT NOT NULL,
    opening INTEGER NOT NULL
) STRICT;
CREATE INDEX untouched_by_program ON untouched (program);
CREATE INDEX untouched_by_ecn ON untouched (ecn);
"""

MIGRATIONS: Final[Sequence[str]] = (AVAILABLE, COLUMNS_BESIDE, SHARED, UNTOUCHED)
