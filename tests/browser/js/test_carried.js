import { Carried } from "/static/conversations/carried/carried.js";
import { equal, ok, test } from "/tests/harness.js";

function answering(...replies) {
  const asked = [];
  globalThis.fetch = async (url, { body }) => {
    asked.push(JSON.parse(body));
    const [status, told] = replies.shift();
    if (status !== 200) return new Response(JSON.stringify({ error: told }), { status });
    const lines = told.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
    return new Response(lines.join("") + "data: [DONE]\n\n");
  };
  return asked;
}

const delta = (text) => ({ type: "response.output_text.delta", delta: text });
const state = (token) => ({ type: "agentsite:state", state: token });
const make = () => {
  const chat = new Carried({ url: "/v1/agentsite/chat" });
  chat.forget();
  return chat;
};

test("a message carries the state that came with the last reply", async () => {
  const asked = answering([200, [delta("He"), delta("llo"), state("one")]], [200, [delta("on"), state("two")]]);
  const chat = make();
  equal(chat.status, "new");
  equal(await chat.send("hi"), "Hello");
  equal(await chat.send("go"), "on");
  equal(asked.map((each) => each.state ?? null), [null, "one"]);
  equal(chat.said.map((each) => each.text), ["hi", "Hello", "go", "on"]);
});

test("a reload goes on where it was", async () => {
  const asked = answering([200, [delta("a"), state("one")]], [200, [delta("b"), state("two")]]);
  await make().send("hi");
  const after = new Carried({ url: "/v1/agentsite/chat" });
  equal([after.status, after.said.length], ["kept", 2]);
  await after.send("go");
  equal(asked[1].state, "one");
});

test("a cleared storage is told and nothing begins anew in silence", async () => {
  answering([200, [delta("a"), state("one")]]);
  const chat = make();
  await chat.send("hi");
  localStorage.clear();
  equal(new Carried({ url: "/v1/agentsite/chat" }).status, "cleared");
  const refused = await chat.send("go").catch((error) => error);
  equal(refused.code, "cleared");
  chat.forget();
  equal(chat.status, "new");
});

test("a state that is refused stays until the person decides", async () => {
  answering([200, [delta("a"), state("one")]], [400, { code: "state_expired", message: "too old" }]);
  const chat = make();
  await chat.send("hi");
  const refused = await chat.send("go").catch((error) => error);
  equal([refused.code, refused.status, chat.status], ["state_expired", 400, "kept"]);
});

test("a reply that is cut off leaves the old state", async () => {
  answering([200, [delta("a"), state("one")]], [200, [delta("b")]]);
  const chat = make();
  await chat.send("hi");
  const refused = await chat.send("go").catch((error) => error);
  equal(refused.code, "cut_off");
  equal(JSON.parse(localStorage.getItem("agentsite-carried")).state, "one");
  ok(!chat.said.some((each) => each.text === "b"));
});
