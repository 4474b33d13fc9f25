// The official OpenAI client for Node against a running 1034; openai_node.py starts the demo around it.
import OpenAI from "openai";

const client = new OpenAI({ baseURL: "http://127.0.0.1:1034/v1", apiKey: "unused", maxRetries: 0 });
const fail = (what) => {
  console.error(`openai_client.mjs: NOT SO: ${what}`);
  process.exit(1);
};
const models = (await client.models.list()).data.map((model) => model.id);
const model = models.find((name) => !name.toLowerCase().includes("storage")) ?? fail("a chat model is listed");
const messages = [{ role: "user", content: "I am testing a payment." }];
const plain = await client.chat.completions.create({ model, messages });
if (!plain.choices[0].message.content) fail("a plain chat has content");
let text = "";
let reason = null;
for await (const chunk of await client.chat.completions.create({ model, messages, stream: true })) {
  text += chunk.choices[0]?.delta?.content ?? "";
  reason = chunk.choices[0]?.finish_reason ?? reason;
}
if (!text || reason !== "stop") fail(`a streamed chat: ${JSON.stringify(text)} ${reason}`);
try {
  await client.chat.completions.create({ model: "no-such-model", messages });
  fail("an unknown model is an error");
} catch (error) {
  if (![400, 404].includes(error.status)) fail(`an unknown model is an error: ${error}`);
}
console.log(`openai_client.mjs: plain ${JSON.stringify(plain.choices[0].message.content)}, streamed ${JSON.stringify(text)}`);
