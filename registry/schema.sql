-- The truth of a log.  Made once, by "aicert-registry init"; tile files and
-- the checkpoint are derived from it.  Digests are 32-byte blobs.
PRAGMA application_id = 0x61694365; -- "aiCe"
PRAGMA user_version = 1;            -- of this schema

CREATE TABLE log (
	one     INTEGER PRIMARY KEY CHECK (one = 1),
	origin  TEXT    NOT NULL,
	url     TEXT    NOT NULL, -- of the public log, or ''
	created INTEGER NOT NULL  -- unix seconds
) STRICT;

-- Every head that was ever committed.  note is the checkpoint under which the
-- head was first published; while it is NULL the head is on its way there.
CREATE TABLE head (
	size INTEGER PRIMARY KEY CHECK (size >= 0),
	root BLOB NOT NULL CHECK (length(root) = 32),
	note BLOB
) STRICT;

CREATE TABLE statement (
	id      INTEGER PRIMARY KEY,
	d       BLOB NOT NULL UNIQUE CHECK (length(d) = 32),
	type    TEXT NOT NULL, -- predicateType
	content BLOB NOT NULL
) STRICT;

CREATE TABLE key (
	id   INTEGER PRIMARY KEY,
	spki BLOB NOT NULL UNIQUE CHECK (length(spki) = 91)
) STRICT;

-- The leaves.  One statement under one key is one leaf.
CREATE TABLE entry (
	idx       INTEGER PRIMARY KEY CHECK (idx >= 0),
	statement INTEGER NOT NULL REFERENCES statement (id),
	key       INTEGER NOT NULL REFERENCES key (id),
	sig       BLOB NOT NULL, -- DER
	leaf      BLOB NOT NULL UNIQUE CHECK (length(leaf) = 32),
	body      BLOB NOT NULL, -- canonical hashedrekord
	UNIQUE (statement, key)
) STRICT;

-- Which entries stand in whose certificate: certificate is the entry of its
-- line 1; part 2 is the evidence, 3 a further line by the builder's own key,
-- 4 one by another key.
CREATE TABLE line (
	certificate INTEGER NOT NULL REFERENCES entry (idx),
	part        INTEGER NOT NULL CHECK (part BETWEEN 2 AND 4),
	entry       INTEGER NOT NULL REFERENCES entry (idx),
	PRIMARY KEY (certificate, part, entry)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX line_evidence ON line (certificate) WHERE part = 2;

-- What a statement names: its subjects (role 0) and dependencies (role 1).
CREATE TABLE named (
	value BLOB    NOT NULL,
	alg   TEXT    NOT NULL,
	entry INTEGER NOT NULL REFERENCES entry (idx),
	role  INTEGER NOT NULL CHECK (role IN (0, 1)),
	PRIMARY KEY (value, alg, entry, role)
) STRICT, WITHOUT ROWID;

-- Hashes of the tree as in C2SP tlog-tiles; the last tile of a level grows.
CREATE TABLE tile (
	level  INTEGER NOT NULL CHECK (level BETWEEN 0 AND 7),
	idx    INTEGER NOT NULL,
	hashes BLOB NOT NULL CHECK (length(hashes) % 32 = 0),
	PRIMARY KEY (level, idx)
) STRICT;
