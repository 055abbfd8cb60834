"""A fake of the Cosmos DB gateway, spoken to by the real SDK.

It proves what we send and how we react. It never proves that the service accepts it: it was written from the
documentation and from what the SDK sends, no account was at hand. What it holds to: isolation of partitions, atomic
batches, etags, predicates, times to live, pages, request units by the model in `charges`, numbers as doubles, the
limits of the service. What it does not know: indexes, stemming, approximate vectors, splits, regions.
"""

from tests.cosmos.fake.faults import Fault
from tests.cosmos.fake.gateway import FakeCosmos

__all__ = ["FakeCosmos", "Fault"]
