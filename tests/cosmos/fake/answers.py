"""What the gateway answers with, when it refuses."""

from dataclasses import dataclass


@dataclass
class RefusalError(Exception):
    """One status of the service, with a sentence."""

    status: int
    message: str = ""
    substatus: int | None = None
    retry_after_ms: int | None = None

    def headers(self) -> dict[str, str]:
        named = {"x-ms-substatus": self.substatus, "x-ms-retry-after-ms": self.retry_after_ms}
        return {name: str(value) for name, value in named.items() if value is not None}
