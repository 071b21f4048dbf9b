import { make } from "/static/conversations/make.js";
import { equal, ok, test } from "/tests/harness.js";

const row = (name) => `<li data-id="${name}"><a href="/c/${name}/">${name}</a></li>`;
const more = (page) => `<li class="more"><button data-verb="older" data-url="/list/?page=${page}">Older conversations</button></li>`;

// The list of a page whose conversation is c1, and the site's pages of it; a page that is null cannot be had.
async function listed(pages) {
  const element = make("ul", { id: "list", dataset: { url: "/list/?page=0" }, innerHTML: pages[0] });
  const drawer = make("div", { id: "drawer", popover: "auto" });
  const find = make("form", { id: "find", innerHTML: '<input name="find">' });
  const found = make("p", { id: "found" });
  document.body.append(find, found, element, drawer, make("h1", { id: "heading" }));
  globalThis.fetch = async (url) => {
    const { searchParams } = new URL(url, "http://localhost");
    const page = pages[searchParams.get("find") ?? searchParams.get("page")];
    return page === null ? Promise.reject(new TypeError("offline")) : new Response(page);
  };
  const list = await import("/static/conversations/list.js");
  list.start();
  const names = () => [...element.querySelectorAll("a")].map(({ textContent }) => textContent);
  const look = (words) => {
    find.elements.find.value = words;
    find.dispatchEvent(new Event("input"));
  };
  return { ...list, names, look, find, found, button: () => element.querySelector("button") };
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

test("an answer that comes after one to a later question is not shown", async () => {
  const { names, refresh } = await listed([row("c1")]);
  const answers = [];
  globalThis.fetch = () => new Promise((resolve) => answers.push((name) => resolve(new Response(row(name)))));
  const [early, late] = [refresh(), refresh()];
  answers[1]("new");
  await late;
  answers[0]("old");
  await early;
  equal(names(), ["new"]);
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

test("what is looked for is found while it is typed, and Escape shows everything again", async () => {
  const { names, look, find, found } = await listed({ 0: row("c1") + row("c2"), oak: row("c2") });
  const narrowed = changed(found);
  look("oak");
  await narrowed;
  equal(names(), ["c2"]);
  equal(found.textContent, "1 found");
  const emptied = changed(found);
  find.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true }));
  await emptied;
  equal(names(), ["c1", "c2"]);
  equal(find.elements.find.value, "");
});

const focused = () => document.activeElement.textContent;

test("who goes by keys goes on at the first of the older conversations", async () => {
  const { button } = await listed([row("c1") + more(1), row("c2") + row("c3")]);
  button().focus();
  const extended = changed(document.getElementById("list"));
  button().click();
  await extended;
  await new Promise(requestAnimationFrame);
  equal(focused(), "c2");
});

test("the place of a conversation that is gone keeps the focus", async () => {
  const pages = [row("c1") + row("c2") + row("c3")];
  const { refresh } = await listed(pages);
  const hold = (name) => document.querySelector(`[data-id="${name}"] a`).focus();
  hold("c2");
  pages[0] = row("c3") + row("c1") + row("c2");
  await refresh();
  equal(focused(), "c2");
  hold("c1");
  pages[0] = row("c3") + row("c2");
  await refresh();
  equal(focused(), "c2");
  pages[0] = row("c3");
  await refresh();
  equal(focused(), "c3");
});

test("a conversation that had no title is shown by that of its first message", async () => {
  const pages = [row("c1").replace("<a ", '<a title="" ')];
  const { names, rise } = await listed(pages);
  pages[0] = row("c1").replace(">c1<", ">Bridges<");
  const told = changed(document.getElementById("list"));
  rise();
  await told;
  equal(names(), ["Bridges"]);
});
