// The page of one conversation: joins the socket, the reducer, the transcript and the field.

import { Composer, fits } from "./composer.js";
import { Connection } from "./connection.js";
import { codeOf, copy } from "./copy.js";
import { Earlier } from "./earlier.js";
import { edit, regenerate } from "./fork.js";
import * as list from "./list.js";
import * as memory from "./memory.js";
import { Notice } from "./notice.js";
import { Scroll } from "./scroll.js";
import { cursor, initial, oldest, outbox, reduce, running, shown } from "./state.js";
import { Transcript } from "./transcript.js";
import { textOf } from "./turn.js";
import { Voice } from "./voice.js";

const FRAME = 16; // milliseconds
const WAY = 10_000; // milliseconds after which a page that does not come was given up
const { conversation, login } = document.body.dataset;
const at = (id) => document.getElementById(id);
const transcript = new Transcript(at("transcript"), at("scroll"));
const scroll = new Scroll(at("scroll"), at("transcript"), at("latest"), () => dispatch({ type: "page.trim" }));
const notice = new Notice({
  line: at("notice"),
  whereabouts: at("whereabouts"),
  login,
  again: () => (connection.again(), focusField()),
  now: () => (connection.hasten(), focusField()),
  dismiss: () => (dispatch({ type: "page.dismiss" }), focusField()),
});
const voice = new Voice(at("voice"));
const stash = memory.stash();
const scheme = location.protocol === "https:" ? "wss" : "ws";
const connection = new Connection(`${scheme}://${location.host}/ws/conversations/${conversation}/`, {
  opened: () => {
    subscribe();
    for (const turn of outbox(state)) create(turn);
  },
  received: dispatch,
  changed: (change) => dispatch({ type: "page.connection", ...change }),
});
const earlier = new Earlier({
  button: at("earlier"),
  box: at("scroll"),
  first: () => state.more && oldest(state),
  told: (older, before) => dispatch({ ...older, before, type: "page.earlier" }),
  failed: () => dispatch({ type: "error", code: "offline" }),
});
let state = initial;
let drawing = false;
let effort = 0; // milliseconds that the last drawing took

function dispatch(event) {
  const before = state;
  state = reduce(state, event);
  if (state === before) return;
  if (state.torn && !before.torn) subscribe();
  if (state.turns !== before.turns) keep();
  if (state.ready && !before.ready) voice.tell(state); // at once: the next frame may have what is news already
  if (event.type === "agentsite:accepted") list.rise();
  if (isResult(event)) list.refresh(); // a tool may have given it another title
  if (!drawing) schedule();
  drawing = true;
}

const isResult = ({ type, item }) => type === "response.output_item.done" && item.type === "function_call_output";

// Once a frame; a giant of an answer, that takes longer to draw, leaves time for the person.
function schedule() {
  if (effort < FRAME) requestAnimationFrame(draw);
  else setTimeout(() => requestAnimationFrame(draw), 2 * effort);
}

function draw() {
  const start = performance.now();
  drawing = false;
  if (scroll.stuck) state = reduce(state, { type: "page.trim" });
  if (conversation) scroll.hold(() => transcript.show(state.turns));
  at("stop").hidden = !running(state);
  at("earlier").hidden = !state.more;
  notice.show(state);
  voice.tell(state);
  scroll.follow();
  effort = performance.now() - start;
}

const keep = () => stash.write(outbox(state).map(({ key, input }) => ({ key, text: input })));
const subscribe = () => connection.send({ type: "subscribe", cursor: cursor(state), shown: shown(state) });
const create = ({ key, input }) => connection.send({ type: "response.create", idempotency_key: key, input });

function cancel(id) {
  const sent = connection.send({ type: "response.cancel", response_id: id });
  if (!sent) dispatch({ type: "error", code: "offline" });
}

// To the question of a tool; every tab is told, and the first answer counts.
function answer(turn, { dataset }, approved) {
  const frame = { type: "response.answer", response_id: turn.id, call_id: dataset.call, approved };
  if (!connection.send(frame)) dispatch({ type: "error", code: "offline" });
}

function stop() {
  const turn = running(state);
  if (turn) cancel(turn.id);
  focusField();
}

// Shown at once; sent now or when the connection is back; sent again until it is acknowledged.
// `of`: the failed turn that this asks again.
function send(text, { key = memory.newKey(), of } = {}) {
  if (!text?.trim()) return;
  if (!fits(text)) return handBack(text);
  dispatch({ type: "page.send", key, text, of });
  create({ key, input: text });
  scroll.end();
}

// What came by another door may be too long for this one: it can be shortened in the field.
function handBack(text) {
  if (!at("text").value.trim()) composer.write(text);
  dispatch({ type: "error", code: "too_large" });
}

// The first message makes its conversation; the new page sends it.
async function begin(text) {
  const form = at("composer");
  const { answer, problem } = await list.post(form.action, form);
  if (problem) return problem;
  const isKept = memory.stash(answer.id).write([{ key: memory.newKey(), text }]);
  if (isKept) composer.write("");
  return list.enter(answer, isKept);
}

// While another page is asked for or on its way, nothing is sent from this one, and no other is asked for.
async function away(ask) {
  if (at("composer").inert) return;
  at("composer").inert = true;
  const problem = await ask();
  if (!problem) return setTimeout(stay, WAY);
  stay();
  focusField(); // which lost the focus meanwhile
  dispatch({ type: "error", message: problem });
}

function stay() {
  at("composer").inert = false;
}

// A failed turn is asked again once, unless that is discarded.
function retry({ id, key, input, status, retried }) {
  if (retried) return;
  if (status !== "refused") return send(input, { of: id });
  const of = state.turns.find((turn) => turn.retried === key)?.id;
  dispatch({ type: "page.forget", key });
  send(input, { of });
}

const VERBS = {
  cancel: ({ id }) => cancel(id),
  retry,
  approve: (turn, button) => answer(turn, button, true),
  refuse: (turn, button) => answer(turn, button, false),
  discard: ({ key }) => dispatch({ type: "page.forget", key }),
  edit: (turn) => away(() => edit(turn, at("composer"))),
  regenerate: (turn) => away(() => regenerate(turn, at("composer"))),
  "copy-answer": (turn, button) => copy(button, textOf(turn)),
};

function clicked({ target }) {
  const button = target.closest("button");
  if (button?.matches(".copy")) return copy(button, codeOf(button));
  const id = button?.closest(".turn")?.dataset.id;
  const turn = state.turns.find((one) => one.id === id);
  const verb = button?.dataset.verb;
  if (turn) VERBS[verb]?.(turn, button);
  if (verb && verb !== "copy-answer") focusField(); // the button is about to go
}

// Not where a finger points: the keyboard would cover the page.
function focusField() {
  if (matchMedia("(hover: hover)").matches) at("text").focus({ preventScroll: true });
}

function pressed(event) {
  const elsewhere = document.querySelector("dialog[open]") || list.drawerIsOpen(); // it closes by itself
  if (event.key === "Escape" && !event.isComposing && !elsewhere) stop();
}

const composer = new Composer(at("composer"), {
  draft: memory.draft(),
  send: (text) => (conversation ? send(text) : (away(() => begin(text)), false)),
  tooLong: () => dispatch({ type: "error", code: "too_large" }),
});
at("transcript").addEventListener("click", clicked);
at("stop").addEventListener("click", stop);
at("logout").addEventListener("submit", memory.forgetEverything);
document.addEventListener("keydown", pressed);
window.addEventListener("pagehide", stay); // the Back button may show it again
list.start();
if (conversation) {
  for (const { key, text } of stash.read()) send(text, { key });
  keep(); // without what cannot be sent
  connection.open();
}
composer.catchUp();
if (document.activeElement === document.body) focusField(); // else the person was faster
