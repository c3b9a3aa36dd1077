-- The borrower's journal: jobs, the tasks of theirs that have a result or spent
-- a retry, and the leases that were asked for and have not ended.
CREATE TABLE jobs (
	n    INTEGER PRIMARY KEY, -- short, and in the order of submission
	id   TEXT NOT NULL UNIQUE,
	job  TEXT NOT NULL,       -- JSON of api.Job: how it stands
	spec TEXT NOT NULL        -- JSON of api.JobSpec: what was submitted, never changed
) STRICT;

CREATE TABLE job_tasks (
	job      INTEGER NOT NULL REFERENCES jobs(n),
	task     INTEGER NOT NULL,
	state    TEXT NOT NULL,
	failures INTEGER NOT NULL,
	attempt  INTEGER NOT NULL,
	peer     TEXT NOT NULL,
	cause    TEXT NOT NULL,
	wall     INTEGER NOT NULL, -- nanoseconds
	bytes    INTEGER NOT NULL, -- outputs
	data     TEXT NOT NULL,    -- JSON of api.Task
	PRIMARY KEY (job, task)
) STRICT, WITHOUT ROWID;

CREATE INDEX job_tasks_failed ON job_tasks (job, task) WHERE state = 'failed';

CREATE TABLE job_leases (
	id   TEXT PRIMARY KEY,
	job  INTEGER NOT NULL REFERENCES jobs(n),
	peer TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX job_leases_job ON job_leases (job);
