// The page at `/` of both brokers in Chromium: complete, offline, without a script, readable at each width.
//
//     node tests/by_hand/api_pages.mjs target/release/zgserve-tui [FOLDER]     (needs: npm ci --prefix tests/by_hand, chromium)
//
// Starts `demo --headless` on ports that the system chooses and Chromium (CHROMIUM names another than /usr/bin/chromium). Checks
// that no request leaves for anywhere but the page itself, that nothing is said on the console, that every operation of
// `/openapi.json` has its heading, that each heading can be linked to and found in a list of contents, and that nothing is wider
// than the window, on a telephone either, in light and in dark. With FOLDER it puts pictures there. Ends with
// "api_pages: N passed, 0 failed", after all that was not so.

import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const METHODS = ["get", "post", "put", "patch", "delete"];
let passed = 0;
let failed = 0;

function check(truth, what) {
  if (truth) passed += 1;
  else failed += 1;
  console.log(`  ${truth ? "ok " : "NOT"} ${what.slice(0, 300)}`);
}

async function demo(binary, home) {
  const flags = ["demo", "--headless", "--user-port", "0", "--provider-port", "0", "--chain-port", "0"];
  const child = spawn(binary, flags, { env: { ...process.env, HOME: home }, stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  child.stdout.on("data", (piece) => (text += piece));
  for (let times = 0; times < 600 && !text.includes("Ctrl-C"); times += 1) {
    if (child.exitCode !== null) throw new Error(`the demo ended early: ${text}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const base = (word) => text.match(new RegExp(`${word}\\s+(http://127\\.0\\.0\\.1:\\d+)`))[1];
  return { child, pages: { user: base("user broker"), provider: base("provider broker") } };
}

/** `METHOD path` of every operation; a path that takes all five methods is one, as ANY. */
function operations(document) {
  return Object.entries(document.paths).flatMap(([path, item]) => {
    const methods = METHODS.filter((method) => item[method]);
    return methods.length === METHODS.length ? [`ANY ${path}`] : methods.map((method) => `${method.toUpperCase()} ${path}`);
  });
}

async function look(browser, role, url, folder) {
  const document = await (await fetch(`${url}/openapi.json`)).json();
  for (const [kind, width, colorScheme] of [["wide", 1280, "light"], ["narrow", 390, "dark"]]) {
    const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme });
    const asked = [];
    const said = [];
    page.on("request", (request) => asked.push(request.url()));
    page.on("console", (message) => said.push(message.text()));
    page.on("pageerror", (error) => said.push(String(error)));
    const answer = await page.goto(`${url}/`, { waitUntil: "networkidle" });
    check(answer.status() === 200, `${role}, ${kind}: the page answers 200`);
    const away = asked.filter((one) => !one.startsWith(`${url}/`));
    check(away.length === 0, `${role}, ${kind}: nothing is asked of anywhere else (${asked.length} in all; ${away.join(" ")})`);
    check(said.length === 0, `${role}, ${kind}: the console stays empty (${said.join(" | ")})`);
    const headings = await page.$$eval("h2, h3", (all) => all.map((one) => one.innerText.replace(/\s+/g, " ").trim()));
    const missing = operations(document).filter((name) => !headings.some((heading) => heading.startsWith(name)));
    check(missing.length === 0, `${role}, ${kind}: every operation has a heading (${headings.length} headings; lacking: ${missing.join(", ")})`);
    const room = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    check(room <= 0, `${role}, ${kind}: nothing is wider than the window (${room} px beyond)`);
    const [back, fore] = await page.evaluate(() => {
      const style = getComputedStyle(document.body);
      const root = getComputedStyle(document.documentElement);
      return [style.backgroundColor === "rgba(0, 0, 0, 0)" ? root.backgroundColor : style.backgroundColor, style.color];
    });
    if (kind === "narrow") {
      const light = /rgb\((\d+), (\d+), (\d+)\)/.exec(fore)?.slice(1).every((part) => Number(part) > 128) ?? false;
      check(light, `${role}: dark where the system is dark (text ${fore} on ${back})`);
    } else {
      const anchors = await page.$$eval("h2, h3", (all) => all.filter((one) => one.id).length);
      check(anchors >= operations(document).length, `${role}: each heading can be linked to (${anchors} can)`);
      const links = await page.$$eval('a[href^="#"]', (all) => all.length);
      check(links >= operations(document).length, `${role}: a list of contents names each route (${links} links)`);
    }
    if (folder) await page.screenshot({ path: join(folder, `${role}-${kind}.png`), fullPage: kind === "wide" });
    await page.close();
  }
}

const [binary, folder] = process.argv.slice(2);
const home = mkdtempSync(join(tmpdir(), "zgserve-pages-"));
if (folder) mkdirSync(folder, { recursive: true });
const { child, pages } = await demo(binary, home);
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
try {
  for (const [role, url] of Object.entries(pages)) await look(browser, role, url, folder);
} finally {
  await browser.close();
  child.kill("SIGTERM");
  rmSync(home, { recursive: true, force: true });
}
console.log(`api_pages: ${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
