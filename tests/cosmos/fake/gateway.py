"""The HTTP side: account, containers, ranges of partition keys, and everything under /docs."""

import base64
import itertools
import json
import time
from collections.abc import Iterable, Mapping
from email.utils import formatdate
from typing import Any, Self

from aiohttp import web

from tests.cosmos.fake import batches, charges
from tests.cosmos.fake.answers import RefusalError
from tests.cosmos.fake.faults import Fault, Faults, Request
from tests.cosmos.fake.items import Container, Done, Partition
from tests.cosmos.fake.journal import Entry, Journal

MAX_REQUEST_BYTES = 2 * 1024 * 1024
_POSTED = {
    "x-ms-cosmos-is-batch-request": "batch",
    "x-ms-documentdb-isquery": "query",
    "x-ms-documentdb-is-upsert": "upsert",
}
_DIRECT = {"GET": "read", "PUT": "replace", "DELETE": "delete", "PATCH": "patch"}


class FakeCosmos:
    """An account with one database. `page_items` are on a page of a query that ranks nothing."""

    def __init__(
        self, definitions: Iterable[Mapping[str, Any]], *, database: str = "flightdeck", page_items: int = 100
    ) -> None:
        self.faults = Faults()
        self.journal = Journal()
        self.url = ""
        self.skew_s = 0.0
        self.containers = {one["id"]: Container(dict(one), self.now) for one in definitions}
        self._database = database
        self._page_items = page_items
        self._steps = itertools.count(1)
        app = web.Application(client_max_size=16 * 1024 * 1024)
        docs = "/dbs/{database}/colls/{container}/docs"
        app.add_routes([
            web.get("/", self._account),
            web.get("/dbs/{database}/colls/{container}{slash:/?}", self._container),
            web.get("/dbs/{database}/colls/{container}/pkranges{slash:/?}", self._ranges),
            web.route("*", docs + "{slash:/?}", self._documents),
            web.route("*", docs + "/{id}{slash:/?}", self._documents),
        ])  # fmt: skip
        self._runner = web.AppRunner(app, access_log=None)

    def now(self) -> float:
        return time.time() + self.skew_s

    def items(self, container: str) -> list[dict[str, Any]]:
        return [item for items in self.containers[container].partitions.values() for item in items.values()]

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def start(self, port: int = 0) -> None:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port).start()
        host, bound = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{bound}"

    async def _account(self, request: web.Request) -> web.Response:
        region = [{"name": "Here", "databaseAccountEndpoint": f"http://{request.host}/"}]
        return _json(
            {
                "id": "fake",
                "_self": "",
                "writableLocations": region,
                "readableLocations": region,
                "enableMultipleWriteLocations": False,
                "userConsistencyPolicy": {"defaultConsistencyLevel": "Strong"},
            }
        )

    async def _container(self, request: web.Request) -> web.Response:
        container = self._find(request)
        if container is None:
            return _refused(RefusalError(404, "Owner resource does not exist", 1003))
        name = container.definition["id"]
        link = f"dbs/{self._database}/colls/{name}"
        return _json(container.definition | {"_rid": _rid(name), "_self": link, "_etag": '"1"'})

    async def _ranges(self, request: web.Request) -> web.Response:
        if "if-none-match" in request.headers:
            return web.Response(status=304, headers={"etag": '"1"'})
        whole = {"id": "0", "minInclusive": "", "maxExclusive": "FF", "parents": []}
        return _json({"_rid": "c", "PartitionKeyRanges": [whole], "_count": 1}, headers={"etag": '"1"'})

    async def _documents(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        body = json.loads(raw) if raw else None
        asked = Request(
            kind=_kind(request.method, headers),
            container=request.match_info["container"],
            partition=headers.get("x-ms-documentdb-partitionkey", ""),
            headers=headers,
            target=request.match_info.get("id", ""),
            raw=raw,
            body=body,
        )
        await self.faults.pass_holds(asked)
        fault = self.faults.next(asked)
        try:
            answer = self._answer(asked, fault, self._find(request))
        except RefusalError as refusal:
            answer = _refused(refusal)
        answer.headers["Date"] = formatdate(self.now(), usegmt=True)
        charge = float(answer.headers["x-ms-request-charge"])
        self.journal.entries.append(Entry(asked.kind, asked.container, headers, body, answer.status, charge))
        if fault is not None and fault.status == 0 and request.transport is not None:
            request.transport.close()
        return answer

    def _answer(self, asked: Request, fault: Fault | None, container: Container | None) -> web.Response:
        if container is None:
            raise RefusalError(404, "Owner resource does not exist", 1003)
        if len(asked.raw) > MAX_REQUEST_BYTES:
            raise RefusalError(413, "Request size is too large.")
        if "authorization" not in asked.headers:
            raise RefusalError(401, "Required Header authorization is missing.")
        inside = fault is not None and (fault.inside or (fault.status == 412 and asked.kind == "batch"))
        if fault is not None and not fault.after_commit and not inside:
            raise fault.refusal()
        partition = container.partition(_partition_key(asked.partition))
        if asked.kind == "batch":
            answer = self._batch(asked, partition, fault if inside else None)
        elif asked.kind == "query":
            answer = self._query(asked, partition)
        else:
            answer = self._done(_single(asked, partition))
        if fault is not None and fault.after_commit and fault.status:
            raise fault.refusal()
        return answer

    def _batch(self, asked: Request, partition: Partition, fault: Fault | None) -> web.Response:
        if asked.headers.get("x-ms-cosmos-batch-atomic", "").lower() != "true":
            raise RefusalError(400, "Only atomic batches are spoken here.")
        at = (asked.conditions() or [0])[0] if fault is not None and fault.status == 412 else len(asked.body) - 1
        responses = batches.execute(partition, asked.body, fault, at)
        failed = any(response["statusCode"] >= 400 for response in responses)
        charge = sum(response["requestCharge"] for response in responses)
        return _json(responses, 207 if failed else 200, charge, self._session())

    def _query(self, asked: Request, partition: Partition) -> web.Response:
        parameters = {one["name"]: one["value"] for one in asked.body.get("parameters", ())}
        found = partition.query(asked.body["query"], parameters)
        start = int(base64.b64decode(asked.headers.get("x-ms-continuation", "")) or 0)
        wanted = int(asked.headers.get("x-ms-max-item-count", -1))
        end = start + (wanted if found.ranked else self._page_items)
        page = found.items[start:end]
        headers = self._session()
        if end < len(found.items):
            headers["x-ms-continuation"] = base64.b64encode(str(end).encode()).decode()
        charge = charges.query(page, scanned=found.scanned, ranked=found.ranked)
        return _json({"_rid": "c", "Documents": page, "_count": len(page)}, 200, charge, headers)

    def _done(self, done: Done) -> web.Response:
        headers = self._session() | ({"etag": done.item["_etag"]} if done.item else {})
        return _json(done.item, done.status, done.charge, headers)

    def _session(self) -> dict[str, str]:
        step = next(self._steps)
        return {"x-ms-session-token": f"0:-1#{step}", "lsn": str(step), "x-ms-item-count": "1"}

    def _find(self, request: web.Request) -> Container | None:
        if request.match_info["database"] != self._database:
            return None
        return self.containers.get(request.match_info["container"])


def _kind(method: str, headers: Mapping[str, str]) -> str:
    if method != "POST":
        return _DIRECT[method]
    return next((kind for name, kind in _POSTED.items() if headers.get(name, "").lower() == "true"), "create")


def _partition_key(header: str) -> str:
    if not header:
        raise RefusalError(400, "Cross partition requests are not spoken here.")
    (key,) = json.loads(header)
    if not isinstance(key, str):
        raise RefusalError(400, "Every item of ours has a partition key, and it is text.")
    return key


def _single(asked: Request, partition: Partition) -> Done:
    if_match = asked.headers.get("if-match")
    match asked.kind:
        case "read":
            return partition.read(asked.target)
        case "create":
            return partition.create(asked.body)
        case "upsert":
            return partition.upsert(asked.body, if_match)
        case "replace":
            return partition.replace(asked.target, asked.body, if_match)
        case "patch":
            return partition.patch(asked.target, asked.body, if_match)
        case _:
            return partition.delete(asked.target, if_match)


def _rid(name: str) -> str:
    return base64.b64encode(name.encode()[:8].ljust(8, b"=")).decode()


def _refused(refusal: RefusalError) -> web.Response:
    body = {"code": str(refusal.status), "message": refusal.message}
    # Status 0 is never sent: the connection closes first.
    return _json(body, refusal.status or 500, charges.missed(), refusal.headers())


def _json(body: Any, status: int = 200, charge: float = 0.0, headers: Mapping[str, str] | None = None) -> web.Response:
    common = {"x-ms-request-charge": f"{charge:.2f}", "x-ms-activity-id": "fake", "x-ms-version": "2020-07-15"}
    text = "" if status == 204 else json.dumps(body, ensure_ascii=False)
    encoded, headers = text.encode(errors="surrogatepass"), common | dict(headers or {})
    return web.Response(status=status, body=encoded, content_type="application/json", headers=headers)
