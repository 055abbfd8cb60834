"""OpenTelemetry's SDK and what it exports to. Loaded only when a setting asks for telemetry."""
