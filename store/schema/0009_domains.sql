-- Domains that members have at this node. Each row is a JSON document.
CREATE TABLE domains (
	name TEXT PRIMARY KEY,
	doc  BLOB NOT NULL
) STRICT, WITHOUT ROWID;
