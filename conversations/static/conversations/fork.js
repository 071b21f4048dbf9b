// Another way on: a new conversation that begins as this one stood before a turn. What was sent there
// is put into the new page's field, or into its outbox.

import * as list from "./list.js";
import * as memory from "./memory.js";

const { fork } = document.getElementById("transcript").dataset;

export const edit = (turn, form) => forked(turn, form, ({ id, input }) => memory.draft(id).write(input));

export const regenerate = (turn, form) =>
  forked(turn, form, ({ id, input }) => memory.stash(id).write([{ key: memory.newKey(), text: input }]));

// The problem in words, or null: then the new page is on its way.
async function forked({ id }, form, prepare) {
  const { answer, problem } = await list.post(fork, form, { response: id });
  if (problem) return problem;
  return list.enter(answer, prepare(answer));
}
