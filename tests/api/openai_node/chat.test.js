// Chat, streams, tools, structured output, embeddings, models, refusals and retries, by openai-node.
import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import OpenAI from "openai";
import { zodResponseFormat } from "openai/helpers/zod";
import { z } from "zod";
import { azure, bodies, collect, openai, reset, script, stranger } from "./conformance.js";

const messages = [{ role: "user", content: "Say something." }];
const asked = { model: "chat", messages };
const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const tools = ["weather", "time"].map((name) => ({ type: "function", function: { name, parameters } }));
const calls = [
  { id: "call_a", name: "weather", arguments: '{"city": "Oslo"}', pieces: 4 },
  { id: "call_b", name: "time", arguments: '{"city": "Rome"}', pieces: 2 },
];
const Event = z.object({ name: z.string(), people: z.array(z.string()) });
const words = (count) => Array.from({ length: count }, (_, n) => ` w${n}`).join("");
const said = (chunks) => chunks.flatMap((chunk) => chunk.choices.map((choice) => choice.delta.content ?? "")).join("");
const called = (found) => found.map((call) => [call.id, call.function.name, JSON.parse(call.function.arguments)]);

beforeEach(reset);

for (const [name, make] of [["OpenAI", openai], ["AzureOpenAI", azure]]) {
  describe(name, () => {
    const client = make();

    test("a plain answer", async () => {
      const answer = await client.chat.completions.create(asked);
      assert.equal(answer.choices[0].message.content, "Scripted answer.");
      assert.equal(answer.choices[0].finish_reason, "stop");
      assert.ok(answer.usage.total_tokens > 0);
      assert.match(answer._request_id, /^req_/);
    });

    test("a stream in order, with the usage that it asks for", async () => {
      await script({ chunk_count: 200 });
      const stream_options = { include_usage: true };
      const chunks = await collect(await client.chat.completions.create({ ...asked, stream: true, stream_options }));
      assert.equal(said(chunks), words(200));
      assert.equal(chunks.at(-2).choices[0].finish_reason, "stop");
      assert.equal(chunks.at(-1).usage.completion_tokens, 200);
    });

    test("tools are called and their results answered", async () => {
      await script({ tool_calls: calls }, { text: "Cold in Oslo." });
      const first = (await client.chat.completions.create({ ...asked, tools })).choices[0];
      assert.equal(first.finish_reason, "tool_calls");
      const expected = calls.map((call) => [call.id, call.name, JSON.parse(call.arguments)]);
      assert.deepEqual(called(first.message.tool_calls), expected);
      const results = calls.map((call) => ({ role: "tool", tool_call_id: call.id, content: "done" }));
      const answer = await client.chat.completions.create({ ...asked, messages: [...messages, first.message, ...results] });
      assert.equal(answer.choices[0].message.content, "Cold in Oslo.");
      assert.deepEqual((await bodies())[1].messages.map((one) => one.role), ["user", "assistant", "tool", "tool"]);
    });

    test("the streaming helper puts texts and tool calls together", async () => {
      await script({ tool_calls: calls }, { chunk_count: 20 });
      const whole = await client.chat.completions.stream({ ...asked, tools }).finalChatCompletion();
      assert.deepEqual(called(whole.choices[0].message.tool_calls).map((call) => call[2].city), ["Oslo", "Rome"]);
      const stream = client.chat.completions.stream(asked);
      let deltas = "";
      stream.on("content", (delta) => (deltas += delta));
      assert.equal(await stream.finalContent(), words(20));
      assert.equal(deltas, words(20));
    });

    test("an answer is parsed into the type that was asked for", async () => {
      await script({ text: '{"name": "fair", "people": ["Ann"]}' });
      const answer = await client.chat.completions.parse({ ...asked, response_format: zodResponseFormat(Event, "event") });
      assert.deepEqual(answer.choices[0].message.parsed, { name: "fair", people: ["Ann"] });
    });

    test("embeddings are the same packed and plain; models are listed", async () => {
      const input = ["some words", "others"];
      const packed = await client.embeddings.create({ model: "embedding", input });
      const plain = await client.embeddings.create({ model: "embedding", input, encoding_format: "float" });
      packed.data.forEach((item, n) => {
        assert.equal(item.embedding.length, 384);
        item.embedding.forEach((value, at) => assert.ok(Math.abs(value - plain.data[n].embedding[at]) < 1e-6));
      });
      assert.ok((await collect(client.models.list())).some((model) => model.id === "chat"));
    });

    for (const fault of ["cut", "abort"]) {
      test(`a stream that breaks (${fault}) is an error and never the end`, async () => {
        await script({ chunks: ["a ", "b ", "c "], fault, after_chunks: 2 });
        await assert.rejects(async () => collect(await client.chat.completions.create({ ...asked, stream: true })), OpenAI.APIError);
      });
    }
  });
}

test("a function is run by the helper until the model has its answer", async () => {
  await script({ tool_calls: [calls[0]] }, { text: "Take a coat." });
  const run = ({ city }) => `Cold in ${city}.`;
  const tool = { type: "function", function: { name: "weather", parameters, parse: JSON.parse, function: run } };
  assert.equal(await openai().chat.completions.runTools({ ...asked, tools: [tool] }).finalContent(), "Take a coat.");
  assert.equal((await bodies())[1].messages[2].content, "Cold in Oslo.");
});

const refusals = [
  [OpenAI.BadRequestError, 400, (client) => client.chat.completions.create({ ...asked, messages: [] })],
  [OpenAI.NotFoundError, 404, (client) => client.chat.completions.create({ ...asked, model: "nope" })],
  [OpenAI.NotFoundError, 404, (client) => client.files.retrieve("file-nope")],
  [OpenAI.NotFoundError, 404, (client) => client.moderations.create({ input: "x" })],
  [OpenAI.AuthenticationError, 401, (client) => client.withOptions({ apiKey: "wrong" }).models.list()],
  [OpenAI.PermissionDeniedError, 403, (client) => client.get("/organization/admin_api_keys")],
];

test("every refusal is the client's own exception for it", async () => {
  for (const [kind, status, ask] of refusals) {
    await assert.rejects(ask(openai()), (error) => {
      assert.ok(error instanceof kind, `${error}`);
      assert.deepEqual([error.status, error.type], [status, "invalid_request_error"]);
      assert.match(error.requestID, /^req_/);
      return true;
    });
  }
});

test("the model's refusals are the client's own exceptions, too", async () => {
  const soon = { retry_after_s: 0.05, retry_after_form: "milliseconds" };
  for (const [step, kind] of [
    [{ status: 409 }, OpenAI.ConflictError],
    [{ status: 422 }, OpenAI.UnprocessableEntityError],
    [{ status: 500 }, OpenAI.InternalServerError],
    [{ status: 429, ...soon }, OpenAI.RateLimitError],
  ]) {
    await script(step);
    await assert.rejects(openai().chat.completions.create(asked), kind);
  }
  await openai({ maxRetries: 5 }).chat.completions.create(asked);
});

test("a failure is retried when it said, and what no retry can mend is asked once", async () => {
  const patient = openai({ maxRetries: 2 });
  await script({ status: 503, retry_after_s: 0.4, retry_after_form: "milliseconds" });
  const began = Date.now();
  assert.equal((await patient.chat.completions.create(asked)).choices[0].message.content, "Scripted answer.");
  assert.ok(Date.now() - began >= 400);
  assert.equal((await bodies()).length, 2);
  await script({ status: 422 });
  await assert.rejects(patient.chat.completions.create(asked), OpenAI.UnprocessableEntityError);
  assert.equal((await bodies()).length, 3);
});

test("a time-out is the client's own exception, and a stream can be left", async () => {
  await script({ first_byte_s: 30 }, { chunk_count: 500, chunk_delay_s: 0.05 });
  await assert.rejects(openai({ timeout: 1000 }).chat.completions.create(asked), OpenAI.APIConnectionTimeoutError);
  const stream = await openai().chat.completions.create({ ...asked, stream: true });
  for await (const chunk of stream) if (chunk.choices[0].delta.content) break;
  assert.ok(stream.controller.signal.aborted);
});

test("what is another tenant's is not found", async () => {
  const store = await openai().vectorStores.create({ name: "ours" });
  await assert.rejects(stranger().vectorStores.retrieve(store.id), OpenAI.NotFoundError);
});
