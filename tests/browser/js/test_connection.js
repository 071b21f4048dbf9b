import { Connection, delay, refusal } from "/static/conversations/connection.js";
import { equal, ok, test } from "/tests/harness.js";

test("the wait is a random part of a limit that doubles up to twenty seconds", () => {
  equal([0, 1, 2, 10].map((tries) => delay(tries, () => 1)), [500, 1000, 2000, 20000]);
  equal(delay(10, () => 0), 0);
});

test("without a given number the wait is random", () => {
  const waits = new Set(Array.from({ length: 20 }, () => delay(5)));
  ok(waits.size > 10);
});

test("only codes from 4400 to 4499 are final", () => {
  equal([1001, 1005, 1006, 1011, 1012, 1013, 4399, 4401, 4499, 4500].filter(refusal), [4401, 4499]);
});

test("the Back button opens again only what was open", () => {
  const asked = [];
  globalThis.WebSocket = class {
    constructor(address) {
      asked.push(address);
    }

    close() {}
  };
  const deaf = { opened: () => {}, received: () => {}, changed: () => {} };
  const back = () => dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true }));
  const connection = new Connection("ws://site/", deaf);
  back();
  equal(asked, []);
  connection.open();
  dispatchEvent(new PageTransitionEvent("pagehide", { persisted: true }));
  back();
  equal(asked, ["ws://site/", "ws://site/"]);
});
