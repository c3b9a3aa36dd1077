-- Ports that this node has at gateways. Each row is a JSON document.
CREATE TABLE mappings (
	id  TEXT PRIMARY KEY,
	doc BLOB NOT NULL
) STRICT, WITHOUT ROWID;
