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

test("what was forgotten is not told as cleared by who still sees its cookie", async () => {
  answering([200, [delta("a"), state("one")]]);
  const chat = make();
  await chat.send("hi");
  const { cookie } = document;
  chat.forget();
  document.cookie = `${cookie}; path=/`;
  equal(new Carried({ url: "/v1/agentsite/chat" }).status, "new");
  localStorage.clear();
  equal(new Carried({ url: "/v1/agentsite/chat" }).status, "cleared");
});

test("a state that is refused stays until the person decides", async () => {
  answering([200, [delta("a"), state("one")]], [400, { code: "state_expired", message: "too old" }]);
  const chat = make();
  await chat.send("hi");
  const refused = await chat.send("go").catch((error) => error);
  equal([refused.code, refused.status, chat.status], ["state_expired", 400, "kept"]);
});

test("a site that cannot be reached is told in words, and a stream that breaks as cut off", async () => {
  const chat = make();
  const broken = new ReadableStream({ pull: (stream) => stream.error(new TypeError("network error")) });
  for (const [answer, code] of [[Promise.reject(new TypeError("Failed to fetch")), "unreachable"], [new Response(broken), "cut_off"]]) {
    globalThis.fetch = async () => answer;
    const refused = await chat.send("hi").catch((error) => error);
    equal([refused.code, chat.status], [code, "new"]);
  }
});

test("a storage that is full keeps the state and what was said last", async () => {
  answering(...["one", "two", "three"].map((each) => [200, [delta("x".repeat(40)), state(each)]]));
  const kept = new Map();
  const setItem = (name, text) => {
    if (text.length > 250) throw new DOMException("full", "QuotaExceededError");
    kept.set(name, text);
  };
  const storage = { setItem, getItem: (name) => kept.get(name) ?? null, removeItem: (name) => kept.delete(name) };
  const chat = new Carried({ url: "/v1/agentsite/chat", name: "small", storage });
  chat.forget();
  for (const text of ["first", "second", "third"]) await chat.send(text);
  const after = new Carried({ url: "/v1/agentsite/chat", name: "small", storage });
  equal([after.status, after.said.at(-2).text, after.said.length < 6], ["kept", "third", true]);
  equal(JSON.parse(kept.get("small")).state, "three");
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
