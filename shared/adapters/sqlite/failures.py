"""SQLite's failures in the platform's words, with the cause kept."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from shared.errors import InvalidRequestError, OverloadedError, PlatformError, RateLimitError

RETRY_AFTER_S = 1.0
"""What a caller should wait once the busy time-out has passed: writers hold the lock for milliseconds."""


@contextmanager
def translated(path: Path) -> Generator[None]:
    """Raise the platform's error for whatever apsw, or the file system below it, raises inside."""
    import apsw

    try:
        yield
    except (apsw.BusyError, apsw.LockedError) as error:
        raise busy(path) from error
    except apsw.FullError as error:
        raise OverloadedError(f"The disk that holds the store {path.name!r} is full.") from error
    except (apsw.CorruptError, apsw.NotADBError) as error:
        raise PlatformError(f"The file {path.name!r} is damaged, or is no store of ours.") from error
    except (apsw.CantOpenError, apsw.IOError, apsw.ReadOnlyError, OSError) as error:
        raise OverloadedError(f"The store {path.name!r} cannot be opened, read or written.") from error
    except UnicodeEncodeError as error:
        raise InvalidRequestError("A text holds half a surrogate pair and cannot be stored.") from error


def busy(path: Path) -> RateLimitError:
    return RateLimitError(f"The store {path.name!r} is busy with other writers.", retry_after_s=RETRY_AFTER_S)
