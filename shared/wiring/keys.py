"""API keys, from the settings' and the store's to those who ask for them."""

from dataclasses import dataclass
from pathlib import Path

from shared.adapters.key_file import KeyFile
from shared.ports.clock import Clock
from shared.ports.keys import KeyRecord
from shared.settings.settings import Settings
from shared.tenancy.administration import KeyAdministration
from shared.tenancy.audit import AuditLog
from shared.tenancy.keys import KeyRing
from shared.tenancy.policies import PolicyAdministration, RememberedPolicies
from shared.tenancy.secrets import Pepper, redacted
from shared.tenancy.stored import RememberedKeys, StoredKeys
from shared.wire.scopes import EVERY_SCOPE
from shared.wiring.stores import Stores


@dataclass(frozen=True, slots=True)
class Tenancy:
    ring: KeyRing
    administration: KeyAdministration
    audit: AuditLog
    policies: RememberedPolicies
    policy_administration: PolicyAdministration


def open_tenancy(settings: Settings, stores: Stores, clock: Clock) -> Tenancy:
    pepper, audit = Pepper(settings.key_pepper.encode()), AuditLog(stores.audit, clock)
    file = KeyFile(Path(settings.keys_file) if settings.keys_file else None, *_bootstrap(settings, pepper))
    stored = RememberedKeys(StoredKeys(stores.key_index, stores.keys), clock, ttl_s=settings.key_cache_s)
    return Tenancy(
        ring=KeyRing(file, stored, pepper, clock),
        administration=KeyAdministration(stores.keys, stores.key_index, audit, pepper, clock),
        audit=audit,
        policies=RememberedPolicies(stores.policies, clock, ttl_s=settings.key_cache_s),
        policy_administration=PolicyAdministration(stores.policies, audit),
    )


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
