// The official JavaScript client, unchanged, against two replicas and real workers.

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { after, test } from "node:test";

import OpenAI from "openai";
import { ResponsesWS } from "openai/resources/responses/ws";

// What came over the wire, before the client looks at it: bodies, and frames of websockets.
const bodies = [];
const frames = [];
const read = async (body) => {
  let text = "";
  try {
    for await (const chunk of body.pipeThrough(new TextDecoderStream())) text += chunk;
  } catch {
    // a stream that is cut: what came of it counts
  }
  return text;
};
const heard = async (...request) => {
  const response = await fetch(...request);
  if (!response.ok || !response.body) return response;
  const [mine, theirs] = response.body.tee();
  bodies.push(read(mine));
  return new Response(theirs, response);
};
after(async () => writeFile(process.env.HEARD, JSON.stringify([await Promise.all(bodies), frames])));

const [here, there] = process.env.ADDRESSES.split(",").map(
  (baseURL) => new OpenAI({ apiKey: process.env.API_KEY, baseURL, fetch: heard }),
);
const SLOW = "[[stream deltas=40 rate=40]]";

const collect = async (stream) => {
  const events = [];
  for await (const event of stream) events.push(event);
  return events;
};
const text = (events) =>
  events.filter((e) => e.type === "response.output_text.delta").map((e) => e.delta).join("");
const whole = (events) =>
  assert.deepEqual(events.map((e) => e.sequence_number), [...events.keys()]);

test("a chain goes from replica to replica", async () => {
  const first = await here.responses.create({ input: "[[echo]] one" });
  assert.equal(first.output_text.trim(), "[[echo]] one");
  const next = { input: "[[chain]]", previous_response_id: first.id };
  const second = await there.responses.create(next);
  assert.equal(second.previous_response_id, first.id);
  assert.equal((await here.responses.retrieve(second.id)).output_text, second.output_text);
});

test("events give the text that is kept", async () => {
  const events = await collect(await here.responses.create({ input: SLOW, stream: true }));
  whole(events);
  const kept = await there.responses.retrieve(events[0].response.id);
  assert.equal(text(events), kept.output_text);
});

test("the stream helper adds the response up", async () => {
  const stream = here.responses.stream({ model: "assistant", input: SLOW });
  const events = await collect(stream);
  assert.equal((await stream.finalResponse()).output_text, text(events));
});

test("a stream that is cut goes on at the other replica", async () => {
  const body = { input: SLOW, background: true, stream: true };
  const stream = await here.responses.create(body);
  const seen = [];
  for await (const event of stream) {
    seen.push(event);
    if (seen.length === 8) break;
  }
  const where = { stream: true, starting_after: seen.at(-1).sequence_number };
  const rest = await there.responses.retrieve(seen[0].response.id, where);
  const events = [...seen, ...(await collect(rest))];
  whole(events);
  assert.equal(events.at(-1).type, "response.completed");
  assert.equal(text(events), events.at(-1).response.output[0].content[0].text);
});

test("a response in the background is cancelled at the other replica", async () => {
  const begun = await here.responses.create({ input: "[[stall after=1]]", background: true });
  await there.responses.cancel(begun.id);
  const events = await collect(await here.responses.retrieve(begun.id, { stream: true }));
  assert.equal(events.at(-1).type, "response.incomplete");
  assert.equal((await there.responses.retrieve(begun.id)).status, "cancelled");
});

test("a conversation keeps its items", async () => {
  const made = await here.conversations.create({ metadata: { topic: "bridges" } });
  await there.responses.create({ input: "[[echo]] one", conversation: made.id });
  const roles = [];
  for await (const item of here.conversations.items.list(made.id, { order: "asc" }))
    roles.push(item.role);
  assert.deepEqual(roles, ["user", "assistant"]);
  assert.equal((await there.conversations.delete(made.id)).deleted, true);
  await assert.rejects(here.conversations.retrieve(made.id), OpenAI.NotFoundError);
});

test("a function of the client is called and answered elsewhere", async () => {
  const parameters = { type: "object", properties: {}, additionalProperties: false };
  const tools = [{ type: "function", name: "forecast", parameters, strict: true }];
  const stream = here.responses.stream({ model: "assistant", input: "[[tools forecast]]", tools });
  const first = await stream.finalResponse();
  const call = first.output.find((item) => item.type === "function_call");
  const output = { type: "function_call_output", call_id: call.call_id, output: "rain" };
  const next = { input: [output], previous_response_id: first.id, tools };
  assert.ok((await there.responses.create(next)).output_text);
});

test("the loop of the guide to function calls, with nothing stored", async () => {
  const parameters = { type: "object", properties: {}, additionalProperties: false };
  const tools = [{ type: "function", name: "forecast", parameters, strict: true }];
  const input = [{ role: "user", content: "[[tools forecast times=2]]" }];
  let response = await here.responses.create({ input, tools, store: false });
  for (const client of [there, here]) {
    input.push(...response.output);
    for (const { type, call_id } of response.output)
      if (type === "function_call") input.push({ type: "function_call_output", call_id, output: "rain" });
    response = await client.responses.create({ input, tools, store: false });
  }
  assert.equal(input.length, 5);
  assert.ok(response.output_text);
});

test("errors are typed", async () => {
  const bad = { input: "x", top_logprobs: 3 };
  const refused = await here.responses.create(bad).catch((error) => error);
  assert.ok(refused instanceof OpenAI.BadRequestError);
  assert.equal(refused.param, "top_logprobs");
  const stranger = new OpenAI({ apiKey: "ags_wrong", baseURL: here.baseURL });
  await assert.rejects(stranger.models.list(), OpenAI.AuthenticationError);
});

test("lanes of a websocket, and steering", async () => {
  const socket = new ResponsesWS(here);
  const events = [];
  const completed = () => events.filter((e) => e.type === "response.completed");
  await new Promise((resolve, reject) => {
    socket.on("error", reject);
    socket.on("event", (event) => {
      frames.push(event);
      events.push(event);
      if (event.type === "response.output_text.delta" && event.stream_id === "b" && !event.seen)
        if (events.filter((e) => e.stream_id === "b" && e.type === event.type).length === 1)
          socket.send({
            type: "response.steer",
            previous_response_id: event.response_id,
            input: "[[echo]] rather this",
          });
      if (completed().length === 2) resolve();
    });
    socket.send({ type: "response.create", stream_id: "a", input: "[[echo]] first" });
    socket.send({ type: "response.create", stream_id: "b", input: "[[stall after=2]]" });
  });
  socket.close();
  const said = Object.fromEntries(
    completed().map((e) => [e.stream_id, e.response.output[0].content[0].text.trim()]),
  );
  assert.deepEqual(said, { a: "[[echo]] first", b: "[[echo]] rather this" });
});
