"""Who may call: API keys of the settings and of the store, and the directories whose tokens are accepted."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from shared.adapters.http import HttpPool
from shared.adapters.key_file import KeyFile
from shared.adapters.signed.directory import Directory
from shared.ports.clock import Clock
from shared.ports.keys import KeyRecord
from shared.settings.catalogue import EntraSettings
from shared.settings.settings import Settings
from shared.tenancy.administration import KeyAdministration
from shared.tenancy.audit import AuditLog
from shared.tenancy.callers import Callers, Directories
from shared.tenancy.erased import RememberedErasures
from shared.tenancy.keys import KeyRing
from shared.tenancy.policies import PolicyAdministration, RememberedPolicies
from shared.tenancy.secrets import Pepper, redacted
from shared.tenancy.stored import RememberedKeys, StoredKeys
from shared.wire.scopes import EVERY_SCOPE
from shared.wiring.stores import Stores


@dataclass(frozen=True, slots=True)
class Tenancy:
    callers: Callers
    administration: KeyAdministration
    audit: AuditLog
    erasures: RememberedErasures
    policies: RememberedPolicies
    policy_administration: PolicyAdministration
    close: Callable[[], Awaitable[None]]


def open_tenancy(settings: Settings, stores: Stores, pool: HttpPool, clock: Clock) -> Tenancy:
    pepper, audit = Pepper(settings.key_pepper.encode()), AuditLog(stores.audit, clock)
    file = KeyFile(Path(settings.keys_file) if settings.keys_file else None, *_bootstrap(settings, pepper))
    stored = RememberedKeys(StoredKeys(stores.key_index, stores.keys), clock, ttl_s=settings.key_cache_s)
    directory, directories = _directories(settings.entra, pool, clock)

    erasures = RememberedErasures(stores.erasures, pepper, clock, ttl_s=settings.key_cache_s)

    async def close() -> None:
        if directory is not None:
            await directory.close()

    return Tenancy(
        callers=Callers(KeyRing(file, stored, pepper, clock), directories, erasures),
        administration=KeyAdministration(stores.keys, stores.key_index, audit, erasures, pepper, clock),
        audit=audit,
        erasures=erasures,
        policies=RememberedPolicies(stores.policies, clock, ttl_s=settings.key_cache_s),
        policy_administration=PolicyAdministration(stores.policies, stores.stored_bytes, audit),
        close=close,
    )


def _directories(
    entra: EntraSettings | None, pool: HttpPool, clock: Clock
) -> tuple[Directory, Directories] | tuple[None, None]:
    if entra is None:
        return None, None
    tenants = {directory.lower(): tenant for directory, tenant in entra.tenants.items()}
    directory = Directory(entra.authority, tenants, entra.audiences, pool, clock)
    return directory, Directories(directory, tenants, entra.scopes)


def _bootstrap(settings: Settings, pepper: Pepper) -> tuple[KeyRecord, ...]:
    key = settings.bootstrap_key
    if not key:
        return ()
    return (
        KeyRecord(
            id="bootstrap",
            hmac=pepper.hash(key),
            tenant=settings.bootstrap_tenant,
            name="First administrator",
            redacted=redacted(key),
            scopes=EVERY_SCOPE,
        ),
    )
