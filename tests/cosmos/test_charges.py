"""What the store's answers say they cost, as a metric by operation and container."""

from collections.abc import Iterator

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader

from shared.adapters.cosmos.records import CosmosRecords
from shared.errors import ConflictError
from shared.ports.records import FileRecord
from shared.tracing import measures
from tests.contracts.stores import file_record
from tests.cosmos.fake import FakeCosmos, Fault


@pytest.fixture
def reader() -> Iterator[InMemoryMetricReader]:
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader])
    measures.measure(provider.get_meter("test"))
    yield reader
    measures.measure(None)
    provider.shutdown()


def charges(reader: InMemoryMetricReader) -> dict[tuple[object, ...], HistogramDataPoint]:
    data = reader.get_metrics_data()
    assert data is not None
    metrics = [m for r in data.resource_metrics for scope in r.scope_metrics for m in scope.metrics]
    points = next(one for one in metrics if one.name == "flightdeck.store.request_charge").data.data_points
    return {tuple(sorted((point.attributes or {}).items())): point for point in points}  # type: ignore[misc]


def series(operation: str) -> tuple[object, ...]:
    return (("db.collection.name", "records"), ("db.operation.name", operation))


async def test_every_operation_says_what_it_cost_and_where(
    fake: FakeCosmos, files: CosmosRecords[FileRecord], reader: InMemoryMetricReader
) -> None:
    made = (await files.create(file_record("one"))).value
    await files.get(made.tenant, made.id)
    found = charges(reader)
    assert found.keys() == {series("create"), series("read")}
    assert found[series("create")].sum > found[series("read")].sum >= 1


async def test_what_is_refused_is_paid_for_too(
    fake: FakeCosmos, files: CosmosRecords[FileRecord], reader: InMemoryMetricReader
) -> None:
    await files.create(file_record("one"))
    first = charges(reader)[series("create")].sum
    with pytest.raises(ConflictError):
        await files.create(file_record("one"))
    point = charges(reader)[series("create")]
    assert (point.count, point.sum > first) == (2, True)


async def test_an_operation_that_is_repeated_counts_once_with_all_that_it_cost(
    fake: FakeCosmos, files: CosmosRecords[FileRecord], reader: InMemoryMetricReader
) -> None:
    made = (await files.create(file_record("one"))).value
    fake.faults.storm(Fault(503))
    await files.get(made.tenant, made.id)
    assert charges(reader)[series("read")].count == 1
