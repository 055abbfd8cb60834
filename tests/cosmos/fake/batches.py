"""Transactional batches: at most 100 operations of one partition, all of them or none."""

from typing import Any

from tests.cosmos.fake.answers import RefusalError
from tests.cosmos.fake.faults import Fault
from tests.cosmos.fake.items import Done, Partition

MAX_OPERATIONS = 100
_FAILED_DEPENDENCY = 424

type Response = dict[str, Any]


def execute(partition: Partition, operations: list[dict[str, Any]], fault: Fault | None, at: int) -> list[Response]:
    """What each operation came to. `fault` strikes at one of them, and undoes the others."""
    if len(operations) > MAX_OPERATIONS:
        raise RefusalError(400, "Batch request has more operations than what is supported.")
    before = partition.items.copy()
    responses: list[Response] = []
    for index, operation in enumerate(operations):
        try:
            if fault is not None and index == at:
                raise fault.refusal()
            responses.append(_success(_apply(partition, operation)))
        except RefusalError as refusal:
            partition.restore(before)
            return _failed(len(operations), index, refusal)
    return responses


def _apply(partition: Partition, operation: dict[str, Any]) -> Done:
    kind, body, if_match = operation["operationType"], operation.get("resourceBody"), operation.get("ifMatch")
    match kind:
        case "Create":
            return partition.create(body)
        case "Upsert":
            return partition.upsert(body, if_match)
        case "Replace":
            return partition.replace(operation["id"], body, if_match)
        case "Delete":
            return partition.delete(operation["id"], if_match)
        case "Patch":
            return partition.patch(operation["id"], body, if_match)
        case "Read":
            return partition.read(operation["id"])
        case _:
            raise RefusalError(400, f"No operation {kind!r}.")


def _success(done: Done) -> Response:
    response: Response = {"statusCode": done.status, "requestCharge": done.charge}
    if done.item is not None:
        response |= {"eTag": done.item["_etag"], "resourceBody": done.item}
    return response


def _failed(count: int, index: int, refusal: RefusalError) -> list[Response]:
    responses: list[Response] = [{"statusCode": _FAILED_DEPENDENCY, "requestCharge": 0} for _ in range(count)]
    responses[index] = {"statusCode": refusal.status, "requestCharge": 1}
    if refusal.retry_after_ms is not None:
        responses[index]["retryAfterMilliseconds"] = refusal.retry_after_ms
    return responses
