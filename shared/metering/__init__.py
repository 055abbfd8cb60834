"""Usage events, the ledger, and the reports that read it."""
