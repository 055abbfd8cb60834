"""What Entra ID says about a caller: https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import ConfigDict, Field, ValidationError

from shared.errors import AuthenticationError
from shared.wire.shape import Shape
from shared.wire.validation import explain

Guid = Annotated[str, Field(pattern=r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$")]


class Claims(Shape):
    """Of an access token. `scp` is what an app may do for its user, `roles` what the caller himself was given.

    `_claim_names` and `hasgroups` stand where `groups` would, for somebody who is in more groups than a token lists.
    """

    model_config = ConfigDict(frozen=True)

    tid: Guid
    oid: Guid
    scp: str = ""
    roles: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    elsewhere: Mapping[str, object] = Field(default_factory=dict[str, object], alias="_claim_names")
    has_groups: bool = Field(default=False, alias="hasgroups")

    @property
    def lacks_groups(self) -> bool:
        return self.has_groups or "groups" in self.elsewhere


def parse(claims: Mapping[str, object]) -> Claims:
    """Raise AuthenticationError."""
    try:
        return Claims.model_validate(claims)
    except ValidationError as error:
        raise AuthenticationError(f"We could not use the claims of your token: {explain(error)}.") from error
