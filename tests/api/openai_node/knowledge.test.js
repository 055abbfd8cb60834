// Files, uploads, vector stores, their batches and search, by openai-node.
import assert from "node:assert/strict";
import { test } from "node:test";
import OpenAI, { toFile } from "openai";
import { collect, eventually, openai } from "./conformance.js";

const client = openai();
const texts = {
  "gate.txt": "The northern gate is painted red.",
  "well.txt": "The well is forty metres deep.",
  "mill.txt": "The mill grinds on Fridays only.",
};
const named = (name) => toFile(Buffer.from(texts[name]), name);
const uploaded = async (name) => (await client.files.create({ file: await named(name), purpose: "assistants" })).id;

test("a file is created, read, walked to and deleted", async () => {
  const made = [];
  for (let n = 0; n < 3; n++) {
    made.push((await client.files.create({ file: await toFile(Buffer.from("ü"), `${n} ü.txt`), purpose: "vision" })).id);
  }
  const page = await client.files.list({ purpose: "vision", limit: 2 });
  assert.deepEqual(page.data.map((file) => file.id), [made[2], made[1]]);
  assert.ok(page.hasNextPage());
  assert.equal((await page.getNextPage()).data[0].id, made[0]);
  const rest = client.files.list({ purpose: "vision", order: "asc", after: made[0], limit: 1 });
  assert.deepEqual((await collect(rest)).map((file) => file.filename), ["1 ü.txt", "2 ü.txt"]);
  assert.equal(await (await client.files.content(made[0])).text(), "ü");
  assert.deepEqual(await client.files.delete(made[0]).then((gone) => [gone.object, gone.deleted]), ["file", true]);
  await assert.rejects(client.files.retrieve(made[0]), OpenAI.NotFoundError);
});

test("an upload in parts is the file", async () => {
  const upload = await client.uploads.create({ bytes: 6, filename: "a.txt", mime_type: "text/plain", purpose: "user_data" });
  const part = async (text) => (await client.uploads.parts.create(upload.id, { data: await toFile(Buffer.from(text)) })).id;
  const two = await part("two");
  const one = await part("one");
  const done = await client.uploads.complete(upload.id, { part_ids: [one, two] });
  assert.equal(done.status, "completed");
  assert.equal(await (await client.files.content(done.file.id)).text(), "onetwo");
});

test("a file is attached, polled, found, changed and taken out", async () => {
  const store = await client.vectorStores.create({ name: "village", metadata: { of: "the suite" } });
  const attached = { file_id: await uploaded("gate.txt"), attributes: { place: "north" } };
  const file = await client.vectorStores.files.createAndPoll(store.id, attached, { pollIntervalMs: 100 });
  assert.deepEqual([file.status, file.last_error], ["completed", null]);
  const second = await client.vectorStores.files.uploadAndPoll(store.id, await named("well.txt"), { pollIntervalMs: 100 });
  assert.equal(second.status, "completed");
  const [best] = await collect(client.vectorStores.search(store.id, { query: "What is painted red?" }));
  assert.deepEqual([best.file_id, best.filename, best.attributes], [file.id, "gate.txt", { place: "north" }]);
  assert.equal(best.content[0].text, texts["gate.txt"]);
  const parts = await collect(client.vectorStores.files.content(file.id, { vector_store_id: store.id }));
  assert.deepEqual(parts.map((part) => part.text), [texts["gate.txt"]]);
  await client.vectorStores.files.update(file.id, { vector_store_id: store.id, attributes: { place: "south" } });
  const filters = { type: "eq", key: "place", value: "south" };
  await eventually(async () => (await client.vectorStores.search(store.id, { query: "gate", filters })).data.length);
  const gone = await client.vectorStores.files.delete(file.id, { vector_store_id: store.id });
  assert.equal(gone.object, "vector_store.file.deleted");
  assert.equal((await client.vectorStores.delete(store.id)).object, "vector_store.deleted");
  await assert.rejects(client.vectorStores.retrieve(store.id), OpenAI.NotFoundError);
});

test("batches are polled from ids and from files, and walked", async () => {
  const store = await client.vectorStores.create({ name: "batches" });
  const batches = client.vectorStores.fileBatches;
  const ids = [await uploaded("gate.txt"), await uploaded("well.txt")];
  const one = await batches.createAndPoll(store.id, { file_ids: ids }, { pollIntervalMs: 100 });
  assert.deepEqual([one.status, one.file_counts.completed, one.file_counts.in_progress], ["completed", 2, 0]);
  const walked = await collect(batches.listFiles(one.id, { vector_store_id: store.id, limit: 1 }));
  assert.deepEqual(walked.map((file) => file.id).sort(), [...ids].sort());
  const files = [await named("mill.txt"), await toFile(Buffer.from([0]), "bad.bin")];
  const two = await batches.uploadAndPoll(store.id, { files }, { pollIntervalMs: 100 });
  assert.deepEqual([two.file_counts.completed, two.file_counts.failed], [1, 1]);
  assert.equal((await collect(client.vectorStores.files.list(store.id, { limit: 2 }))).length, 4);
  assert.equal((await client.vectorStores.retrieve(store.id)).file_counts.completed, 3);
});
