-- The index of the content store: what is here, who needs it, when it was used.
-- Times are Unix milliseconds. Small blobs have their bytes in blob_data, the
-- others in a file of blobs/.

CREATE TABLE blobs (
	n       INTEGER PRIMARY KEY,
	id      BLOB NOT NULL UNIQUE CHECK (length(id) = 32),
	size    INTEGER NOT NULL CHECK (size >= 0),
	inline  INTEGER NOT NULL,           -- 1: the bytes are in blob_data
	tree    INTEGER NOT NULL DEFAULT 0, -- 1: it is a folder's manifest
	used    INTEGER NOT NULL,           -- last use, the order of eviction
	keep    INTEGER NOT NULL            -- not evicted before
) STRICT;
CREATE INDEX blobs_used ON blobs (used);

-- Apart from blobs, so that noting a use does not rewrite the bytes.
CREATE TABLE blob_data (
	n    INTEGER PRIMARY KEY REFERENCES blobs (n) ON DELETE CASCADE,
	data BLOB NOT NULL
) STRICT;

-- An id may be pinned before its bytes arrive, so no reference to blobs.
CREATE TABLE blob_pins (
	owner TEXT NOT NULL,
	id    BLOB NOT NULL,
	PRIMARY KEY (owner, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX blob_pins_id ON blob_pins (id);
