// Markdown to nodes that are safe to show. What a model writes is untrusted HTML: everything but
// top-level code blocks (which are made as text) goes through DOMPurify with a short list of tags.

import { Marked } from "./vendor/marked.esm.js";
import DOMPurify from "./vendor/purify.es.js";

const ALLOWED = {
  ALLOWED_TAGS: [
    "p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "blockquote", "pre", "code",
    "em", "strong", "del", "ins", "mark", "sub", "sup", "kbd", "b", "i", "u", "s", "a", "img",
    "table", "thead", "tbody", "tr", "th", "td", "dl", "dt", "dd", "details", "summary",
  ],
  ALLOWED_ATTR: ["href", "src", "alt", "title", "align", "start", "class", "colspan", "rowspan"],
  ALLOWED_URI_REGEXP: /^(?:https?:|mailto:)/i,
  ADD_URI_SAFE_ATTR: ["align", "start", "colspan", "rowspan"], // else they would have to be addresses
  ALLOW_DATA_ATTR: false,
  ALLOW_ARIA_ATTR: false,
  RETURN_DOM_FRAGMENT: true,
};
const SIDED = new Set(["UL", "OL", "DL", "BLOCKQUOTE", "TABLE"]); // their marks and columns stand where their text begins
const LANGUAGE = /^language-([\w+#.-]{1,30})$/;

const purify = DOMPurify(window);
purify.setConfig(ALLOWED);
purify.addHook("uponSanitizeAttribute", (node, attribute) => {
  if (attribute.attrName !== "class") return;
  attribute.keepAttr = node.nodeName === "CODE" && LANGUAGE.test(attribute.attrValue);
});
purify.addHook("afterSanitizeAttributes", (node) => {
  if (node.nodeName === "A") outward(node);
  if (node.nodeName === "IMG" && !node.src.startsWith("data:image/")) node.removeAttribute("src");
});

function outward(link) {
  link.setAttribute("target", "_blank");
  link.setAttribute("rel", "noopener noreferrer nofollow");
}

const marked = new Marked({
  gfm: true,
  breaks: true,
  renderer: {
    image: ({ href, text }) => (href.startsWith("data:image/") ? false : linked(href, text)),
    checkbox: ({ checked }) => (checked ? "☑ " : "☐ "),
  },
});

// An image elsewhere would tell its server who reads this: the reader decides by a click.
function linked(href, text) {
  const link = document.createElement("a");
  link.setAttribute("href", href);
  link.textContent = `Image: ${text || href}`;
  return link.outerHTML;
}

const BOX = /<(\/?)(?:details|blockquote|dl|ol|ul|table)\b[^>]*>/gi;

// The blocks of a text. Markdown ends a block of raw HTML at the first blank line: what lies between
// `<details>` and `</details>` is blocks of their own, and they stay together here.
export function tokens(source) {
  const blocks = [];
  let depth = 0;
  for (const token of marked.lexer(source)) {
    if (depth > 0) boxed(blocks.at(-1), token);
    else blocks.push(token);
    const before = depth;
    if (token.type === "html") depth = Math.max(0, depth + opened(token.raw));
    if (!before && depth) blocks[blocks.length - 1] = { type: "box", raw: token.raw, tokens: [token] };
  }
  return blocks;
}

// How many boxes it opens and leaves open; less than 0: it closes more.
const opened = (html) => [...html.matchAll(BOX)].reduce((depth, [, slash]) => depth + (slash ? -1 : 1), 0);

function boxed(box, token) {
  box.raw += token.raw;
  box.tokens.push(token);
}

// One block of Markdown as nodes.
export function nodes(token) {
  if (token.type === "code") return [code(token.text, token.lang)];
  const fragment = purify.sanitize(marked.parser(token.type === "box" ? token.tokens : [token]));
  const boxes = [fragment, ...fragment.querySelectorAll("details")];
  for (const block of boxes.flatMap(({ children }) => [...children])) if (SIDED.has(block.nodeName)) block.dir = "auto";
  for (const pre of fragment.querySelectorAll("pre")) pre.replaceWith(recoded(pre));
  for (const table of fragment.querySelectorAll("table")) wide(table);
  return [...fragment.childNodes];
}

function recoded(pre) {
  const [, language] = LANGUAGE.exec(pre.querySelector("code")?.className ?? "") ?? [];
  return code(pre.textContent.replace(/\n$/, ""), language);
}

function wide(table) {
  const box = document.createElement("div");
  box.className = "wide-table";
  box.tabIndex = 0;
  table.replaceWith(box);
  box.append(table);
}

// A block of code under a line with its language and a button that copies it.
export function code(text, language = "") {
  const box = document.createElement("div");
  box.className = "code";
  box.dir = "ltr"; // whatever the language around it
  const head = document.createElement("div");
  const name = document.createElement("span");
  name.textContent = (language || "").split(/\s/)[0];
  head.append(name, copyButton());
  const pre = document.createElement("pre");
  pre.tabIndex = 0;
  pre.append(Object.assign(document.createElement("code"), { textContent: text }));
  box.append(head, pre);
  return box;
}

function copyButton() {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "quiet copy";
  button.textContent = "Copy";
  return button;
}
