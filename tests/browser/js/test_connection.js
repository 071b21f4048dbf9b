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

test("who was logged out and comes back to the page may have logged in elsewhere", () => {
  const lines = [];
  globalThis.WebSocket = class {
    static OPEN = 1;

    constructor() {
      lines.push(this);
    }

    close() {}
  };
  new Connection("ws://site/", { opened: () => {}, received: () => {}, changed: () => {} }).open();
  const come = () => document.dispatchEvent(new Event("visibilitychange"));
  lines[0].onclose({ code: 4401 });
  come();
  equal(lines.length, 2);
  lines[1].onclose({ code: 4404 });
  come();
  equal(lines.length, 2);
});

// A connection on a site that takes every line, speaks, and closes it after a time; how long it waits then.
function closedBySite() {
  const [lines, waits, clock] = [[], [], { now: 0 }];
  Math.random = () => 1;
  performance.now = () => clock.now;
  globalThis.setTimeout = (task, wait) => waits.push({ task, wait });
  globalThis.WebSocket = class {
    constructor() {
      lines.push(this);
    }

    close() {}
  };
  const connection = new Connection("ws://site/", { opened: () => {}, received: () => {}, changed: () => {} });
  connection.open();
  return (after) => {
    const line = lines.at(-1);
    line.onopen();
    line.onmessage({ data: "{}" });
    clock.now += after;
    line.onclose({ code: 1011 });
    const { task, wait } = waits.at(-1);
    task();
    return wait;
  };
}

test("a line that speaks and is closed at once is waited for longer each time", () => {
  equal([10, 10, 10].map(closedBySite()), [500, 1000, 2000]);
});

test("after a line that has lasted the first wait is short again", () => {
  equal([10, 10, 60_000].map(closedBySite()), [500, 1000, 500]);
});

test("a line that did not survive a change of network is asked at once, and given up early", () => {
  const [frames, phases, timers] = [[], [], []];
  globalThis.setTimeout = (task, wait) => timers.push({ task, wait });
  globalThis.WebSocket = class {
    static OPEN = 1;
    readyState = 1;

    send(frame) {
      frames.push(JSON.parse(frame).type);
    }

    close() {}
  };
  const connection = new Connection("ws://site/", { opened: () => {}, received: () => {}, changed: ({ phase }) => phases.push(phase) });
  connection.open();
  connection.socket.onopen();
  dispatchEvent(new Event("online"));
  dispatchEvent(new Event("offline"));
  equal(frames, ["ping", "ping"]);
  equal(timers.at(-1).wait, 10_000);
  timers.at(-1).task();
  equal(phases, ["connecting", "open", "waiting"]);
});
