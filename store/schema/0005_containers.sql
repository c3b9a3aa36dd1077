-- Long-lived containers: those that this node keeps for others, and those that it
-- has at others. Each row is a JSON document of its side's.
CREATE TABLE lend_containers (
	id  TEXT PRIMARY KEY,
	doc BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE containers (
	name TEXT PRIMARY KEY,
	doc  BLOB NOT NULL
) STRICT, WITHOUT ROWID;
