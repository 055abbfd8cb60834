"""What the platform tells about itself while it runs: spans, metrics, and the trace ids of log lines.

Only the OpenTelemetry API, which the HTTP extension loads anyway; `shared.adapters.otel` brings the SDK, when a setting
asks for it. Until then everything here does nothing and costs next to nothing. No content of any prompt, answer or
document is ever recorded.
"""
