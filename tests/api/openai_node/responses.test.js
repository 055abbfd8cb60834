// Responses and conversations, by openai-node.
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import OpenAI, { toFile } from "openai";
import { zodTextFormat } from "openai/helpers/zod";
import { z } from "zod";
import { bodies, collect, openai, reset, script, stranger } from "./conformance.js";

const client = openai();
const Event = z.object({ name: z.string(), people: z.array(z.string()) });
const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"], additionalProperties: false };
const tools = [{ type: "function", name: "weather", parameters, strict: true }];
const call = { id: "call_a", name: "weather", arguments: '{"city": "Oslo"}', pieces: 4 };
const message = (content) => ({ type: "message", role: "user", content });
const texts = (items) => items.map((item) => item.content[0].text);

beforeEach(reset);

test("a response is plain, streamed and parsed", async () => {
  const made = await client.responses.create({ model: "chat", input: "Say something." });
  assert.equal(made.output_text, "Scripted answer.");
  assert.equal((await client.responses.retrieve(made.id)).output_text, "Scripted answer.");
  assert.deepEqual(texts(await collect(client.responses.inputItems.list(made.id))), ["Say something."]);
  const events = await collect(await client.responses.create({ model: "chat", input: "Speak.", stream: true }));
  assert.deepEqual(events.map((event) => event.sequence_number), events.map((_, n) => n));
  assert.equal(events.at(-1).type, "response.completed");
  const final = await client.responses.stream({ model: "chat", input: "Speak." }).finalResponse();
  assert.equal(final.output_text, "Scripted answer.");
  await script({ text: '{"name": "fair", "people": ["Ann"]}' });
  const text = { format: zodTextFormat(Event, "event") };
  const parsed = await client.responses.parse({ model: "chat", input: "What happens?", text });
  assert.deepEqual(parsed.output_parsed, { name: "fair", people: ["Ann"] });
});

for (const how of ["previous_response_id", "conversation"]) {
  test(`a function is called and its result answered over ${how}`, async () => {
    await script({ tool_calls: [call] }, { text: "Take a coat." });
    const kept = how === "conversation" ? { conversation: (await client.conversations.create({})).id } : {};
    const first = await client.responses.create({ model: "chat", input: "A coat?", tools, ...kept });
    const made = first.output.find((item) => item.type === "function_call");
    assert.deepEqual([made.call_id, JSON.parse(made.arguments)], ["call_a", { city: "Oslo" }]);
    const input = [{ type: "function_call_output", call_id: made.call_id, output: "cold" }];
    const continued = how === "conversation" ? kept : { previous_response_id: first.id };
    const second = await client.responses.stream({ model: "chat", input, tools, ...continued }).finalResponse();
    assert.equal(second.output_text, "Take a coat.");
    assert.deepEqual((await bodies())[1].messages.map((one) => one.role), ["user", "assistant", "tool"]);
  });
}

test("an answer out of files cites them", async () => {
  const store = await client.vectorStores.create({ name: "cited" });
  const gate = await toFile(Buffer.from("The northern gate is painted red."), "gate.txt");
  const file = await client.vectorStores.files.uploadAndPoll(store.id, gate, { pollIntervalMs: 100 });
  const search = { name: "file_search", arguments: '{"queries": ["northern gate"]}' };
  await script({ tool_calls: [search] }, { text: "The northern gate is painted red [doc1]." });
  const tool = { type: "file_search", vector_store_ids: [store.id] };
  const made = await client.responses.stream({ model: "chat", input: "Which colour?", tools: [tool] }).finalResponse();
  assert.deepEqual(made.output.map((item) => item.type), ["file_search_call", "message"]);
  const [annotation] = made.output[1].content[0].annotations;
  assert.deepEqual([annotation.type, annotation.file_id, annotation.filename], ["file_citation", file.id, "gate.txt"]);
});

test("a stream that breaks raises", async () => {
  await script({ chunks: ["a ", "b "], fault: "cut", after_chunks: 1 });
  await assert.rejects(async () => collect(await client.responses.create({ model: "chat", input: "Go.", stream: true })), OpenAI.APIError);
  await openai({ maxRetries: 5 }).responses.create({ model: "chat", input: "Be well.", store: false });
});

test("a conversation keeps its items in order, and is its tenant's", async () => {
  const made = await client.conversations.create({ items: [message("One.")], metadata: { a: "b" } });
  const added = await client.conversations.items.create(made.id, { items: [message("Two."), message("Three.")] });
  assert.deepEqual(texts(added.data), ["Two.", "Three."]);
  const all = await collect(client.conversations.items.list(made.id, { order: "asc", limit: 1 }));
  assert.deepEqual(texts(all), ["One.", "Two.", "Three."]);
  await assert.rejects(stranger().conversations.retrieve(made.id), OpenAI.NotFoundError);
  assert.equal((await client.conversations.delete(made.id)).object, "conversation.deleted");
});
