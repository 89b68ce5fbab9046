-- What upkeep looks for: jobs that were given up, among many that were done.

CREATE INDEX jobs_dead ON jobs (finished_at) WHERE state = 'dead';
