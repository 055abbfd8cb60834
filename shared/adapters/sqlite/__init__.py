"""The embedded store: every port that a database serves, in one SQLite file that several processes may share."""
