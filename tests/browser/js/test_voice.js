import { make } from "/static/conversations/make.js";
import { answered } from "/static/conversations/responses.js";
import { Voice } from "/static/conversations/voice.js";
import { equal, test } from "/tests/harness.js";

const turn = (id, change) => ({ ...answered(id), ...change });

// What is said of these states of the page, one after the other.
function said(...states) {
  const voice = new Voice(make("div"));
  return states.map((turns) => {
    voice.tell({ ready: true, turns });
    return voice.element.textContent;
  });
}

test("who listens hears that a message was refused, and why", () => {
  const refused = turn("local_a", { status: "refused", error: { code: "version_conflict" } });
  const words = "The conversation has changed meanwhile. Look at it, then send again.";
  equal(said([], [turn("local_a", { status: "unsent" })], [refused]), ["", "", words]);
});

test("older messages that are shown are no news, and what ended meanwhile is", () => {
  const [old, known, late] = ["resp_a", "resp_b", "resp_c"].map((id) => turn(id, { status: "completed" }));
  equal(said([known], [old, known], [old, known, late]), ["", "", "The answer is complete."]);
});
