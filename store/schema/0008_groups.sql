-- Named sets of this node's containers at others. Each row is a JSON document.
CREATE TABLE groups (
	name TEXT PRIMARY KEY,
	doc  BLOB NOT NULL
) STRICT, WITHOUT ROWID;
