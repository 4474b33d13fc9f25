// Vercel's AI SDK with its provider for OpenAI-compatible servers.
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { APICallError, generateObject, generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";

import { BASE, cost, refused, told } from "./told.mjs";

globalThis.AI_SDK_LOG_WARNINGS = false;
const broker = createOpenAICompatible({ name: "zgserve", baseURL: BASE, includeUsage: true, supportsStructuredOutputs: true });
const ask = { prompt: "Say this is a test!", maxRetries: 0 };
const city = z.object({ city: z.string(), degrees: z.number() });

await told("chat", async (so) => {
  const { text, usage } = await generateText({ model: broker("eliza"), ...ask });
  so(text === "This is a test!", text);
  so(usage.outputTokens > 0);
});
await told("stream", async (so) => {
  let text = "";
  const run = streamText({ model: broker("eliza"), ...ask });
  for await (const piece of run.textStream) text += piece;
  so(text === "This is a test!", text);
});
await told("usage", async (so) => {
  const run = streamText({ model: broker("eliza"), ...ask });
  await run.consumeStream();
  const { outputTokens } = await run.usage;
  so(outputTokens > 0, `${outputTokens} output tokens`);
});
await told("tools", async (so) => {
  const asked = [];
  const weather = tool({
    description: "The weather.",
    inputSchema: z.object({ city: z.string() }),
    execute: async ({ city }) => { asked.push(city); return "21 degrees"; },
  });
  const { text } = await generateText({ model: broker("stub-1"), ...ask, tools: { weather }, stopWhen: stepCountIs(3) });
  so(asked.join() === "Lisbon" && text.includes("21 degrees"), text);
});
await told("schema", async (so) => {
  const { object } = await generateObject({ model: broker("stub-1"), ...ask, schema: city });
  so(object.city === "Lisbon" && object.degrees === 21, JSON.stringify(object));
});
const is = (status) => (error) => APICallError.isInstance(error) && error.statusCode === status && error.message.length > 20;
await refused("402", is(402), () => generateText({ model: broker("dear"), ...ask }));
await refused("404", is(404), () => generateText({ model: broker("no-such-model"), ...ask }));
await told("cost", async (so) => {
  const { headers } = (await generateText({ model: broker("eliza"), ...ask })).response;
  so((await cost(headers["zg-request-id"])) === Number(headers["zg-fee"]), `response.headers: zg-fee ${headers["zg-fee"]}`);
});
