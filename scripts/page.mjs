// Drives the page in headless Chromium through its debugging pipe. Called by scripts/page.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const [example, pictures, only] = process.argv.slice(2);
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
let passed = 0;
function check(what, so, found = "") {
  if (!so) throw new Error(`not so: ${what} ${typeof found === "string" ? found : JSON.stringify(found)}`);
  passed += 1;
  console.log(`ok   ${what}`);
}

/** A herd to look at. */
async function watched(...more) {
  const child = spawn(example, ["127.0.0.1:0", "3600", ...more], { stdio: ["ignore", "pipe", "inherit"] });
  const url = await new Promise((done, fail) => {
    child.stdout.once("data", (line) => done(String(line).trim()));
    child.once("exit", () => fail(new Error("the example has ended")));
  });
  return { url, end: () => child.kill() };
}

/** A browser, and what can be asked of it. */
async function browser() {
  const profile = mkdtempSync(join(tmpdir(), "droves-page-"));
  const child = spawn(process.env.CHROMIUM ?? "chromium", [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--remote-debugging-pipe",
    `--user-data-dir=${profile}`, "about:blank",
  ], { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
  const [calls, faults] = [new Map(), []];
  let [last, rest] = [0, ""];
  child.stdio[4].on("data", (data) => {
    rest += data;
    const messages = rest.split("\0");
    rest = messages.pop();
    for (const { id, result, error, method, params } of messages.map(JSON.parse)) {
      if (method === "Runtime.exceptionThrown") faults.push(params.exceptionDetails.exception?.description);
      if (method === "Log.entryAdded" && params.entry.level === "error") faults.push(params.entry.text);
      const [done, fail] = calls.get(id) ?? [];
      if (error) fail(new Error(error.message)); else done?.(result);
    }
  });
  const send = (method, params = {}, sessionId) => new Promise((done, fail) => {
    calls.set(++last, [done, fail]);
    child.stdio[3].write(JSON.stringify({ id: last, method, params, sessionId }) + "\0");
  });
  const { targetId } = await send("Target.createTarget", { url: "about:blank" });
  const { sessionId } = await send("Target.attachToTarget", { targetId, flatten: true });
  const ask = (method, params) => send(method, params, sessionId);
  for (const domain of ["Page", "Runtime", "Log"]) await ask(`${domain}.enable`);
  const run = async (code) => {
    const { result, exceptionDetails } = await ask("Runtime.evaluate", { expression: `(() => {${code}})()`, returnByValue: true, awaitPromise: true });
    if (exceptionDetails) throw new Error(exceptionDetails.exception.description);
    return result.value;
  };
  return {
    ask, run, faults,
    async until(what, code) {
      for (let round = 0; round < 1200; round += 1) {
        if (await run(`return ${code}`)) return check(what, true);
        await sleep(100);
      }
      check(what, false, await run("return document.body.innerText"));
    },
    /** The size of the window, and the colours. */
    async as(width, height, scheme) {
      await ask("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: 1, mobile: width < 600 });
      await ask("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value: scheme }] });
      await sleep(1500);
      // What is asked for from now on is of what has been drawn since.
      await run("return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done())))");
    },
    async picture(name, whole) {
      const { data } = await ask("Page.captureScreenshot", { format: "png", captureBeyondViewport: whole });
      writeFileSync(join(pictures, `${name}.png`), data, "base64");
    },
    async key(key, code, text) {
      const about = { key, code: key, windowsVirtualKeyCode: code, text };
      await ask("Input.dispatchKeyEvent", { type: text ? "keyDown" : "rawKeyDown", ...about });
      await ask("Input.dispatchKeyEvent", { type: "keyUp", ...about });
    },
    type: (text) => ask("Input.insertText", { text }),
    async end() {
      const ended = new Promise((done) => child.once("exit", done));
      child.kill();
      await ended;
      rmSync(profile, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
    },
  };
}

// What runs in the page.
const TILES = `Object.fromEntries([...document.querySelectorAll("#tiles div")].map((box) => [box.children[0].textContent, box.children[1].textContent]))`;
const TABLES = `[...document.querySelectorAll("figure table")].map((table) => table.innerText)`;
const PATHS = `[...document.querySelectorAll("figure .chart")].map((svg) => svg.innerHTML)`;
/** Elements with text of their own whose contrast with what is behind them is less than 4.5. */
const FAINT = `
  const parse = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((c) => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (e) => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c[3] !== 0) return c; } return [255, 255, 255]; };
  return [...document.body.querySelectorAll("*")].filter((e) => e.checkVisibility?.() &&
    (e.matches("input") || [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()))).flatMap((e) => {
    const style = getComputedStyle(e), [a, b] = [light(parse(e instanceof SVGElement ? style.fill : style.color)), light(behind(e))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    return contrast < 4.5 ? [e.tagName + " " + e.textContent + " " + contrast.toFixed(2)] : [];
  });`;
const SMALL = `return [...document.querySelectorAll("button, input, a, select")].filter((e) => e.checkVisibility())
  .map((e) => [e.id || e.textContent, e.getBoundingClientRect()]).filter(([, box]) => box.width < 44 || box.height < 44).map(([name]) => name)`;
const WIDE = `return [document.documentElement.scrollWidth, innerWidth,
  ...[...document.querySelectorAll("body *")].filter((e) => e.getBoundingClientRect().right > innerWidth + 0.5 && e.checkVisibility() && !e.closest("thead")).map((e) => e.outerHTML.slice(0, 80))]`;

async function look(page, herd) {
  await page.as(1280, 800, "light");
  await page.ask("Page.navigate", { url: herd.url });
  await page.until("numbers come", `document.querySelector("#link")?.textContent === "live"`);
  const told = async () => JSON.parse(await (await fetch(herd.url + "herd")).text()).num;
  check("the size is shown", (await page.run(`return ${TILES}`)).Size === String(await told()));
  const [tiles, tables, paths] = [await page.run(`return ${TILES}`), await page.run(`return ${TABLES}`), await page.run(`return ${PATHS}`)];
  check("six charts have a table each", tables.length === 6 && paths.length === 6);
  await page.until("the numbers move", `${TILES}.Succeeded !== ${JSON.stringify(tiles.Succeeded)}`);
  for (const [index, table] of tables.entries()) await page.until(`chart ${index + 1} moves, and its table with it`,
    `${TABLES}[${index}] !== ${JSON.stringify(table)} && ${PATHS}[${index}] !== ${JSON.stringify(paths[index])}`);
  await page.until("percentiles are told", `/median\\s+[\\d.]+ m?s/.test(${TABLES}[5])`);

  const TREE = `document.querySelector("#tree").innerText`;
  await page.until("the group's tree is shown", `/^watched\\s*ready\\s*herd\\s*ready[^]*probe/.test(${TREE})`);
  await page.until("and follows a restart", `/probe[^]*restarted (once|\\d+ times)[^]*the other side has gone/.test(${TREE})`);

  await page.until("more failures than are shown", `document.querySelector("#all").checkVisibility()`);

  // By keys alone: to the field, a new size, and Enter.
  await page.run("document.activeElement.blur()");
  const seen = [];
  for (let step = 0; step < 12; step += 1) {
    await page.key("Tab", 9);
    seen.push(await page.run(`const e = document.activeElement; return [e.id || e.textContent, getComputedStyle(e).outlineStyle, parseFloat(getComputedStyle(e).outlineWidth)]`));
  }
  const controls = await page.run(`return [...document.querySelectorAll("button, input")].filter((e) => e.checkVisibility()).map((e) => e.id || e.textContent)`);
  for (const control of controls) check(`Tab comes to ${control}, and one sees it`, seen.some(([id, style, width]) => id === control && style === "solid" && width >= 2), seen);
  await page.run(`document.querySelector("#num").focus(); document.querySelector("#num").select()`);
  await page.type("13");
  await page.key("Enter", 13, "\r");
  await page.until("the page says that the size has changed", `document.querySelector("#said").textContent === "The size is now 13"`);
  check("the herd has that size", await told() === 13);
  await page.until("the tiles follow", `${TILES}.Size === "13" && Number(${TILES}.Running) > 8`);
  await page.run(`document.querySelector("#num").value = ""; document.querySelector("#num").focus()`);
  await page.type("-4");
  await page.run(`document.querySelector("#resize").dispatchEvent(new Event("submit", { cancelable: true }))`);
  await page.until("what is refused is told", `document.querySelector("#said").textContent === "Herd size cannot be negative"`);
  check("and nothing has changed", await told() === 13);

  const click = (id) => page.run(`document.querySelector("#${id}").click()`);
  const ready = async () => (await fetch(herd.url + "readyz")).status;
  await page.run(`document.querySelector("#num").value = 13`);
  for (let step = 0; step < 5; step += 1) await click("less");
  await page.run(`document.querySelector("#resize").requestSubmit()`);
  await page.until("the buttons change the size", `document.querySelector("#said").textContent === "The size is now 8"`);
  await click("quiet");
  await page.until("it is quiet", `document.querySelector("#phase").textContent === "quiet"`);
  check("the herd is quiet", await ready() === 503);
  await page.until("the button would resume", `document.querySelector("#quiet").textContent === "Accept work again"`);
  await click("quiet");
  await page.until("it runs again", `document.querySelector("#phase").textContent === "running"`);
  check("the herd runs again", await ready() === 200);
  await page.until("failures are shown", `document.querySelector("#list").rows.length > 3`);
  check("with error and attempts", /#\d+\s+[1-3]\s/.test(await page.run(`return document.querySelector("#list").innerText`)) &&
    (await page.run(`return document.querySelector("#list").innerText`)).includes("https://example.com/item/"));

  await page.until("a few of them", `document.querySelector("#list").rows.length === 8 && document.querySelector("#all").checkVisibility()`);
  await click("all");
  await page.until("and all, when asked", `document.querySelector("#list").rows.length > 8`);

  // While all are shown, none goes soon.
  await page.run(`getSelection().selectAllChildren(document.querySelector("#list").rows[0].cells[3])`);
  const marked = await page.run(`return getSelection().toString()`), newest = await page.run(`return document.querySelector("#list").rows[0].cells[1].textContent`);
  await page.until("further failures come in", `document.querySelector("#list").rows[0].cells[1].textContent !== ${JSON.stringify(newest)}`);
  check("and what one has marked stays marked", marked.includes("https://") && await page.run(`return getSelection().toString()`) === marked, marked);
  await page.run(`getSelection().empty()`);
  await click("all");
  await page.until("and few again", `document.querySelector("#list").rows.length === 8`);
  check("numbers are told in few digits", await page.run(`return [0, 7, 9999, 12345, 99999, 123456, 999999, 1234567, 12e8].map(count).join()`) ===
    "0,7,9999,12\u202f345,99\u202f999,123 k,1.00 M,1.23 M,1.20 G");
  check("and times", await page.run(`return [0, 2e-7, 43e-6, 0.00996, 0.044, 0.9999, 12.34, 119, 180, 7200].map(time).join()`) ===
    "0,<1 µs,43.0 µs,9.96 ms,44.0 ms,1.00 s,12.3 s,119 s,3.00 min,2.00 h");
  check("and times ago", await page.run(`return [0.4, 3, 59.7, 3590, 90000, 400000].map(ago).join()`) ===
    "just now,3 s ago,1 min ago,1 h ago,25 h ago,5 days ago");
  check("axes end in round numbers", await page.run(`return [[0, count], [5, count], [11, count], [60, count], [3, rate], [0.0003, time], [0.5, time], [100, time], [5000, time]]
    .map(([n, tell]) => [ceiling(n, tell) / 2, ceiling(n, tell)].map((n) => mark(tell, n)).join(" ")).join()`) ===
    "2 4,3 6,6 12,30 60,1.5 3,150 µs 300 µs,300 ms 600 ms,60 s 2 min,48 min 96 min");
  check("an id of any size is told as it is", await page.run(`return parse('{"failures":[{"id":18446744073709551615,"error":"\\\\"id\\\\":5"}]}').failures.map(({ id, error }) => id + error).join()`) ===
    '18446744073709551615"id":5');

  await sleep(Number(process.env.PAGE_WAIT ?? 30) * 1000); // for charts with something in them
  for (const [name, width, height] of [["phone", 360, 800], ["desk", 1280, 800]]) {
    for (const scheme of ["light", "dark"]) {
      await page.as(width, height, scheme);
      const wide = await page.run(WIDE);
      check(`${name}, ${scheme}: no horizontal scroll`, wide[0] <= wide[1] && wide.length === 2, wide);
      const small = await page.run(SMALL);
      check(`${name}, ${scheme}: targets of 44 px`, small.length === 0, small);
      const faint = await page.run(FAINT);
      check(`${name}, ${scheme}: contrast of 4.5`, faint.length === 0, faint);
      await page.picture(`${name}-${scheme}`, false);
      await page.picture(`${name}-${scheme}-whole`, true);
    }
  }

  // At once with what is looked at then: the next numbers that come show others.
  const bare = `const stats = await (await fetch("/stats")).json(); history = []; show({ ...stats, times: null, failures: [] })`;
  const notes = `[...document.querySelectorAll("figure")].map((e) => [e.querySelector(".note"), e.querySelector("table")].map((e) => Number(e.checkVisibility())).join("")).join()`;
  const none = `document.querySelector("#none").checkVisibility() && !document.querySelector("#list").checkVisibility()`;
  const [unmeasured, unfailed] = await page.run(`return (async () => { ${bare}; return [${notes}, ${none}] })()`);
  check("what is not measured is told", unmeasured === "01,01,01,01,10,10", unmeasured);
  check("and that nothing has failed", unfailed);
  await page.picture("bare", true);
  const marked_up = `<img src=x onerror="document.title='no'"><b>bold</b>\\n\u202eback`;
  const [text, elements] = await page.run(`list([{ id: "1", attempts: 1, error: ${JSON.stringify(marked_up)}, age: 0 }]);
    return [document.querySelector("#list").rows[0].cells[3].textContent, document.querySelector("#list").querySelectorAll("img, b").length]`);
  check("an error is text, whatever is in it", text === marked_up && elements === 0, text);

  await click("drain");
  check("it asks before it drains", await page.run(`return document.querySelector("#sure").open`));
  check("the question is answered by keys", await page.run(`return document.activeElement.id`) === "no");
  const faint = await page.run(FAINT);
  check("the question can be read", faint.length === 0, faint);
  await page.picture("question", false);
  await page.key("Escape", 27);
  await sleep(300);
  check("no is no", await ready() === 200);
  await click("drain");
  await page.run(`document.querySelector("#sure button[value=yes]").click()`);
  await page.until("it drains and ends", `["draining", "stopped"].includes(document.querySelector("#phase").textContent)`);
  check("the herd has ended, or will", await ready() === 503);
  await page.until("the tree shows that it has", `/herd\\s*exited/.test(${TREE})`);
  await page.picture("drained", false);
  // But for the size that was refused.
  const faults = page.faults.filter((fault) => !fault.includes("status of 400"));
  check("nothing has gone wrong in the page", faults.length === 0, faults);
  herd.end();
  await page.until("a server that is gone is told", `document.querySelector("#link").textContent.startsWith("no connection")`);
  await page.picture("gone", false);
  page.faults.length = 0;
}

async function secret(page, herd) {
  await page.as(360, 800, "light");
  await page.ask("Page.navigate", { url: herd.url });
  await page.until("the token is asked for", `document.querySelector("#ask")?.checkVisibility()`);
  check("by a field that one can type into at once", await page.run(`return document.activeElement.id`) === "token");
  check("and nothing else is shown", await page.run(`return !document.querySelector("#controls").checkVisibility() && !document.querySelector("#tiles").checkVisibility()`));
  const faint = await page.run(FAINT);
  check("the question for the token can be read", faint.length === 0, faint);
  await page.picture("token", false);
  const give = async (token) => {
    await page.run(`document.querySelector("#token").focus(); document.querySelector("#token").select()`);
    await page.type(token);
    await page.key("Enter", 13, "\r");
  };
  await give("wrong");
  await page.until("a wrong one is told", `document.querySelector("#link").textContent === "wrong token"`);
  await give("Schlüssel €");
  await page.until("what cannot be one is told too", `document.querySelector("#link").textContent === "wrong token" && document.querySelector("#phase").textContent === "locked"`);
  check("it is no fault", page.faults.every((fault) => fault.startsWith("Failed to load")), page.faults);
  await give(" correct-horse ");
  await page.until("the right one opens it", `document.querySelector("#link").textContent === "live" && !document.querySelector("#ask").checkVisibility() && document.querySelector("#controls").checkVisibility()`);
  await page.run(`document.querySelector("#more").click(); document.querySelector("#resize").requestSubmit()`);
  await page.until("and resizes", `document.querySelector("#said").textContent === "The size is now 9"`);
  await page.ask("Page.reload");
  await page.until("it is kept for the tab", `document.querySelector("#link")?.textContent === "live"`);
}

/** README's picture: a minute and a half of a herd that is resized twice. */
async function portrait(page, herd) {
  await page.as(1280, 800, "light");
  await page.ask("Page.navigate", { url: herd.url });
  await page.until("numbers come", `document.querySelector("#link")?.textContent === "live"`);
  for (const num of [4, 12]) {
    await sleep(30_000);
    await page.run(`document.querySelector("#num").value = ${num}; document.querySelector("#resize").requestSubmit()`);
    await page.until(`the size is ${num}`, `${TILES}.Size === "${num}"`);
  }
  await sleep(28_000);
  await page.until("there is a failure to show", `document.querySelector("#list").rows.length > 3`);
  const height = await page.run(`return Math.ceil(document.querySelector("#failures").getBoundingClientRect().top) - 8`);
  await page.as(1280, height, "light");
  await page.run(`document.documentElement.style.overflow = "hidden"`); // no bar beside it
  await sleep(1500);
  await page.picture("page", false);
}

const herds = only === "portrait" ? [await watched()] : [await watched(), await watched("correct-horse")];
const page = await browser();
try {
  if (only === "portrait") {
    await portrait(page, herds[0]);
  } else {
    await look(page, herds[0]);
    await secret(page, herds[1]);
  }
  console.log(`\n${passed} passed, 0 failed; pictures in ${pictures}`);
} catch (error) {
  await page.picture("failed", true);
  console.error(error.message, page.faults);
  process.exitCode = 1;
} finally {
  await page.end();
  herds.forEach((herd) => herd.end());
}
