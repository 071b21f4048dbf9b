// The admin's transcript: what agents said, as people saw it. Until it comes near the screen, and
// without scripts, it stays Markdown.

import { codeOf, copy } from "./copy.js";
import { Prose } from "./prose.js";

const AHEAD = "1200px"; // how far from the screen it is read
const watcher = new IntersectionObserver(met, { rootMargin: AHEAD });

function met(entries) {
  for (const { isIntersecting, target } of entries) {
    if (!isIntersecting) continue;
    watcher.unobserve(target);
    read(target);
  }
}

function read(part) {
  const prose = new Prose();
  prose.show(part.textContent, { final: true });
  part.classList.add("is-read");
  part.removeAttribute("dir"); // each block finds its own
  part.replaceChildren(prose.element);
}

document.addEventListener("click", ({ target }) => {
  const button = target.closest(".copy");
  if (button) copy(button, codeOf(button));
});
for (const part of document.querySelectorAll(".part.is-text")) watcher.observe(part);
