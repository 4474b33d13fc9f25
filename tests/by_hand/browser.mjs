// A hostile page in a real browser against the real program: it reads nothing, changes nothing and spends nothing.
//
//     node tests/by_hand/browser.mjs target/release/zgserve-tui     (needs: npm ci --prefix tests/by_hand, chromium, curl)
//
// Starts `demo --headless` on ports that the system chooses, with money in an account, and Chromium (CHROMIUM names another than
// /usr/bin/chromium) with a page that tries everything that a page can (`hostile.mjs`): from another port of this machine, from
// another site, from a sandbox, from a file, and from a name that was pointed at this machine under the broker's own port (DNS
// rebinding). The same page first attacks a server that is open, so that we know that its requests really leave the browser.
// Ends with "browser: N passed, 0 failed", or with the first thing that was not as stated. Uses nothing but loopback.

import { execFile, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { chromium } from "playwright-core";
import { attack } from "./hostile.mjs";

const PIXEL = Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==", "base64");
// How many of the shapes of a request an open server must see, for the attack to be one.
const SHAPES = 300;
let passed = 0;

function check(truth, what) {
  if (!truth) throw new Error(`NOT SO: ${what}`);
  passed += 1;
  console.log(`  ok  ${what.slice(0, 150)}`);
}

async function until(look, what) {
  for (let times = 0; times < 600; times += 1) {
    const found = await look();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`waited in vain: ${what}`);
}

async function curl(...words) {
  const { stdout: text } = await promisify(execFile)("curl", ["-sS", "--max-time", "60", "-w", "\n%{http_code}", ...words]);
  const at = text.lastIndexOf("\n");
  return { status: Number(text.slice(at + 1)), body: text.slice(0, at) };
}

const json = (url, body, method = "POST") =>
  curl("-X", method, url, "-H", "Content-Type: application/json", "-d", JSON.stringify(body));

function listen(handler) {
  const server = http.createServer(handler);
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}

const portOf = (server) => server.address().port;

// A server that answers everybody and remembers who asked: what a broker without a guard would be.
async function openServer() {
  const seen = new Map();
  const server = await listen((request, response) => {
    const shape = new URL(request.url, "http://x").searchParams.get("shape");
    if (shape) seen.set(shape, request.headers);
    request.resume().on("end", () => response.writeHead(200, { "content-type": "text/plain" }).end("open"));
  });
  return { server, seen };
}

// Serves the page under any name, redirects to wherever it is told, and its service worker.
async function hostileServer() {
  return listen((request, response) => {
    const url = new URL(request.url, "http://x");
    if (url.pathname.startsWith("/redirect/")) {
      response.writeHead(Number(url.pathname.split("/")[2]), { location: url.searchParams.get("to") }).end();
    } else if (url.pathname === "/reporting") {
      const policy = `img-src 'none'; report-uri ${url.searchParams.get("to")}`;
      response.writeHead(200, { "content-type": "text/html", "content-security-policy": policy });
      response.end("<img src=/x.png>");
    } else if (url.pathname === "/worker.js") {
      response.writeHead(200, { "content-type": "text/javascript" }).end(
        "onmessage = (e) => fetch(e.data.url, e.data.init).then((r) => r.text()).then((t) => e.ports[0].postMessage(t), (x) => e.ports[0].postMessage('error'));",
      );
    } else {
      response.writeHead(200, { "content-type": "text/html" }).end("<!doctype html><title>win a prize</title><body>");
    }
  });
}

// What a service may serve under the broker's own address.
async function fileServer() {
  const script = "window.taken = 1; fetch('/v1/provider').then((r) => r.text()).then((t) => { document.title = t; });";
  const files = {
    "/pixel.png": ["image/png", PIXEL],
    "/code.js": ["text/javascript", "window.taken = 1"],
    "/style.css": ["text/css", "body { width: 77px }"],
    "/page.html": ["text/html", `<title>stored</title><script>${script}</script>`],
  };
  return listen((request, response) => {
    const [type, content] = files[request.url] ?? ["text/plain", "no such file"];
    response.writeHead(content === "no such file" ? 404 : 200, { "content-type": type }).end(content);
  });
}

async function demo(binary, home) {
  const flags = ["demo", "--headless", "--user-port", "0", "--provider-port", "0", "--chain-port", "0"];
  const child = spawn(binary, flags, { env: { ...process.env, HOME: home }, stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  child.stdout.on("data", (piece) => (text += piece));
  const base = (word) => text.match(new RegExp(`${word}\\s+(http://127\\.0\\.0\\.1:\\d+)`))?.[1];
  await until(() => text.includes("Ctrl-C"), "the demo to start");
  return { child, user: base("user broker"), provider: base("provider broker"), chain: base("chain") };
}

// Everything that a request could have changed.
async function everything(at) {
  const read = async (url) => JSON.parse((await curl(url)).body);
  const all = (base, lists) => Promise.all(lists.map((list) => read(`${base}/v1/${list}`)));
  const rpc = async (method, ...params) => JSON.parse((await json(at.chain, { jsonrpc: "2.0", id: 1, method, params })).body).result;
  const ours = await all(at.user, ["provider", "request", "refund", "operation", "service"]);
  const theirs = await all(at.provider, ["service", "user", "request", "operation"]);
  // When a service was looked at last is not our doing.
  for (const item of theirs[0].Items) delete item.Health;
  const owners = [(await read(`${at.user}/health`)).User, (await read(`${at.provider}/health`)).Provider];
  const wallets = await Promise.all(owners.map((address) => rpc("eth_getBalance", address, "latest")));
  return JSON.stringify({ ours, theirs, wallets, height: await rpc("eth_blockNumber") });
}

async function main() {
  const home = mkdtempSync(join(tmpdir(), "zgserve-browser-"));
  const at = await demo(process.argv[2], home);
  const evil = await hostileServer();
  const open = await openServer();
  const files = await fileServer();
  const rules = "MAP evil.example 127.0.0.1, MAP *.evil.example 127.0.0.1";
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync",
      // Newer browsers ask a person before a page may call this machine; older ones do not.
      "--disable-features=LocalNetworkAccessChecks,LocalNetworkAccessChecksWarn,BlockInsecurePrivateNetworkRequests,PrivateNetworkAccessSendPreflights",
      `--host-resolver-rules=${rules}`,
    ],
  });
  try {
    const service = JSON.parse((await curl(`${at.user}/v1/service`)).body).Items.find((item) => item.Type === "zgStorage");
    const owner = service.Provider;
    check((await json(`${at.user}/v1/provider`, { provider: owner, balance: "10000000000" })).status === 204, "an account with money");
    // A service whose files would be a picture, a script, a style and a page, if anybody but the owner could open them.
    const registered = await json(`${at.provider}/v1/service`, {
      Name: "files", Type: "zgStorage", URL: `http://127.0.0.1:${portOf(files)}`, inputPrice: "1", outputPrice: "1",
    });
    check(registered.status === 204, `a service that serves files (was ${registered.status}: ${registered.body})`);
    const paid = `${at.user}/v1/provider/${owner}/service/files`;
    await until(async () => (await curl(`${paid}/code.js`)).status === 200, "the files to be on offer");
    const shown = await curl("-i", `${paid}/page.html`);
    check(shown.status === 200 && shown.body.includes("sandbox"), "a program can have them, and pays");
    const settled = async () => JSON.parse((await curl(`${at.user}/v1/request`)).body).Items.every((item) => item.Status === "done");
    await until(settled, "all requests to be booked");

    const page = `http://127.0.0.1:${portOf(evil)}/`;
    const elsewhere = `http://evil.example:${portOf(evil)}/`;
    const targets = ({ user, provider, chain }) => ({ user, provider, chain, owner, hostile: `http://127.0.0.1:${portOf(evil)}` });
    const brokers = targets(at);
    const local = { user: at.user.replace("127.0.0.1", "localhost"), provider: at.provider.replace("127.0.0.1", "localhost"), chain: at.chain.replace("127.0.0.1", "localhost") };

    const run = async (from, aim, prepare) => {
      const context = await browser.newContext();
      const tab = await context.newPage();
      await prepare?.(tab);
      await tab.goto(from);
      const got = await tab.evaluate(attack, aim);
      await context.close();
      return got;
    };

    // First against a server that is open to all.
    const openAt = `http://127.0.0.1:${portOf(open.server)}`;
    await run(elsewhere, { ...targets({ user: openAt, provider: openAt, chain: openAt }), tag: true });
    check(open.seen.size >= SHAPES, `${open.seen.size} shapes of a request reach a server that is open`);

    const before = await everything(at);
    const refusals = async () => Number((await curl(`${at.user}/metrics`)).body.match(/answers_total\{class="4xx"\} (\d+)/)[1]);
    // The first answer comes from the attacker; then the name leads to the broker, under the same origin.
    const rebinding = (tab) =>
      tab.route(/\/first-page$/, (route) => route.fulfill({ contentType: "text/html", body: "<!doctype html><body>" }));
    const byName = (url) => url.replace("127.0.0.1", "evil.example");
    const rebound = { user: byName(at.user), provider: byName(at.provider), chain: byName(at.chain) };
    const file = join(home, "hostile.html");
    writeFileSync(file, "<!doctype html><body>");
    const origins = [
      ["another port of this machine", page, brokers],
      ["another port of this machine, by name", page.replace("127.0.0.1", "localhost"), targets(local)],
      ["another site", elsewhere, brokers],
      ["another site, at localhost", elsewhere, targets(local)],
      ["a file", `file://${file}`, brokers],
      ["a data URL", "data:text/html,<body>", brokers],
      ["a name pointed at this machine, to the user broker", `${rebound.user}/first-page`, targets(rebound), rebinding],
      ["a name pointed at this machine, to the provider broker", `${rebound.provider}/first-page`, targets(rebound), rebinding],
      ["a name pointed at this machine, to the chain", `${rebound.chain}/first-page`, targets(rebound), rebinding],
    ];
    for (const [who, from, aim, prepare] of origins) {
      const refused = await refusals();
      const got = await run(from, aim, prepare);
      const read = got.filter(([, what]) => what !== null);
      check(read.length === 0, `a page from ${who} reads nothing by ${got.length} ways (read: ${JSON.stringify(read).slice(0, 400)})`);
      const more = (await refusals()) - refused;
      check(more >= 100, `its requests arrived and were refused (${more})`);
      check((await everything(at)) === before, "accounts, requests, refunds, operations, services, wallets and chain are as they were");
    }

    // What it is for still works: the procedure's plain curl, and a page of the broker's own.
    const context = await browser.newContext();
    const tab = await context.newPage();
    for (const base of [at.user, local.user, at.provider]) {
      await tab.goto(`${base}/`);
      check((await tab.title()).includes("0G Serving"), `the API page opens at ${base}`);
      // That page may load nothing; a plain one may.
      await tab.goto(`${base}/openapi.json`);
      const status = await tab.evaluate(() => fetch("/v1/request").then((answer) => answer.status));
      check(status === 200, "and a page of the broker's own may ask");
    }
    // Somebody opens what a stranger stored: it has no hold of the broker's origin.
    await tab.goto(`${paid}/page.html`);
    check((await tab.title()) === "stored", "a stored page opens");
    check((await tab.evaluate(() => window.taken ?? null).catch(() => null)) === null, "and its script does not run");
    await context.close();
    const chat = { messages: [{ role: "user", content: "Say this is a test!" }], temperature: 0.7 };
    const route = `${at.user}/v1/provider/${owner}/service/eliza/chat/completions`;
    check((await json(route, chat)).status === 200, "the procedure's call by plain curl");
    check((await json(`${at.user}/v1/provider/${owner}/charge`, { balance: "5" })).status === 202, "and its charge");
    check((await everything(at)) !== before, "which everything would have shown");
  } finally {
    await browser.close();
    for (const server of [evil, files, open.server]) server.closeAllConnections?.(), server.close();
    at.child.kill("SIGTERM");
    await new Promise((resolve) => at.child.once("exit", resolve));
    rmSync(home, { recursive: true, force: true });
  }
  console.log(`browser: ${passed} passed, 0 failed`);
}

await main();
