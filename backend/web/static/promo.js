// Tells that somebody looks at the page: previews and robots run no script, and a page drawn ahead of time is hidden.
{
  const code = document.getElementById("code");
  const copy = document.getElementById("copy");
  const tell = () => document.visibilityState === "visible" && navigator.sendBeacon(code.dataset.views);
  if (!tell()) document.addEventListener("visibilitychange", tell, { once: true });
  copy.hidden = !navigator.clipboard;
  copy.addEventListener("click", async () => {
    await navigator.clipboard.writeText(code.textContent);
    copy.textContent = copy.dataset.done;
  });
}
