import { make } from "/static/conversations/make.js";
import { answered } from "/static/conversations/responses.js";
import { Voice } from "/static/conversations/voice.js";
import { equal, test } from "/tests/harness.js";

test("who listens hears that a message was refused, and why", () => {
  const voice = new Voice(make("div"));
  const tell = (change) => voice.tell({ ready: true, turns: [{ ...answered("local_a"), ...change }] });
  tell({ status: "unsent" });
  tell({ status: "refused", error: { code: "version_conflict" } });
  equal(voice.element.textContent, "The conversation has changed meanwhile. Look at it, then send again.");
});
