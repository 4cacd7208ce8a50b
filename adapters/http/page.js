"use strict";
const SPANS = [[30, "30 s"], [60, "1 min"], [120, "2 min"]]; // seconds in a chart, as many as there is something to show of
const SHOWN = 120; // the most of them
const SAID = 10; // seconds for which good news stay
const FEW = 8; // failures, unless all are asked for
const RECENT = 10; // seconds for which percentiles are told
const at = (id) => document.getElementById(id);
const make = (name, className, text) => {
  const element = document.createElement(name);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
};
const draw = (name, attributes, text) => {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const key in attributes) element.setAttribute(key, attributes[key]);
  if (text !== undefined) element.textContent = text;
  return element;
};
const put = (element, text) => { if (element.textContent !== text) element.textContent = text; };

// How numbers are told.
const NARROW = "\u202f"; // a space between thousands
const grouped = (n) => String(Math.round(n)).replace(/\B(?=(\d{3})+$)/g, (_, __, ___, all) => all.length > 4 ? NARROW : "");
const count = (n) => n == null ? "–" : n < 99999.5 ? grouped(n) : n < 999500 ? (n / 1e3).toFixed(0) + " k"
  : n < 999.5e6 ? short(n / 1e6) + " M" : n < 999.5e9 ? short(n / 1e9) + " G" : n.toExponential(1);
const rate = (n) => n == null ? "–" : n >= 99.95 || n === 0 ? count(n) : n.toFixed(1);
const time = (s) => s == null ? "–" : s === 0 ? "0" : s < 1e-6 ? "<1 µs" : s < 999.5e-6 ? short(s * 1e6) + " µs" : s < 0.9995 ? short(s * 1e3) + " ms"
  : s < 120 ? short(s) + " s" : s < 7200 ? short(s / 60) + " min" : short(s / 3600) + " h";
/** Three digits. */
const short = (n) => n >= 99.95 ? n.toFixed(0) : n.toFixed(n >= 9.995 ? 1 : 2);
const ago = (s) => s < 1 ? "just now" : s < 59.5 ? Math.round(s) + " s ago" : s < 3570 ? Math.round(s / 60) + " min ago" : s < 171000 ? Math.round(s / 3600) + " h ago" : Math.round(s / 86400) + " days ago";

// What is shown: numbers, and charts of them.
const tiles = [
  ["Running", (now) => count(now.running)], ["Size", (now) => count(now.size)],
  ["Waiting", (now) => count(now.waiting)], ["Backing off", (now) => count(now.backing_off)],
  ["Done / s", (now) => rate(now.rate)], ["Succeeded", (now) => count(now.succeeded)],
  ["Failed", (now) => count(now.failed)], ["Retried", (now) => count(now.retried)],
].map(([name, tell]) => {
  const box = make("div", "card"), value = make("dd", "", "–");
  box.append(make("dt", "", name), value);
  at("tiles").append(box);
  return (now) => put(value, tell(now));
});
const percentiles = (of) => [["median", of + 50], ["90 %", of + 90], ["99 %", of + 99]];
const charts = [
  ["At work", "", count, [["running", "running"], ["size", "size"]]],
  ["In line", "", count, [["waiting", "waiting"], ["backing off", "backing_off"]]],
  ["Throughput", "per second", rate, [["done", "rate"]]],
  ["Trouble", "per second", rate, [["failed", "failing"], ["retried", "retrying"]]],
  ["Time spent waiting", `of the last ${RECENT} s`, time, percentiles("w")],
  ["Time spent running", `of the last ${RECENT} s`, time, percentiles("r")],
].map(([title, about, tell, series]) => {
  const figure = make("figure", "card"), caption = make("figcaption"), svg = draw("svg", { class: "chart", role: "img", "aria-label": title + ", as in the table that follows" });
  caption.append(make("h2", "", title), make("span", "", about));
  const table = make("table"), head = make("tr"), body = make("tbody"), top = make("thead");
  const span = make("th");
  head.append(span, ...["now", "least", "most"].map((name) => make("th", "num", name)));
  for (const cell of head.children) cell.scope = "col";
  top.append(head);
  table.append(top, body);
  const rows = series.map(([name], index) => {
    const row = make("tr"), first = make("th"), key = draw("svg", { class: "key", "aria-hidden": "true" });
    key.append(draw("line", { x1: 0, x2: 26, y1: 4, y2: 4, class: "k" + index }));
    first.scope = "row";
    first.append(key, name);
    const cells = [0, 1, 2].map(() => make("td", "", "–"));
    row.append(first, ...cells);
    body.append(row);
    return cells;
  });
  const note = make("p", "note", "Not measured: that takes a herd that is started with .measured(clock).");
  note.hidden = true;
  figure.append(caption, svg, table, note);
  at("charts").append(figure);
  return { svg, table, span, note, rows, tell, keys: series.map(([, key]) => key), timed: tell === time };
});

// A round number that is not less, whose half is round too.
const ceiling = (n, tell) => {
  const least = tell === count ? 4 : tell === rate ? 1 : 1e-6;
  if (n <= least) return least;
  // Minutes and hours are not of ten.
  const unit = tell === time && n > 3600 ? 3600 : tell === time && n > 60 ? 60 : 1;
  const power = 10 ** Math.floor(Math.log10(n / unit));
  return [1, 1.2, 1.6, 2, 3, 4, 6, 8, 10].find((step) => step * power * unit >= n * 0.999999) * power * unit;
};
/** A number at the side of a chart, without noughts that tell nothing. */
const mark = (tell, n) => n === 0 ? "0" : tell(n).replace(/(\.\d*?)0+(?!\d)/, "$1").replace(/\.(?!\d)/, "");
function chart({ svg, table, span, note, rows, tell, keys, timed }, history) {
  const now = history[history.length - 1], hidden = timed && !now.measured;
  note.hidden = !hidden;
  svg.style.display = table.style.display = hidden ? "none" : "";
  if (hidden) return;
  const width = svg.clientWidth || 320, height = 150, left = 54, bottom = height - 20, right = width - 4;
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  const [seconds, name] = SPANS.find(([seconds]) => now.uptime - history[0].uptime <= seconds) ?? SPANS[SPANS.length - 1];
  put(span, name);
  const values = keys.map((key) => history.map((point) => point[key]));
  const high = ceiling(Math.max(0, ...values.flat().map((value) => value ?? 0)), tell);
  const x = (point) => right - (now.uptime - point.uptime) / seconds * (right - left);
  const y = (value) => bottom - value / high * (bottom - 10);
  const marks = [0, 0.5, 1].flatMap((part) => [
    draw("line", { x1: left, x2: right, y1: y(part * high), y2: y(part * high) }),
    draw("text", { x: left - 6, y: y(part * high) + 4, "text-anchor": "end" }, mark(tell, part * high)),
  ]);
  const names = [["−" + name, left, "start"], [seconds === 120 ? "−1 min" : `−${seconds / 2} s`, (left + right) / 2, "middle"], ["now", right, "end"]]
    .map(([text, at, anchor]) => draw("text", { x: at, y: height - 4, "text-anchor": anchor }, text));
  const lines = values.map((list, index) => {
    let path = "", pen = "M";
    list.forEach((value, place) => {
      if (value == null) { pen = "M"; return; }
      path += `${pen}${x(history[place]).toFixed(1)} ${y(value).toFixed(1)}`;
      // A point by itself is to be seen too.
      if (pen === "M" && list[place + 1] == null) path += "h-3";
      pen = "L";
    });
    return draw("path", { d: path, class: "k" + index });
  });
  svg.replaceChildren(...marks, ...names, ...lines.reverse());
  rows.forEach((cells, index) => {
    const known = values[index].filter((value) => value != null);
    const [last] = values[index].slice(-1);
    const least = known.length ? Math.min(...known) : null, most = known.length ? Math.max(...known) : null;
    [last, least, most].forEach((value, cell) => put(cells[cell], tell(value)));
  });
}

// Of what has come in since an older state of a histogram.
function recent(now, old, name, point) {
  if (!now) return;
  const before = new Map();
  let sum = 0;
  for (const [bound, upTo] of old?.buckets ?? []) { before.set(bound, upTo - sum); sum = upTo; }
  sum = 0;
  let total = 0;
  const added = now.buckets.map(([bound, upTo]) => {
    total += Math.max(0, upTo - sum - (before.get(bound) ?? 0));
    sum = upTo;
    return [bound, total];
  });
  for (const p of [50, 90, 99]) {
    const found = total && added.find(([, upTo]) => upTo >= total * p / 100);
    point[name + p] = found ? Math.min(found[0], now.max) : null;
  }
}

let history = [], snapshots = [], token = null, touched = false, quiet = false, all = false, rows = new Map(), seen = null, forget;
try { token = sessionStorage.getItem("droves-token"); } catch { /* then it is asked for again */ }

/** Without the token there is nothing to see. */
function lock(closed) {
  const asks = closed && at("ask").hidden;
  for (const each of document.querySelectorAll("main > :not(noscript)")) each.hidden = closed !== (each.id === "ask");
  if (asks) at("token").focus();
}
function locked() {
  lock(true);
  return Object.assign(new Error(token ? "wrong token" : "token needed"), { locked: true });
}
async function ask(method, path, body) {
  // Anything else cannot stand in a header, and so is no token.
  if (token && !/^[!-~]+$/.test(token)) throw locked();
  const headers = token ? { Authorization: "Bearer " + token } : {};
  const answer = await fetch(path, { method, body, headers, cache: "no-store", signal: AbortSignal.timeout(4000) });
  if (answer.status === 401) throw locked();
  lock(false);
  return answer;
}

function show(stats) {
  const last = history[history.length - 1];
  if (last && (stats.uptime <= last.uptime || stats.succeeded < last.succeeded)) { history = []; snapshots = []; }
  // A look that follows another at once makes no rate: it takes its place.
  if (last && history.length > 1 && stats.uptime - last.uptime < 0.5) { history.pop(); snapshots.pop(); }
  const before = history[history.length - 1], done = stats.succeeded + stats.failed;
  const point = {
    uptime: stats.uptime, size: stats.size, running: stats.running, waiting: stats.waiting,
    backing_off: stats.backing_off, succeeded: stats.succeeded, failed: stats.failed, retried: stats.retried,
    rate: null, failing: null, retrying: null,
    measured: stats.times !== null,
  };
  if (before) {
    const passed = stats.uptime - before.uptime;
    point.rate = (done - before.succeeded - before.failed) / passed;
    point.failing = (stats.failed - before.failed) / passed;
    point.retrying = (stats.retried - before.retried) / passed;
  }
  while (snapshots.length > 1 && snapshots[1].uptime <= stats.uptime - RECENT) snapshots.shift();
  const old = snapshots[0];
  recent(stats.times?.waiting, old?.times?.waiting, "w", point);
  recent(stats.times?.running, old?.times?.running, "r", point);
  snapshots.push({ uptime: stats.uptime, times: stats.times });
  history.push(point);
  while (history[0].uptime < stats.uptime - SHOWN) history.shift();

  tiles.forEach((tell) => tell(point));
  charts.forEach((each) => chart(each, history));
  document.title = `${count(stats.running)} of ${count(stats.size)} · droves`;

  const phase = stats.phase, over = phase !== "running" && phase !== "quiet", fixed = over && phase !== "draining";
  put(at("phase"), phase);
  at("phase").className = "phase " + (phase === "running" ? "good" : phase === "stopped" ? "" : fixed ? "bad" : "warn");
  quiet = phase === "quiet";
  put(at("quiet"), quiet ? "Accept work again" : "Refuse new work");
  at("quiet").disabled = at("drain").disabled = over;
  for (const control of at("resize").elements) control.disabled = fixed;
  at("num").max = stats.max_size;
  if (!touched && document.activeElement !== at("num")) at("num").value = stats.size;

  list(stats.failures);
}

/** What is there already stays as it is, so that one can mark it and copy it. */
function list(failures) {
  at("none").hidden = failures.length > 0;
  at("list").parentElement.hidden = failures.length === 0;
  at("all").hidden = failures.length <= FEW;
  put(at("all"), all ? "Show the last " + FEW : `Show all ${failures.length}`);
  const before = rows, same = new Map();
  rows = new Map();
  // From the oldest on, so that another of the same kind does not change the names of those before it.
  for (const { id, attempts, error, age } of [...failures].reverse()) {
    const kind = JSON.stringify([id, attempts, error]), name = kind + (same.set(kind, (same.get(kind) ?? 0) + 1).get(kind));
    const row = before.get(name) ?? make("tr");
    if (!row.cells.length) {
      const tries = make("td", "", attempts);
      tries.append(make("span", "word", attempts === 1 ? " attempt" : " attempts"));
      row.append(make("td"), make("td", "", "#" + id), tries, make("td", "", error));
    }
    put(row.cells[0], ago(age));
    rows.set(name, row);
  }
  const shown = [...rows.values()].reverse().slice(0, all ? undefined : FEW), body = at("list");
  shown.forEach((row, place) => { if (body.rows[place] !== row) body.insertBefore(row, body.rows[place] ?? null); });
  while (body.rows.length > shown.length) body.lastChild.remove();
}

/** The group's tree, made anew only when something has changed, so that one can mark it and copy it. */
let drawn = "", ages = [];
const shade = (state) => "phase " + (state === "ready" ? "good" : ["done", "exited", "skipped"].includes(state) ? "" : "warn");
function branch({ members }) {
  const list = make("ul");
  list.append(...members.map(({ name, state, restarts, last_error, group }) => {
    const row = make("li"), age = make("span", "note");
    ages.push(age);
    row.append(make("span", "name", name), make("span", shade(state), state), age);
    if (restarts) row.append(make("span", "note", restarts === 1 ? "restarted once" : `restarted ${restarts} times`));
    if (last_error !== null) row.append(make("code", "", last_error));
    if (group) row.append(branch(group));
    return row;
  }));
  return list;
}
const spent = ({ at_ns, members }) => members.flatMap(({ since_ns, group }) => [(at_ns - since_ns) / 1e9, ...group ? spent(group) : []]);
const told = ({ phase, members }) => [phase, members.map(({ name, state, restarts, last_error, group }) => [name, state, restarts, last_error, group && told(group)])];
async function lookAtGroup(there) {
  at("group").hidden = !there;
  if (!there) return;
  const answer = await ask("GET", "/group"), group = await answer.json();
  const drawing = JSON.stringify(answer.ok ? told(group) : group.msg);
  if (drawn !== drawing) {
    ages = [];
    at("tree").replaceChildren(...answer.ok ? [make("span", "name", group.name), make("span", shade(group.phase), group.phase), branch(group)]
      : [make("p", "note", group.msg)]);
    drawn = drawing;
  }
  if (answer.ok) spent(group).forEach((seconds, place) => put(ages[place], "for " + (seconds < 1 ? "a moment" : time(Math.round(seconds)))));
}

async function look() {
  try {
    const answer = await ask("GET", "/stats");
    if (!answer.ok) throw new Error((await answer.json()).msg);
    const stats = parse(await answer.text());
    show(stats);
    await lookAtGroup(stats.group);
    seen = new Date();
    put(at("link"), "live");
    at("link").className = "";
  } catch (error) {
    const lost = error.name === "TypeError" || error.name === "TimeoutError";
    put(at("link"), lost ? "no connection" + (seen ? " since " + seen.toLocaleTimeString() : "") : error.message);
    at("link").className = "bad";
    put(at("phase"), error.locked ? "locked" : "unknown");
    at("phase").className = "phase";
  }
}
/** Ids may be greater than a number can be here. A quote within a text is escaped, so that this is a key. */
const parse = (text) => JSON.parse(text.replace(/"id":(\d+)/g, '"id":"$1"'));
function say(text, good) {
  clearTimeout(forget);
  if (good) forget = setTimeout(() => put(at("said"), ""), SAID * 1000);
  at("said").className = "say " + (good ? "good" : "bad");
  put(at("said"), text);
}
async function act(method, path, body, told) {
  try {
    const answer = await ask(method, path, body), { num, msg } = await answer.json();
    say(!answer.ok || msg !== "success" ? msg : told(num), answer.ok);
  } catch (error) {
    say("Nothing was changed, as far as is known: " + error.message, false);
  }
  await look();
}

at("resize").addEventListener("submit", async (event) => {
  event.preventDefault();
  touched = false;
  await act("PATCH", "/herd", JSON.stringify({ num: at("num").valueAsNumber }), (num) => "The size is now " + num);
});
for (const [id, by] of [["less", -1], ["more", 1]]) {
  at(id).addEventListener("click", () => {
    touched = true;
    at("num").value = Math.max(0, (at("num").valueAsNumber || 0) + by);
  });
}
at("num").addEventListener("input", () => { touched = true; });
at("quiet").addEventListener("click", () => quiet
  ? act("POST", "/resume", undefined, () => "Work is accepted again")
  : act("POST", "/quiet", undefined, () => "New work is refused; what was accepted is done"));
at("all").addEventListener("click", () => { all = !all; look(); });
at("drain").addEventListener("click", () => { at("sure").returnValue = ""; at("sure").showModal(); });
at("sure").addEventListener("close", () => {
  if (at("sure").returnValue === "yes") act("POST", "/drain", undefined, () => "It ends when all is done");
});
at("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  token = at("token").value.trim();
  try { sessionStorage.setItem("droves-token", token); } catch { /* it lasts as long as the page */ }
  look();
});
addEventListener("resize", () => { if (history.length) charts.forEach((each) => chart(each, history)); });

(async () => {
  for (;;) {
    await look();
    await new Promise((done) => setTimeout(done, 1000));
  }
})();
