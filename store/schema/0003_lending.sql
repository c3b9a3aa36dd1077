-- The lender's journal: leases that hold something, results that their borrowers
-- have not acknowledged, what the owner decided last; and the ledger.
CREATE TABLE lend_leases (
	n        INTEGER PRIMARY KEY,
	id       TEXT NOT NULL UNIQUE,
	borrower TEXT NOT NULL,
	job      TEXT NOT NULL,
	job_name TEXT NOT NULL,
	runtime  TEXT NOT NULL,
	since    INTEGER NOT NULL -- Unix milliseconds
) STRICT;

CREATE TABLE lend_results (
	lease   INTEGER NOT NULL REFERENCES lend_leases(n) ON DELETE CASCADE,
	task    INTEGER NOT NULL,
	attempt INTEGER NOT NULL,
	pin     INTEGER NOT NULL, -- generation of the pins of its outputs; 0: none
	size    INTEGER NOT NULL, -- bytes of result
	result  BLOB NOT NULL,    -- JSON of lease.Result
	PRIMARY KEY (lease, task, attempt)
) STRICT, WITHOUT ROWID;

CREATE TABLE lend_usage (
	day            TEXT NOT NULL, -- YYYY-MM-DD, UTC
	peer           TEXT NOT NULL,
	job            TEXT NOT NULL,
	tasks          INTEGER NOT NULL,
	cpu_seconds    REAL NOT NULL,
	memory_seconds REAL NOT NULL, -- bytes times seconds
	gpu_seconds    REAL NOT NULL,
	bytes_in       INTEGER NOT NULL,
	bytes_out      INTEGER NOT NULL,
	PRIMARY KEY (day, peer, job)
) STRICT, WITHOUT ROWID;

CREATE TABLE lend_state (
	one    INTEGER PRIMARY KEY CHECK (one = 1),
	state  TEXT NOT NULL,
	reason TEXT NOT NULL
) STRICT;
