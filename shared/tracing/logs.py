"""Trace ids on the log lines of the platform, so that a line can be found from its trace and the other way round."""

import logging
from collections.abc import Callable

from opentelemetry import trace

_OURS = ("shared.", "functions.")


def carry_trace_ids() -> None:
    """End every line that our modules log inside a span with the span's ids. Once is enough."""
    made = logging.getLogRecordFactory()
    if isinstance(made, _Factory):
        return
    logging.setLogRecordFactory(_Factory(made))


class _Factory:
    def __init__(self, made: Callable[..., logging.LogRecord]) -> None:
        self._made = made

    def __call__(self, *args: object, **kwargs: object) -> logging.LogRecord:
        record = self._made(*args, **kwargs)
        ids = trace.get_current_span().get_span_context()
        if ids.is_valid and record.name.startswith(_OURS):
            # Only hexadecimal digits: nothing that the message's own formatting could trip over.
            record.msg = f"{record.msg} trace_id={ids.trace_id:032x} span_id={ids.span_id:016x}"
        return record
