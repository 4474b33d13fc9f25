// The official OpenAI client for Node.
import OpenAI from "openai";

import { ASK, BASE, DOT, LOCKED, TOKEN, WEATHER, cost, refused, told } from "./told.mjs";

const settings = { baseURL: BASE, apiKey: "unused", maxRetries: 0, timeout: 30_000 };
const client = new OpenAI(settings);
const chat = client.chat.completions;
const tools = [{ type: "function", function: { name: "weather", description: "The weather.", parameters: WEATHER } }];

await told("models", async (so) => {
  const models = (await client.models.list()).data.map((model) => model.id);
  so(models.some((model) => model.includes("eliza")), models);
});
await told("chat", async (so) => {
  const answer = await chat.create({ model: "eliza", messages: ASK });
  so(answer.choices[0].message.content === "This is a test!", answer.choices[0].message.content);
  so(answer.usage.total_tokens > 0);
});
await told("stream", async (so) => {
  let text = "";
  let reason = null;
  for await (const chunk of await chat.create({ model: "eliza", messages: ASK, stream: true })) {
    text += chunk.choices[0]?.delta?.content ?? "";
    reason = chunk.choices[0]?.finish_reason ?? reason;
  }
  so(text === "This is a test!" && reason === "stop", text);
});
await told("usage", async (so) => {
  let usage = null;
  const options = { stream: true, stream_options: { include_usage: true } };
  for await (const chunk of await chat.create({ model: "eliza", messages: ASK, ...options })) usage = chunk.usage ?? usage;
  so(usage.completion_tokens > 0, JSON.stringify(usage));
});
await told("tools", async (so) => {
  const call = (await chat.create({ model: "stub-1", messages: ASK, tools })).choices[0].message.tool_calls[0];
  so(JSON.parse(call.function.arguments).city === "Lisbon", call.function.name + call.function.arguments);
  const streamed = await chat.stream({ model: "stub-1", messages: ASK, tools }).finalChatCompletion();
  so(JSON.parse(streamed.choices[0].message.tool_calls[0].function.arguments).city === "Lisbon", "streamed too");
});
await told("schema", async (so) => {
  const response_format = { type: "json_schema", json_schema: { name: "weather", schema: WEATHER, strict: true } };
  const answer = await chat.create({ model: "stub-1", messages: ASK, response_format });
  so(JSON.parse(answer.choices[0].message.content).city === "Lisbon", answer.choices[0].message.content);
});
await told("image", async (so) => {
  const content = [{ type: "text", text: "What?" }, { type: "image_url", image_url: { url: DOT } }];
  const answer = await chat.create({ model: "stub-1", messages: [{ role: "user", content }] });
  so(answer.choices[0].message.content.includes("inline image"), answer.choices[0].message.content);
});
await told("embeddings", async (so) => {
  const found = await client.embeddings.create({ model: "stub-1", input: "one" });
  so(found.data[0].embedding.join() === "0.25,0.5,0.25");
});
await refused("400", (error) => error instanceof OpenAI.BadRequestError, () =>
  chat.create({ model: "stub-1", messages: ASK, temperature: 7 }));
await refused("401", (error) => error instanceof OpenAI.AuthenticationError, () =>
  new OpenAI({ ...settings, baseURL: LOCKED }).models.list());
await told("401 answered", async (so) =>
  so((await new OpenAI({ ...settings, baseURL: LOCKED, apiKey: TOKEN }).models.list()).data.length > 0));
await refused("402", (error) => error.status === 402 && error.message.includes("neuron"), () =>
  chat.create({ model: "dear", messages: ASK }));
await refused("404", (error) => error instanceof OpenAI.NotFoundError && error.code === "unknown_model", () =>
  chat.create({ model: "no-such-model", messages: ASK }));
await refused("429", (error) => error instanceof OpenAI.RateLimitError, () =>
  chat.create({ model: "stub-1", messages: [{ role: "user", content: "too many" }] }));
await told("cost", async (so) => {
  const { data, response } = await chat.create({ model: "eliza", messages: ASK }).withResponse();
  const fee = Number(response.headers.get("zg-fee"));
  so(data.choices.length === 1 && (await cost(response.headers.get("zg-request-id"))) === fee, `zg-fee ${fee}`);
});
