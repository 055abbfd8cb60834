// What the programs know: where the product is, its key, and how to script the model behind it.
import OpenAI, { AzureOpenAI } from "openai";

function told(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: \`make conformance\` runs these programs.`);
  return value;
}

const url = told("CONFORMANCE_URL");
const apiKey = told("CONFORMANCE_KEY");
const upstream = told("CONFORMANCE_UPSTREAM");

// They do not retry: a refusal is seen as it comes.
export const openai = (options = {}) => new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries: 0, ...options });
export const azure = () =>
  new AzureOpenAI({ endpoint: url, apiKey, apiVersion: "2025-04-01-preview", maxRetries: 0 });
export const stranger = () => openai({ apiKey: told("CONFORMANCE_OTHER_KEY") });

async function ask(method, path, body) {
  const answer = await fetch(upstream + path, {
    method,
    body: body && JSON.stringify(body),
    headers: { "content-type": "application/json" },
  });
  return answer.status === 204 ? undefined : answer.json();
}

export const script = (...steps) => ask("POST", "/_script", { model: "chat", steps });
export const bodies = async () =>
  (await ask("GET", "/_journal")).entries.filter((entry) => entry.model === "chat").map((entry) => entry.body);
export async function reset() {
  await ask("DELETE", "/_script");
  await ask("DELETE", "/_journal");
}

export async function collect(items) {
  const all = [];
  for await (const item of items) all.push(item);
  return all;
}

export async function eventually(look) {
  const end = Date.now() + 60_000;
  for (;;) {
    const seen = await look();
    if (seen) return seen;
    if (Date.now() > end) throw new Error("Not within 60 s.");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
