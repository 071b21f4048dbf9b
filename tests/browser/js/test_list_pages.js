import { make } from "/static/conversations/make.js";
import { equal, ok, test } from "/tests/harness.js";

const row = (name) => `<li data-id="${name}"><a href="/c/${name}/">${name}</a></li>`;
const more = (page) => `<li class="more"><button data-verb="older" data-url="/list/?page=${page}">Older conversations</button></li>`;

// The list of a page whose conversation is c1, and the site's pages of it; a page that is null cannot be had.
async function listed(pages) {
  const element = make("ul", { id: "list", dataset: { url: "/list/?page=0" }, innerHTML: pages[0] });
  const drawer = make("div", { id: "drawer", popover: "auto" });
  document.body.append(element, drawer, make("h1", { id: "heading" }));
  globalThis.fetch = async (url) => {
    const page = pages[new URL(url, "http://localhost").searchParams.get("page")];
    return page === null ? Promise.reject(new TypeError("offline")) : new Response(page);
  };
  const list = await import("/static/conversations/list.js");
  list.start();
  const names = () => [...element.querySelectorAll("a")].map(({ textContent }) => textContent);
  return { ...list, names, button: () => element.querySelector("button") };
}

const changed = (what) => new Promise((resolve) => new MutationObserver(resolve).observe(what, { childList: true, subtree: true }));

test("older conversations that are shown stay when the list is read again", async () => {
  const pages = [row("c1") + more(1), row("c2") + more(2), row("c3")];
  const { names, button, refresh } = await listed(pages);
  const extended = changed(document.getElementById("list"));
  button().click();
  await extended;
  pages[0] = row("c0") + more(1);
  pages[1] = row("c1") + more(2);
  await refresh();
  equal(names(), ["c0", "c1"]);
  ok(button());
});

test("older conversations that cannot be had are told of, and can be asked for again", async () => {
  const pages = [row("c1") + more(1), null];
  const { names, button } = await listed(pages);
  const told = changed(button());
  button().click();
  await told;
  equal(button().textContent, "The site cannot be reached. Try again.");
  pages[1] = row("c2");
  const extended = changed(document.getElementById("list"));
  button().click();
  await extended;
  equal(names(), ["c1", "c2"]);
});

test("other windows hear of a new conversation, which is the first here already", async () => {
  const { rise } = await listed([row("c1") + row("c2")]);
  const heard = new Promise((resolve) => (new BroadcastChannel("agentsite:list").onmessage = resolve));
  rise();
  equal((await heard).data, "changed");
});
