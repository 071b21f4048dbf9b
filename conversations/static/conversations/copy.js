// Copy buttons: of a block of code, and of a whole answer.

export async function copy(button, text) {
  const label = (button.dataset.label ??= button.textContent); // pressed again, it says "Copied"
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Not allowed here";
  }
  setTimeout(() => (button.textContent = label), 2000);
}

export const codeOf = (button) => button.closest(".code").querySelector("code").textContent;
