"""What can go wrong, in words for the person at the terminal. None of it is ever shown as a traceback."""


class CommandError(Exception):
    """The command could not be done; the program ends with exit code 1 and this message."""


class UnreachableError(CommandError):
    """Nobody answered."""


class RefusedError(CommandError):
    """The server's own answer, in its own words."""

    def __init__(self, message: str, *, status: int, code: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
