import { make } from "/static/conversations/make.js";
import { Notice } from "/static/conversations/notice.js";
import { equal, test } from "/tests/harness.js";

// A notice, and what makes all the time pass that it waits for.
function noticed() {
  const due = new Map();
  globalThis.setTimeout = (task) => due.set(due.size + 1, task).size;
  globalThis.clearTimeout = (id) => due.delete(id);
  const notice = new Notice({ line: make("p"), whereabouts: make("p"), login: "/login/", again: () => {} });
  const show = (phase, code = 0, told = null) => notice.show({ connection: { phase, code, reason: "" }, notice: told });
  return { show, pass: () => due.forEach((task) => task()), said: () => (notice.line.hidden ? "" : notice.line.textContent.trim()) };
}

const LOST = "No connection to the site. Trying again…";

test("a lost connection is told after a while", () => {
  const { show, pass, said } = noticed();
  show("open");
  show("waiting", 1006);
  show("connecting");
  equal(said(), "");
  pass();
  equal(said(), LOST);
  show("open");
  equal(said(), "");
});

test("a refusal stays when the loss before it would be told", () => {
  const { show, pass, said } = noticed();
  show("waiting", 1006);
  show("refused", 4401);
  pass();
  equal(said(), "You are logged out. Log in");
});

test("an error stays when the loss before it would be told, which is told after it", () => {
  const { show, pass, said } = noticed();
  show("waiting", 1006);
  show("waiting", 1006, { code: "too_large" });
  pass();
  equal(said(), "This message is too long to send.");
  show("waiting", 1006);
  pass();
  equal(said(), LOST);
});
