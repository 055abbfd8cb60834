"""From whatever credential a client sends to the caller it stands for: an API key, or a token of a directory."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from shared.errors import AuthenticationError, PermissionDeniedError
from shared.ports.bearer import BearerTokens
from shared.ports.erasure import Erasures
from shared.ports.keys import Caller
from shared.tenancy.keys import KeyRing
from shared.wire import claims
from shared.wire.claims import Claims
from shared.wire.scopes import EVERY_SCOPE, ORDINARY, Scope

_TOKEN = re.compile(r"eyJ[\w-]*\.[\w-]*\.[\w-]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Directories:
    """Who signed in with a directory: `tenants` maps the directory's to ours, `scopes` its words to what they allow."""

    tokens: BearerTokens
    tenants: Mapping[str, str]
    scopes: Mapping[str, tuple[Scope, ...]]

    async def authenticate(self, token: str) -> Caller:
        """Raise AuthenticationError, PermissionDeniedError, OverloadedError."""
        said = claims.parse(await self.tokens.claims(token))
        if said.lacks_groups:
            # To go on without them would hide documents from somebody who may read them, and say nothing of it.
            raise PermissionDeniedError(
                "Your token does not list your groups, because you are in too many. Ask your administrator to let it"
                " list only the groups that are assigned to the app.",
                code="group_overage",
            )
        oid = said.oid.lower()
        principals = tuple(dict.fromkeys((oid, *said.groups, *said.roles)))
        return Caller(self.tenants[said.tid.lower()], f"entra_{oid}", principals, self._allowed(said))

    def _allowed(self, said: Claims) -> tuple[Scope, ...]:
        """A user consents to `scp` himself, so it gives nobody more than is ordinary; a role somebody gave him."""
        by_role = {scope for role in said.roles for scope in self.scopes.get(role, ())}
        by_consent = {scope for word in said.scp.split() for scope in self.scopes.get(word, ())}
        return tuple(scope for scope in EVERY_SCOPE if scope in by_role or (scope in by_consent and scope in ORDINARY))


@dataclass(frozen=True, slots=True)
class Callers:
    keys: KeyRing
    directories: Directories | None
    erasures: Erasures

    async def authenticate(self, credential: str | None) -> Caller:
        """Raise AuthenticationError, PermissionDeniedError; CapacityError when what has to be asked does not answer."""
        caller = await self._known(credential)
        if await self.erasures.pseudonym(caller.tenant) is not None:
            raise AuthenticationError(f"Project {caller.tenant!r} has been erased.", code="project_erased")
        return caller

    async def _known(self, credential: str | None) -> Caller:
        if credential is None or _TOKEN.fullmatch(credential) is None:
            return await self.keys.authenticate(credential)
        if self.directories is None:
            raise AuthenticationError("Tokens of a directory are not accepted here: send an API key.")
        return await self.directories.authenticate(credential)
