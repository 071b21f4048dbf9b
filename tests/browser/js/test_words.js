import { closing, failure } from "/static/conversations/words.js";
import { equal, test } from "/tests/harness.js";

test("of several limits the server names the one that was met", () => {
  const message = "Too many messages wait in this conversation; wait for an answer.";
  equal(failure({ code: "rate_limited", message }), message);
  equal(failure({ code: "rate_limited" }), "You are sending too fast. Wait a moment.");
});

test("how long the provider asks us to wait is told", () => {
  const message = "The model provider has too much to do just now. Try again in 7 s.";
  equal(failure({ code: "provider_rate_limited", message }), message);
});

test("who was not in time is told", () => {
  equal(failure({ code: "expired", message: "Nobody answered in time." }), "Nobody answered in time.");
  equal(failure({ code: "expired" }), "The answer was not made in time.");
});

test("what other failures say is for whoever looks after the site", () => {
  equal(failure({ code: "provider_timeout", message: "504" }), "The model took too long to answer.");
  equal(failure({ code: "of a newer server", message: "Told." }), "Told.");
});

test("a close with a reason is told by it", () => {
  equal(closing({ code: 4429, reason: "Too many connections; close some." }), "Too many connections; close some.");
  equal(closing({ code: 4429, reason: "" }), "Too many messages came from here in a short time.");
  equal(closing({ code: 4499, reason: "" }), "The site closed the connection.");
});
