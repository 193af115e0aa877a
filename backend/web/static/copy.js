// A button that copies the code; there is none where the browser cannot.
{
  const code = document.getElementById("code");
  const copy = document.getElementById("copy");
  copy.hidden = !navigator.clipboard;
  copy.addEventListener("click", async () => {
    await navigator.clipboard.writeText(code.textContent);
    copy.textContent = copy.dataset.done;
  });
}
