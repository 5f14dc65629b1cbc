-- The truth of a log.  Made once, by "aicert-registry init"; tile files and
-- the checkpoint are derived from it.  Digests are 32-byte blobs.
PRAGMA application_id = 0x61694365; -- "aiCe"
PRAGMA user_version = 3;            -- of this schema

CREATE TABLE log (
	one     INTEGER PRIMARY KEY CHECK (one = 1),
	origin  TEXT    NOT NULL,
	url     TEXT    NOT NULL, -- of the public log, or ''
	created INTEGER NOT NULL  -- unix seconds
) STRICT;

-- Every head that was ever committed.  note is the checkpoint under which the
-- head was first published; while it is NULL the head is on its way there.
-- complete says that note has the witnesses' quorum, and then it never changes.
CREATE TABLE head (
	size     INTEGER PRIMARY KEY CHECK (size >= 0),
	root     BLOB NOT NULL CHECK (length(root) = 32),
	note     BLOB,
	complete INTEGER NOT NULL DEFAULT 0 CHECK (complete IN (0, 1))
) STRICT;
CREATE INDEX head_complete ON head (size) WHERE complete = 1;

CREATE TABLE key (
	id   INTEGER PRIMARY KEY,
	spki BLOB NOT NULL UNIQUE CHECK (length(spki) = 91)
) STRICT;

-- The log's entries.  One statement under one key is one entry; its leaf is
-- made of d, sig and key (cert/leaf.h).  content is empty once withheld; type
-- and content are empty where "recover" got the leaf alone, until the
-- statement is posted again.
CREATE TABLE entry (
	idx     INTEGER PRIMARY KEY CHECK (idx >= 0),
	d       BLOB    NOT NULL CHECK (length(d) = 32),
	key     INTEGER NOT NULL REFERENCES key (id),
	sig     BLOB    NOT NULL, -- DER
	type    TEXT    NOT NULL, -- predicateType
	flops   REAL,             -- that the statement states
	content BLOB    NOT NULL
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

-- The entries of each statement: d8 is the first 8 bytes of D.
CREATE TABLE stated (
	d8    INTEGER NOT NULL,
	entry INTEGER NOT NULL,
	PRIMARY KEY (d8, entry)
) STRICT, WITHOUT ROWID;

-- By what else entries are found: term is 8 bytes of a digest of it, role
-- says what it is to the entry (enum store_role).  segment is entry / 8192: a
-- batch changes the pages of one segment, however large the log is.
CREATE TABLE term (
	segment INTEGER NOT NULL,
	term    INTEGER NOT NULL,
	entry   INTEGER NOT NULL,
	role    INTEGER NOT NULL,
	PRIMARY KEY (segment, term, entry, role)
) STRICT, WITHOUT ROWID;

-- Statements whose content is withheld, and the entry that says why.
CREATE TABLE removed (
	d     BLOB    PRIMARY KEY CHECK (length(d) = 32),
	entry INTEGER NOT NULL REFERENCES entry (idx)
) STRICT, WITHOUT ROWID;

-- Hashes of the tree as in C2SP tlog-tiles; the last tile of a level grows.
CREATE TABLE tile (
	level  INTEGER NOT NULL CHECK (level BETWEEN 0 AND 7),
	idx    INTEGER NOT NULL,
	hashes BLOB NOT NULL CHECK (length(hashes) % 32 = 0),
	PRIMARY KEY (level, idx)
) STRICT, WITHOUT ROWID;
