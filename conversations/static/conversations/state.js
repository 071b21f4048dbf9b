// What the page knows: a pure reducer from the socket's frames and the person's own deeds to the
// turns that are shown. Nothing here touches the document or the network.

import { answered, follow, itemsOf, reasonOf, returned, textOf, told } from "./responses.js";

export const UNFINISHED = new Set(["failed", "incomplete", "cancelled"]); // nothing more comes of it
export const ENDED = new Set([...UNFINISHED, "completed"]);

const SHOWN = 30; // turns that a snapshot begins with
// Close codes after which what is not acknowledged will not be taken either, and why.
const REFUSALS = new Map([[1009, "too_large"], [4403, "foreign_origin"], [4404, "not_found"]]);
const KEPT = 3 * SHOWN; // turns in the document, for one who looks at the end

export const initial = {
  turns: [], // in the order in which they are answered; what is not acknowledged yet comes last
  replica: "", // the process that serves this socket
  ready: false, // the transcript is known
  torn: false, // something was missed: only a new snapshot mends it
  more: false, // older turns were left out
  // `lost`: the close code of the last loss, until the line serves again, for which it must have `told` how things stand
  connection: { phase: "none", code: 0, reason: "", lost: 0, told: false },
  notice: null, // an error that belongs to no turn
};

export function reduce(state, event) {
  const step = STEPS[event.type];
  if (step) return served(step(state, event));
  if (Number.isInteger(event.sequence_number)) return numbered(state, event);
  return state;
}

// A line that was lost serves again when nothing is left that it has not taken.
function served(state) {
  const { connection } = state;
  if (!connection.lost || !connection.told || outbox(state).length) return state;
  return { ...state, connection: { ...connection, lost: 0 } };
}

const STEPS = {
  "page.connection": connected,
  "page.send": sent,
  "page.earlier": earlier,
  "page.trim": trimmed,
  "page.forget": forgotten,
  "page.dismiss": (state) => ({ ...state, notice: null }),
  "agentsite:snapshot": snapshot,
  "agentsite:subscribed": (state, { replica }) => ({ ...state, ...heard(state), replica }),
  "agentsite:pong": (state) => (isUnreached(state) ? { ...state, notice: null } : state),
  "agentsite:accepted": accepted,
  "agentsite:input": asked,
  "agentsite:asked": (state, { response_id, calls, expires }) => patched(state, response_id, { asked: calls, expires }),
  "agentsite:notice": (state, { response_id, notices }) => patched(state, response_id, { notices }),
  "agentsite:attempt": (state, event) => patched(state, event.response_id, { attempt: event.attempt }),
  "agentsite:worker": (state, event) =>
    patched(state, event.response_id, { worker: event.worker, attempt: event.attempt, waits: null }),
  "agentsite:waiting": (state, { response_id, reason, seconds }) =>
    patched(state, response_id, { waits: reason && { reason, seconds } }),
  "agentsite:progress": progressed,
  "agentsite:rolled_back": gone,
  "agentsite:deleted": gone,
  error: refused,
};

// What was too big would close the next socket, too; what is gone does not come back.
function connected(state, { phase, code = 0, reason = "" }) {
  const turns = REFUSALS.has(code) ? state.turns.map((turn) => refusedBy(turn, code)) : state.turns;
  const notice = phase === "open" && isUnreached(state) ? null : state.notice;
  const lost = phase === "waiting" ? code : phase === "refused" ? 0 : state.connection.lost;
  return { ...state, turns, notice, connection: { phase, code, reason, lost, told: false } };
}

function gone(state, { response_id }) {
  return { ...state, turns: state.turns.filter(({ id }) => id !== response_id) };
}

const heard = ({ connection }) => ({ connection: { ...connection, told: true } });

const isUnreached = ({ notice }) => notice?.code === "offline";
const refusedBy = (turn, code) => (turn.status === "unsent" ? { ...turn, status: "refused", error: { code: REFUSALS.get(code) } } : turn);

function unsent(key, text) {
  return { ...answered(`local_${key}`), key, input: text, status: "unsent" };
}

// `of`: the id of the failed turn that is asked again; that can be done once.
function sent(state, { key, text, of }) {
  const turns = state.turns.map((turn) => (turn.id === of ? { ...turn, retried: key } : turn));
  const turn = unsent(key, text);
  return { ...state, notice: null, turns: [...turns, isClosed(state) ? refusedBy(turn, state.connection.code) : turn] };
}

// For good: no other socket is opened. One that may be, after a log-in say, would still send it.
const isClosed = ({ connection }) => connection.phase === "refused" && REFUSALS.has(connection.code);

function forgotten(state, { key }) {
  const others = state.turns.filter((turn) => turn.key !== key);
  return { ...state, turns: others.map((turn) => (turn.retried === key ? { ...turn, retried: null } : turn)) };
}

function snapshot(state, { replica = state.replica, items = [], responses = [], active = [], has_more = false }) {
  const ended = returned(told(items, responses), active.flatMap(({ input }) => input ?? []));
  const turns = [...ended, ...active.map(inProgress)];
  const known = turns.map((turn) => remembered(turn, state.turns));
  const waiting = state.turns.filter(isLocal);
  return { ...state, ...heard(state), replica, torn: false, ready: true, more: has_more, turns: [...known, ...waiting] };
}

// Only what comes right before the first that is shown: that may have changed since it was asked for.
function earlier(state, { before, items = [], responses = [], has_more = false }) {
  if (before !== oldest(state)) return state;
  const known = new Set(state.turns.map(({ id }) => id));
  const turns = told(items, responses).filter(({ id }) => !known.has(id));
  return { ...state, more: has_more, turns: [...turns, ...state.turns] };
}

// Who is back at the end has no need of what they scrolled through; it can be shown again.
function trimmed(state) {
  const open = state.turns.findIndex(({ status }) => !ENDED.has(status));
  const first = Math.min(state.turns.length - SHOWN, open < 0 ? Infinity : open);
  if (first <= KEPT - SHOWN) return state;
  return { ...state, more: true, turns: state.turns.slice(first) };
}

function inProgress(response) {
  const { response_id, status, sequence_number, input, output = [], asked, worker, attempt } = response;
  const items = itemsOf(output);
  const waits = { asked: asked?.calls ?? [], expires: asked?.expires ?? null };
  const shown = { status, reason: reasonOf(response), seen: sequence_number, items, ...waits, worker: worker ?? "", attempt: attempt ?? 1 };
  return { ...answered(response_id), ...shown, input: input ? textOf(input) : null };
}

// The key ties a turn to what was sent from here, so that its place on the screen stays.
function remembered(turn, known) {
  const before = known.find(({ id }) => id === turn.id);
  return before ? { ...turn, key: before.key, retried: before.retried, input: turn.input ?? before.input } : turn;
}

const isLocal = ({ status }) => status === "unsent" || status === "refused";

function accepted(state, { idempotency_key, response_id, position }) {
  const mine = state.turns.find((turn) => turn.key === idempotency_key && isLocal(turn));
  if (!mine) return state;
  const others = state.turns.filter((other) => other !== mine);
  const known = state.turns.find((turn) => turn.id === response_id);
  if (!known && liesBefore(state, response_id)) return { ...state, turns: others, torn: true };
  const turn = { ...(known ?? answered(response_id)), key: idempotency_key, input: mine.input, position };
  return { ...state, turns: settled(others, turn) };
}

// What was sent long ago, and is sent again because nobody heard that it had come: its place is above all
// that is shown. Ids are in the order of time.
const liesBefore = (state, id) => state.more && id < oldest(state);

// An error names the key or the response of the frame that it answers, where there was one.
function refused(state, { idempotency_key, code, message }) {
  const mine = state.turns.find((turn) => turn.key === idempotency_key && turn.status === "unsent");
  if (!mine) return { ...state, notice: { code, message } };
  return patched(state, mine.id, { status: "refused", error: { code, message } });
}

function asked(state, { response_id, items }) {
  const told = patched(state, response_id, { input: textOf(items) });
  return { ...told, turns: returned(told.turns, items) };
}

function progressed(state, { response_id, call_id, fraction, message }) {
  const known = state.turns.find(({ id }) => id === response_id)?.progress;
  return patched(state, response_id, { progress: { ...known, [call_id]: { fraction, message } } });
}

function patched(state, id, change) {
  const turn = state.turns.find((one) => one.id === id) ?? answered(id);
  return { ...state, turns: settled(state.turns, { ...turn, ...change }) };
}

function numbered(state, event) {
  if (state.torn) return state;
  const turn = state.turns.find(({ id }) => id === event.response_id) ?? answered(event.response_id);
  const next = follow(turn, event);
  if (next === turn) return state;
  if (!next) return { ...state, torn: true };
  return { ...state, turns: settled(state.turns, next) };
}

// Every turn keeps its place, but one that begins to run comes before all that wait.
function settled(turns, turn) {
  const at = turns.findIndex(({ id }) => id === turn.id);
  const began = at >= 0 && turn.status === "in_progress" && turns[at].status !== turn.status;
  if (at >= 0 && !began) return turns.with(at, turn);
  const others = turns.filter(({ id }) => id !== turn.id);
  const waits = (other) => isLocal(other) || (began && other.status === "queued");
  const place = others.findIndex(waits);
  if (began && (place < 0 || place >= at)) return turns.with(at, turn);
  return others.toSpliced(place < 0 ? others.length : place, 0, turn);
}

// The turns of which the server has told something.
const acknowledged = ({ turns }) => turns.filter(({ seen }) => seen >= 0);

// The event after which the server shall go on: of the oldest answer that has not ended.
export function cursor(state) {
  const turn = acknowledged(state).find(({ status }) => !ENDED.has(status)) ?? acknowledged(state).at(-1);
  return state.torn || !turn ? null : { response_id: turn.id, sequence_number: turn.seen };
}

// What the server shall compare with its rows: one of these may have been deleted unheard.
export function shown(state) {
  const turns = acknowledged(state);
  return turns.length ? { first: turns[0].id, last: turns.at(-1).id, count: turns.length } : null;
}

// The id of the first turn that is shown and that the server knows.
export const oldest = (state) => acknowledged(state)[0]?.id;

export const outbox = (state) => state.turns.filter((turn) => turn.status === "unsent");
export const running = (state) => state.turns.find((turn) => turn.status === "in_progress");
