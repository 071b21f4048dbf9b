import { make } from "/static/conversations/make.js";
import { Scroll } from "/static/conversations/scroll.js";
import { equal, test } from "/tests/harness.js";

test("who scrolls up in the moment in which the screen follows much is left where they are", async () => {
  const content = make("div");
  const box = make("div", {}, content);
  document.body.append(box);
  Object.assign(box.style, { height: "100px", overflowY: "auto" });
  const scroll = new Scroll(box, content, make("button"), () => {});
  const scrolled = new Promise((resolve) => box.addEventListener("scroll", resolve, { once: true }));
  content.style.height = "5000px";
  scroll.follow();
  box.scrollTop -= 200;
  await scrolled;
  equal([scroll.stuck, box.scrollTop], [false, 4700]);
});
