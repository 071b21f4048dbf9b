import { Prose } from "/static/conversations/prose.js";
import { closed } from "/static/conversations/unfinished.js";
import { equal, ok, test } from "/tests/harness.js";

function shown(source) {
  const prose = new Prose();
  prose.show(source, { final: true });
  return prose.element;
}

const STREAMED = `# Title

One *two* **three**
four

- a
- b

  deeper

1. x

2. y

| a | b |
|---|--:|
| 1 | 2 |

\`\`\`js
let a = "<b>";

let c;
\`\`\`

> quote

[link][1] and an end

[1]: https://example.org/
`;

test("a text that grows character by character ends as when it came at once", () => {
  const prose = new Prose();
  for (let end = 1; end <= STREAMED.length; end += 1) prose.show(STREAMED.slice(0, end));
  prose.show(STREAMED, { final: true });
  equal(prose.element.innerHTML, shown(STREAMED).innerHTML);
});

test("a block that looked finished, and is another in the whole text, is made again", () => {
  const [text, prose] = ["before\n\npara\n2. y\n- a", new Prose()];
  for (let end = 1; end <= text.length; end += 1) prose.show(text.slice(0, end));
  const [first] = prose.element.children;
  prose.show(text, { final: true });
  equal(prose.element.innerHTML, shown(text).innerHTML);
  ok(first === prose.element.firstElementChild, "what is the same stays");
});

const UNFINISHED = {
  "a **bo": "a **bo**",
  "a **bo *it": "a **bo *it***",
  "a **bo** and `co": "a **bo** and `co`",
  "`**not": "`**not`",
  "a **": "a",
  "a **bo ": "a **bo**",
  "3 * 4": "3 * 4",
  "* item": "* item",
  "* **item": "* **item**",
  "see [the": "see the",
  "see [the site](https://exa": "see the site",
  "see [the site](https://example.org)": "see [the site](https://example.org)",
  "one **two**": "one **two**",
  "first\n\n~~sec": "first\n\n~~sec~~",
};

test("what is open at the end is closed for the eye", () => {
  for (const [text, whole] of Object.entries(UNFINISHED)) equal(closed(text), whole);
});

test("marks of a text that is still coming are not shown", () => {
  const prose = new Prose();
  const source = "Some **bold words** and `code` here";
  for (let end = 1; end <= source.length; end += 1) {
    prose.show(source.slice(0, end));
    ok(!/[*`]/.test(prose.element.textContent), prose.element.textContent);
  }
});

test("finished blocks are the same nodes to the end", () => {
  const prose = new Prose();
  prose.show("First.\n\nSecond.\n\nThird.\n\nFourth");
  const first = prose.element.firstElementChild;
  prose.show("First.\n\nSecond.\n\nThird.\n\nFourth and more.", { final: true });
  ok(first === prose.element.firstElementChild);
});

test("a block of code that grows keeps its nodes", () => {
  const prose = new Prose();
  prose.show("Text\n\n```py\na = 1");
  const pre = prose.element.querySelector("pre");
  prose.show("Text\n\n```py\na = 1\nb = 2\n");
  ok(pre === prose.element.querySelector("pre"));
  equal(pre.textContent, "a = 1\nb = 2");
});

test("24,000 characters stream in far less than two seconds of work", () => {
  const prose = new Prose();
  const text = "A sentence with **bold**, `code` and a [link](https://example.org/).\n\n- one\n- two\n\n".repeat(300);
  const start = performance.now();
  for (let end = 40; end < text.length; end += 40) prose.show(text.slice(0, end));
  ok(performance.now() - start < 4000, `${performance.now() - start} ms`);
});

test("lists, quotations and tables begin where their text does", () => {
  const made = shown("- אחת\n  - שתיים\n\n> ציטוט\n> ```\n> x\n> ```\n\n| שם |\n|---|\n| א |\n\n1. one");
  document.querySelector("main").append(made);
  const directions = ["ul", "ul ul", "blockquote", "blockquote .code", "table", "ol"].map((name) => getComputedStyle(made.querySelector(name)).direction);
  equal(directions, ["rtl", "rtl", "rtl", "ltr", "rtl", "ltr"]);
});

test("what a model folds away stays within its fold, also while it comes", () => {
  const source = "Before\n\n<details>\n<summary>More</summary>\n\nSome **bold** words\n\n- one\n\n```py\nx\n```\n\n</details>\n\nAfter";
  const [whole, prose] = [shown(source), new Prose()];
  equal([...whole.children].map(({ nodeName }) => nodeName), ["P", "DETAILS", "P"]);
  equal([...whole.querySelector("details").children].map(({ nodeName }) => nodeName), ["SUMMARY", "P", "UL", "DIV"]);
  for (let end = 1; end <= source.length; end += 1) prose.show(source.slice(0, end));
  prose.show(source, { final: true });
  equal(prose.element.innerHTML, whole.innerHTML);
});

test("a text that changes in the middle is shown anew", () => {
  const prose = new Prose();
  prose.show("One\n\nTwo\n\nThree\n\nFour");
  prose.show("Other");
  equal(prose.element.textContent.trim(), "Other");
});

const ATTACKS = [
  "<script>window.hit = 1</script>",
  "<img src=x onerror='window.hit = 1'>",
  "<svg onload='window.hit = 1'><script>window.hit = 1</script></svg>",
  "<iframe srcdoc='<script>parent.hit = 1</script>'></iframe>",
  "[click](javascript:window.hit=1)",
  "[click](JaVaScRiPt&colon;window.hit=1)",
  "<a href='java\nscript:window.hit=1'>x</a>",
  "[x](data:text/html,<script>window.hit=1</script>)",
  "<math><mtext><table><mglyph><style><img src=x onerror='window.hit=1'>",
  "<form action=javascript:window.hit=1><button>x</button></form>",
  "<input autofocus onfocus='window.hit = 1'>",
  "```js\" onmouseover=\"window.hit=1\n</code></pre><script>window.hit=1</script>\n```",
  "- ```html\n  <img src=x onerror='window.hit=1'>\n  ```",
  "<details open ontoggle='window.hit=1'>x</details>",
  "<style>* { display: none }</style>",
  "<p style='position:fixed;inset:0' class='chat' id='composer' name='text'>x</p>",
];

test("nothing that a model writes runs or leaves its place", async () => {
  for (const attack of ATTACKS) {
    document.querySelector("main").append(shown(attack));
    const bad = document.querySelector(
      "main :is(script, iframe, svg, style, form, input, math, object, embed, [style], [id], [name], [onerror], [onload], [onclick])",
    );
    ok(!bad, `${attack} gave ${bad?.outerHTML}`);
    for (const link of document.querySelectorAll("main a[href]")) ok(/^(https?|mailto):/.test(link.protocol), link.href);
  }
  for (const button of document.querySelectorAll("main a, main button")) button.dispatchEvent(new MouseEvent("mouseover"));
  await new Promise((resolve) => setTimeout(resolve, 50));
  equal(window.hit, undefined);
});

test("links open outside and tell nothing", () => {
  const link = shown("[site](https://example.org/)").querySelector("a");
  equal([link.target, link.rel], ["_blank", "noopener noreferrer nofollow"]);
});

test("an image elsewhere becomes a link, an image within is shown", () => {
  const element = shown("![map](https://example.org/a.png) ![dot](data:image/gif;base64,R0lGODlhAQABAAAAACw=)");
  equal(element.querySelector("a").textContent, "Image: map");
  equal([...element.querySelectorAll("img")].map(({ alt }) => alt), ["dot"]);
});

test("raw HTML cannot fetch an image from elsewhere", () => {
  ok(!shown('<img src="https://example.org/a.png" alt="x">').querySelector("img")?.hasAttribute("src"));
});

test("code shows its language and can be copied, also within a list", () => {
  const element = shown("- item\n\n  ```python\n  print(1)\n  ```\n");
  equal(element.querySelector(".code span").textContent, "python");
  equal(element.querySelector(".code code").textContent, "print(1)");
  ok(element.querySelector(".code button.copy"));
});

test("tables keep their alignment and lists their first number", () => {
  equal(shown("| a |\n|--:|\n| 1 |").querySelector("td").align, "right");
  equal(shown("3. three").querySelector("ol").start, 3);
});

test("a list of tasks shows its marks without fields", () => {
  const element = shown("- [x] done\n- [ ] open\n");
  ok(!element.querySelector("input"));
  ok(element.textContent.includes("☑ done"));
});
