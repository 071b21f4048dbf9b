// A text that grows. Blocks that are finished become nodes once and are never touched again; only
// the last two blocks are made anew, because a list may still swallow the paragraph after it.

import { nodes, tokens } from "./markdown.js";
import { closed } from "./unfinished.js";

const OPEN = 2; // blocks at the end that may still change
const REFERENCE = /^ {0,3}\[[^\]\n]+\]:/m; // a definition may give links to blocks above it

export class Prose {
  constructor() {
    this.element = document.createElement("div");
    this.element.className = "prose";
    this.clear();
  }

  clear() {
    this.source = "";
    this.frozen = 0; // characters of the source in blocks that are finished
    this.done = []; // those blocks: {raw, made}, their source and their nodes
    this.loose = []; // nodes of the blocks that are not
    this.tail = []; // those blocks
    this.whole = false;
    this.element.replaceChildren();
  }

  show(text, { final = false } = {}) {
    const source = text.replace(/\r\n?/g, "\n");
    if (source === this.source && final === this.whole) return;
    if (!source.startsWith(this.source) || (final && REFERENCE.test(source))) this.clear();
    this.source = source;
    this.whole = final;
    const blocks = final ? this.settled(tokens(source)) : tokens(source.slice(this.frozen));
    if (!this.grown(blocks)) this.remake(blocks, final ? 0 : OPEN);
  }

  // What looked finished may be another block in the whole text; whatever comes after the first such
  // block is made again. Returns the blocks that are to be made.
  settled(blocks) {
    const at = this.done.findIndex(({ raw }, index) => raw !== blocks[index]?.raw);
    const kept = at < 0 ? this.done.length : at;
    for (const { raw, made } of this.done.splice(kept)) {
      for (const node of made) node.remove();
      this.frozen -= raw.length;
    }
    return blocks.slice(kept);
  }

  remake(blocks, open) {
    for (const node of this.loose) node.remove();
    const solid = blocks.filter(({ type }) => type !== "space");
    const at = solid.length > open ? blocks.indexOf(solid[solid.length - open]) : 0;
    const split = open ? at : blocks.length;
    for (const block of blocks.slice(0, split)) this.freeze(block);
    this.tail = blocks.slice(split);
    this.loose = this.tail.flatMap((block, index) => (index < this.tail.length - 1 ? nodes(block) : growing(block)));
    this.element.append(...this.loose);
  }

  freeze(block) {
    const made = nodes(block);
    this.element.append(...made);
    this.done.push({ raw: block.raw, made });
    this.frozen += block.raw.length;
  }

  // A long block of code only gets more text: it is neither made anew nor replaced.
  grown(blocks) {
    const [before, now] = [this.tail.at(-1), blocks.at(-1)];
    if (before?.type !== "code" || now?.type !== "code") return false;
    if (blocks.length !== this.tail.length || before.lang !== now.lang) return false;
    if (blocks.some(({ raw }, index) => index < blocks.length - 1 && raw !== this.tail[index].raw)) return false;
    const text = this.loose.at(-1).querySelector("code").firstChild;
    if (!text || !now.text.startsWith(before.text)) return false;
    text.appendData(now.text.slice(before.text.length));
    this.tail = blocks;
    return true;
  }
}

function growing(block) {
  return block.type === "code" ? nodes(block) : tokens(closed(block.raw)).flatMap(nodes);
}
