// The form that hands in a code. A press of the button makes an account when there is none, sends the scan, and shows
// the money. The token is kept in localStorage: the API takes it in a header only, so no other site can make the
// browser send it, and the page's policy lets no foreign script run that could read it.

const STORE = "scanback.account";
const $ = (id) => document.getElementById(id);
const words = JSON.parse($("words").textContent);
const language = document.documentElement.lang;

let account = JSON.parse(localStorage.getItem(STORE) ?? "null");
// What is being sent and its id: pressed again after a broken connection, it is the same scan.
let unanswered = { what: null, id: null };

class Refused extends Error {
  constructor(problem, status) {
    super(problem.detail);
    this.status = status;
  }
}

async function call(method, path, body) {
  const headers = { "Accept-Language": language };
  if (account) headers.Authorization = `Bearer ${account.token}`;
  if (typeof body === "string") headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(path, { method, headers, body, cache: "no-store" });
  } catch {
    throw new Refused({ detail: words.offline }, 0);
  }
  const result = await response.json();
  if (!response.ok) throw new Refused(result, response.status);
  return result;
}

async function join() {
  const { card_number, token, recovery_code } = await call("POST", "/v1/accounts");
  account = { card_number, token };
  localStorage.setItem(STORE, JSON.stringify(account));
  $("recovery-code").textContent = recovery_code;
  $("recovery").hidden = false;
}

function leave() {
  account = null;
  localStorage.removeItem(STORE);
  $("recovery").hidden = true;
  $("wallet").hidden = true;
  $("stranger").hidden = false;
}

// RFC 9562, version 4; crypto.randomUUID is missing where the page is not served over HTTPS.
function uuid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

async function send(what, body) {
  if (unanswered.what !== what) unanswered = { what, id: uuid() };
  busy(true);
  try {
    if (!account) await join();
    const scan = await call("PUT", `/v1/scans/${unanswered.id}`, body);
    unanswered = { what: null, id: null };
    if (scan.status !== "refused") $("text").value = "";
    showAnswer(scan);
    showWallet(await call("GET", "/v1/me"));
  } catch (refused) {
    if (!(refused instanceof Refused)) throw refused;
    if (refused.status === 401) leave();
    showFailure(refused.status === 401 ? words.signed_out : refused.message);
  } finally {
    busy(false);
  }
}

function busy(yes) {
  for (const control of $("scan").elements) control.disabled = yes;
  if (yes) $("answer").replaceChildren(line("p", "hint", words.busy));
}

function line(tag, style, text) {
  const element = document.createElement(tag);
  element.className = style;
  element.textContent = text;
  return element;
}

function money(amount, currency) {
  if (currency === "PTS") {
    const word = words.points[new Intl.PluralRules(language).select(amount)] ?? words.points.other;
    return `${new Intl.NumberFormat(language).format(amount)} ${word}`;
  }
  return new Intl.NumberFormat(language, { style: "currency", currency }).format(amount / 100);
}

function showAnswer(scan) {
  $("answer").replaceChildren(...[scan, ...(scan.others ?? [])].map(verdict));
  $("answer").focus({ preventScroll: true });
}

function verdict(scan) {
  const block = line("div", `verdict ${scan.status}`, "");
  block.append(line("p", "status", words[scan.status]));
  if (scan.amount !== undefined) block.append(line("p", "amount", money(scan.amount, scan.currency)));
  if (scan.explanation) block.append(line("p", "why", scan.explanation.text));
  if (scan.next) block.append(line("p", "next", scan.next));
  return block;
}

function showFailure(text) {
  const block = line("div", "verdict refused", "");
  block.append(line("p", "status", words.failed), line("p", "next", text));
  $("answer").replaceChildren(block);
}

function showWallet(home) {
  $("balances").replaceChildren(...home.wallets.flatMap(balance));
  $("last").replaceChildren(...home.last.filter((row) => row.text).map((row) => line("li", "", row.text)));
  $("card").textContent = home.card_number.replace(/(.{4})(?=.)/g, "$1 ");
  $("wallet").hidden = false;
  $("stranger").hidden = true;
  if (!home.wallets.length) $("balances").replaceChildren(line("dt", "", words.empty));
}

function balance(wallet) {
  const rows = [line("dt", "", `${wallet.brand} · ${wallet.programme}`)];
  rows.push(line("dd", "amount", money(wallet.available ?? 0, wallet.currency)));
  if (wallet.pending) rows.push(line("dd", "hint", `${words.waiting}: ${money(wallet.pending, wallet.currency)}`));
  return rows;
}

$("scan").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = $("text").value;
  send(text, JSON.stringify({ text }));
});

$("picture").addEventListener("change", () => {
  const [file] = $("picture").files;
  if (!file) return;
  const form = new FormData();
  form.append("file", file);
  send(`${file.name}:${file.size}:${file.lastModified}`, form).then(() => ($("picture").value = ""));
});

$("written-down").addEventListener("click", () => ($("recovery").hidden = true));
$("forget").addEventListener("click", () => confirm(words.forget) && leave());

busy(false);
if (account) {
  call("GET", "/v1/me").then(showWallet, (refused) => refused.status === 401 && leave());
}
