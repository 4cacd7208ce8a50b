// Runs the command on a terminal, and draws what that shows. Called by scripts/pictures.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const [picture] = process.argv.slice(2);
const [columns, jobs, place] = [96, 6_000, mkdtempSync(join(tmpdir(), "droves-terminal-"))];
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

/** What a terminal's lines are after it was sent this: as much of one as the command makes use of. */
function lines(sent) {
  const shown = [""];
  let column = 0;
  for (const [part] of sent.matchAll(/\x1b\[[0-9;?]*[a-zA-Z]|\r|\n|[^\x1b\r\n]+/g)) {
    const line = shown.at(-1);
    if (part === "\r") column = 0;
    else if (part === "\n") shown.push(""), (column = 0);
    else if (part === "\x1b[2K") shown[shown.length - 1] = "";
    else if (!part.startsWith("\x1b")) {
      shown[shown.length - 1] = line.slice(0, column).padEnd(column) + part + line.slice(column + part.length);
      column += part.length;
    }
  }
  return shown.map((line) => line.trimEnd());
}

/** Types a command; if a number is given, Ctrl-C when the bar says that so many jobs are done. That bar stays, as if it were not cleared. */
async function type(command, interrupt) {
  const inside = `stty cols ${columns} rows 24 -echoctl; ${command}`;
  const child = spawn("script", ["-qec", inside, "/dev/null"], { cwd: place, stdio: ["pipe", "pipe", "inherit"] });
  let sent = "";
  child.stdout.setEncoding("utf8").on("data", (data) => (sent += data));
  const ended = new Promise((done) => child.once("close", done));
  let bar = [];
  if (interrupt) {
    const done = () => Number([...sent.matchAll(/ (\d+)\/\d+, /g)].at(-1)?.[1] ?? 0);
    while (done() < interrupt) {
      if (child.exitCode !== null) throw new Error(`it has ended before it could be interrupted: ${sent}`);
      await sleep(5);
    }
    // The last that was drawn whole.
    bar = [lines(sent.slice(0, sent.lastIndexOf("\r"))).at(-1), "^C"];
    child.stdin.write("\x03");
  }
  await ended;
  const shown = lines(sent).filter((line) => line);
  return [`$ ${command}`, ...shown.slice(0, -1), ...bar, shown.at(-1)];
}

/** Lines as a picture that is sharp at any size. */
function draw(shown) {
  const [width, height, edge] = [8.4, 20, 16];
  const escape = (text) => text.replace(/[&<>]/g, (c) => `&#${c.charCodeAt(0)};`);
  const [across, down] = [columns * width + 2 * edge, shown.length * height + 2 * edge];
  const text = shown.map((line, index) => {
    const [at, kind] = [edge + (index + 0.75) * height, line.startsWith("$ ") ? ' class="typed"' : ""];
    const length = (line.length * width).toFixed(1);
    return `<text x="${edge}" y="${at}" textLength="${length}" lengthAdjust="spacingAndGlyphs"${kind}>${escape(line)}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${across.toFixed(1)} ${down}" role="img" xml:space="preserve">
<title>A terminal in which droves runs, is interrupted, and goes on with what is left</title>
<style>
rect { fill: #16181d }
text { fill: #c9d1d9; font: 14px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; white-space: pre }
.typed { fill: #7ee787 }
</style>
<rect width="100%" height="100%" rx="8"/>
${text.join("\n")}
</svg>
`;
}

const run = "droves run -j 2 --retries 2 -a files --joblog log";
try {
  const shown = [
    ...await type(`find /usr -type f | head -n ${jobs} > files; wc -l files`),
    ...await type(`${run} --listen 127.0.0.1:2112 sha256sum > sums`, 0.6 * jobs),
    ...await type(`${run} --resume sha256sum >> sums; wc -l sums`),
  ];
  const summary = shown.filter((line) => line.startsWith("droves: ") && line.includes(" succeeded"));
  if (summary.length !== 2 || !shown.includes(`${jobs} sums`)) throw new Error(shown.join("\n"));
  writeFileSync(picture, draw(shown));
  console.log(shown.join("\n"));
} finally {
  rmSync(place, { recursive: true });
}
