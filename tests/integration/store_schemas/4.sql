-- The whole state of one gateway. This file is the newest schema; older databases get here by the migrations in schema.py.

-- What there is one of: site, gateway, epoch, the sending position, the MQTT session number, whether the last stop was clean.
CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value ANY NOT NULL
) STRICT, WITHOUT ROWID;

-- What rows written together have in common, once: a document with marks (control characters 1 to 30) in the places of what
-- each row has of its own. A row whose `shared` is not null has there the number of its frame, and as `doc` or `body` its own
-- pieces in the order of the marks, joined by character 31; the row is the frame with the pieces in it.
CREATE TABLE shared (
    id    INTEGER PRIMARY KEY,
    frame TEXT NOT NULL
) STRICT;

-- Outbox and audit log in one: every event as it was, or will be, sent. `time` and `recorded` are UTC ms.
-- No unique index on `id`: random ids would cost each group commit a page per row, and nothing looks events up by id.
-- By subject they are looked up by hand at the most: an index would be written for each event and read by nobody.
CREATE TABLE event (
    sequence INTEGER PRIMARY KEY,
    id       TEXT NOT NULL,
    type     TEXT NOT NULL,
    origin   TEXT NOT NULL,
    subject  TEXT NOT NULL,
    time     INTEGER NOT NULL,
    recorded INTEGER NOT NULL,
    body     BLOB NOT NULL,
    shared   INTEGER
) STRICT;
CREATE INDEX event_by_type ON event (type);

-- Events that the broker refused, with its reason code. They are passed over, never deleted.
CREATE TABLE parked (
    sequence INTEGER PRIMARY KEY,
    code     INTEGER NOT NULL,
    reason   TEXT NOT NULL,
    at       INTEGER
) STRICT;

-- The ledger's rows, one table a kind. `doc` is the row as JSON; the other columns are what people ask for. Of the two kinds
-- that one ECN may bring 100 000 of, they are written beside it, and there are few: to take them out of the JSON, and to keep
-- an index of each, took longer than all else. Elsewhere they are generated from it.

-- Engineering changes as held, by number.
CREATE TABLE ecn (
    key TEXT PRIMARY KEY,
    doc TEXT NOT NULL
) STRICT;

-- What is demanded of one program on one machine, done or not; the key is `machine|program`.
CREATE TABLE requirement (
    key     TEXT PRIMARY KEY,
    doc     TEXT NOT NULL,
    machine TEXT,
    ecn     TEXT,
    shared  INTEGER
) STRICT;
CREATE INDEX requirement_by_machine ON requirement (machine);
CREATE INDEX requirement_by_ecn ON requirement (ecn);

-- Requirements with a time limit, and their verdicts. Closed ones stay as history: the open ones have an index of their own.
CREATE TABLE obligation (
    key     TEXT PRIMARY KEY,
    doc     TEXT NOT NULL,
    closed  INTEGER NOT NULL,
    machine TEXT,
    ecn     TEXT,
    shared  INTEGER
) STRICT;
CREATE INDEX obligation_open ON obligation (machine) WHERE closed = 0;
CREATE INDEX obligation_by_ecn ON obligation (ecn);

-- Warning cards with their acknowledgements. Closed ones stay as history.
CREATE TABLE card (
    key     TEXT PRIMARY KEY,
    doc     TEXT NOT NULL,
    active  INTEGER NOT NULL,
    closed  INTEGER NOT NULL,
    machine ANY GENERATED ALWAYS AS (doc ->> '$.machine') VIRTUAL,
    kind    ANY GENERATED ALWAYS AS (doc ->> '$.kind') VIRTUAL
) STRICT;
CREATE INDEX card_open ON card (key) WHERE closed = 0;
CREATE INDEX card_by_machine ON card (machine, kind);

-- What is true of each machine now.
CREATE TABLE machine (
    key TEXT PRIMARY KEY,
    doc TEXT NOT NULL
) STRICT;

-- What is true of each ECN source now.
CREATE TABLE source (
    key TEXT PRIMARY KEY,
    doc TEXT NOT NULL
) STRICT;

-- Files taken in, so that each is read once.
CREATE TABLE file (
    key    TEXT PRIMARY KEY,
    doc    TEXT NOT NULL,
    source ANY GENERATED ALWAYS AS (doc ->> '$.source') VIRTUAL
) STRICT;
CREATE INDEX file_by_source ON file (source);

-- Programs that lie ready on a share.
CREATE TABLE available (
    key TEXT PRIMARY KEY,
    doc TEXT NOT NULL
) STRICT;

-- What was learnt of programs and versions.
CREATE TABLE known (
    key TEXT PRIMARY KEY,
    doc TEXT NOT NULL
) STRICT;

-- What a machine showed from an instant on: history, never loaded.
CREATE TABLE observation (
    key     TEXT PRIMARY KEY,
    doc     TEXT NOT NULL,
    machine ANY GENERATED ALWAYS AS (doc ->> '$.machine') VIRTUAL,
    -- a Stamp or plain UTC ms
    since   ANY GENERATED ALWAYS AS (coalesce(doc ->> '$.since.utc', doc ->> '$.since')) VIRTUAL
) STRICT;
CREATE INDEX observation_by_machine ON observation (machine, since);
CREATE INDEX observation_by_since ON observation (since);

-- Commands carried out, so that the same one again repeats its answer and does nothing.
CREATE TABLE command (
    key TEXT PRIMARY KEY,
    doc TEXT NOT NULL
) STRICT;
