-- What a node knows of its networks. A network's rows stay when the home leaves
-- it: who founded it may come back to revoke.

-- Signed statements about who is a member, as their original bytes.
CREATE TABLE membership (
	network   TEXT NOT NULL,
	hash      BLOB NOT NULL CHECK (length(hash) = 32), -- SHA-256 of statement
	statement BLOB NOT NULL,
	PRIMARY KEY (network, hash)
) STRICT, WITHOUT ROWID;

-- The peer table. Times are Unix milliseconds.
CREATE TABLE peers (
	network   TEXT NOT NULL,
	id        TEXT NOT NULL,
	record    BLOB NOT NULL,    -- the peer's last record, its original signed bytes
	last_seen INTEGER NOT NULL,
	latency   INTEGER NOT NULL, -- nanoseconds, smoothed; 0 if never measured
	PRIMARY KEY (network, id)
) STRICT, WITHOUT ROWID;
