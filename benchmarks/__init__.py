"""One script for each published claim; each prints the tables that docs/benchmarks.md shows."""
