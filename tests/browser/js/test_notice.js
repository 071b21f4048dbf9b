import { make } from "/static/conversations/make.js";
import { Notice } from "/static/conversations/notice.js";
import { equal, test } from "/tests/harness.js";

// A notice, and what makes all the time pass that it waits for.
function noticed() {
  const due = new Map();
  globalThis.setTimeout = (task) => due.set(due.size + 1, task).size;
  globalThis.clearTimeout = (id) => due.delete(id);
  const notice = new Notice({ line: make("p"), whereabouts: make("p"), login: "/login/", again: () => {}, now: () => {} });
  const show = (phase, code = 0, told = null, { lost = phase === "waiting" ? code : 0, turns = [], ready = true } = {}) =>
    notice.show({ connection: { phase, code, reason: "", lost, told: ready }, notice: told, turns });
  return { show, pass: () => due.forEach((task) => task()), said: () => (notice.line.hidden ? "" : notice.line.textContent.trim()) };
}

const LOST = "No connection to the site. Trying again… Try now";

test("a lost connection is told after a while", () => {
  const { show, pass, said } = noticed();
  show("open");
  show("waiting", 1006);
  show("connecting", 0, null, { lost: 1006 });
  equal(said(), "");
  pass();
  equal(said(), LOST);
  show("open");
  equal(said(), "");
});

test("a site that is slow to answer at first is told of without a loss", () => {
  const { show, pass, said } = noticed();
  show("connecting", 0, null, { ready: false });
  pass();
  equal(said(), "Connecting to the site…");
  show("open", 0, null, { ready: false });
  equal(said(), "Connecting to the site…");
  show("open");
  equal(said(), "");
});

test("a refusal stays when the loss before it would be told", () => {
  const { show, pass, said } = noticed();
  show("waiting", 1006);
  show("refused", 4401);
  pass();
  equal(said(), "You are logged out. Log in");
  show("refused", 4401, null, { turns: [{ status: "unsent" }] });
  equal(said(), "You are logged out. What you sent waits here until it is taken. Log in");
});

test("an error stays when the loss before it would be told, which is told after it", () => {
  const { show, pass, said } = noticed();
  show("waiting", 1006);
  show("waiting", 1006, { code: "too_large" });
  pass();
  equal(said(), "This message is too long to send. Dismiss");
  show("waiting", 1006);
  pass();
  equal(said(), LOST);
});

test("a site that opens and closes is told of all the while, and what it has not taken", () => {
  const { show, pass, said } = noticed();
  const turns = [{ status: "unsent" }];
  for (const phase of ["waiting", "connecting", "open", "waiting"]) show(phase, 1011, null, { lost: 1011, turns });
  equal(said(), "");
  pass();
  const words = "The site has a fault at the moment. Trying again…";
  equal(said(), `${words} What you sent waits here until it is taken. Try now`);
  show("open", 0, null, { lost: 1011 });
  equal(said(), `${words} Try now`);
  show("open");
  equal(said(), "");
});
