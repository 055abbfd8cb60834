"""One package or module per technology. Each implements ports and translates its errors."""
