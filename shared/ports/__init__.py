"""Everything we need from outside: one module per subject, each a Protocol with its frozen records."""
