-- Images: as what folder of blobs each travels, and which were brought to this
-- node's container engine.
CREATE TABLE images (
	id      TEXT PRIMARY KEY,
	tree    BLOB NOT NULL,    -- the folder's manifest; empty: never packed or fetched
	bytes   INTEGER NOT NULL,
	peer    TEXT NOT NULL,    -- for whom it was brought; empty: it was not
	loading INTEGER NOT NULL, -- whether it got to the engine is to be seen
	used    INTEGER NOT NULL  -- milliseconds since 1970
) STRICT, WITHOUT ROWID;
