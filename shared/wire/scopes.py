"""What an API key may do."""

from typing import Literal

Scope = Literal["models", "documents", "usage", "admin", "operator"]
"""What a key may do: ask models; use files and vector stores; read usage; administer its tenant's keys; make keys for
other tenants."""

ORDINARY: tuple[Scope, ...] = ("models", "documents", "usage")
EVERY_SCOPE: tuple[Scope, ...] = (*ORDINARY, "admin", "operator")
