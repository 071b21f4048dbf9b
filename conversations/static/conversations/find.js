// Finds conversations by the words of their titles, while they are typed.

const PAUSE = 150; // milliseconds without a key, then the site is asked
const form = document.getElementById("find");

export const words = () => form.elements.find.value.trim();

// The address of a list, narrowed to what is looked for.
export function narrowed(address) {
  const url = new URL(address, location);
  if (words()) url.searchParams.set("find", words());
  return url.href;
}

// `changed` reads the list anew, `enter` opens the first that was found, `show` makes the field visible.
export function start({ changed, enter, show }) {
  let timer = 0;
  const now = () => (clearTimeout(timer), changed());
  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(changed, PAUSE);
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    await now();
    if (words()) enter();
  });
  form.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.isComposing) return;
    event.stopPropagation(); // it is no wish to stop an answer
    form.elements.find.value = "";
    now();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey) || event.shiftKey || event.altKey) return;
    if (document.querySelector("dialog[open]")) return;
    event.preventDefault();
    show();
    form.elements.find.select();
  });
}
