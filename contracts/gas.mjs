// Runs the gas tests, prints the table beside upstream's figures, and fails when a bar is broken.
import { forge } from "./forge.mjs";

const run = forge(["test", "--json", "-vv"], { capture: true, env: { FOUNDRY_PROFILE: "gas" } });
if (run.code !== 0) {
  console.error(run.output);
  process.exit(1);
}
const report = JSON.parse(run.output);

const gas = {};
for (const suite of Object.values(report)) {
  for (const test of Object.values(suite.test_results)) {
    for (const line of test.decoded_logs) {
      const [, key, value] = line.match(/^(.*): (\d+)$/);
      gas[key] = Number(value);
    }
  }
}
const further = (kind) => (gas[`settle 50${kind}`] - gas[`settle 1${kind}`]) / 49;

// Upstream: the TEE version and the ZK version, and for the request rows the version before both, where published or
// measured. `bar` is the most we allow ourselves.
const rows = [
  ["first deposit", gas["first deposit"], "533,000", "209,000", "", null],
  ["first deposit with delegate", gas["first deposit with delegate"], "533,000", "209,000", "", 110_000],
  ["top-up", gas["top-up"], "", "", "", null],
  ["change of delegate", gas["change delegate"], "", "", "", null],
  ["request refund", gas["request refund"], "", "", "", null],
  ["take refund", gas["take refund"], "", "", "", null],
  ["settle 1 user", gas["settle 1"], "94,700", "348,600", "", 44_000],
  ["settle 1 user, delegate", gas["settle 1 delegate"], "94,700", "348,600", "", 45_000],
  ["each further user of 50", further(""), "57,700", "112,500", "", 16_000],
  ["each further user of 50, delegate", further(" delegate"), "57,700", "112,500", "", 16_000],
  ["settle 50 users", gas["settle 50"], "2,922,000", "", "", null],
  ["settle 50 users, delegate", gas["settle 50 delegate"], "2,922,000", "", "", null],
  ["settle 200 users, delegate", gas["settle 200 delegate"], "", "", "", null],
  ["a request, 40 of one user", gas["settle 1"] / 40, "2,400", "8,700", "14,400", 1_200],
  ["a request, 40 of one user, delegate", gas["settle 1 delegate"] / 40, "2,400", "8,700", "14,400", 1_200],
  ["a request, 1,000 of each of 50", gas["settle 50 delegate"] / 50_000, "58", "1,400", "12,840", null],
  ["a stale row of 200", (gas["settle 200 stale"] - gas["settle 1 stale"]) / 199, "", "", "", null],
  ["add a service", gas["add service"], "", "", "", null],
  ["change a service", gas["change service"], "", "", "", null],
  ["remove a service", gas["remove service"], "", "", "", null],
];

const number = (value) => (value < 100 ? value.toFixed(1) : Math.round(value).toLocaleString("en"));
const table = [["gas of a transaction", "measured", "bar", "0G TEE", "0G ZK", "0G before ZK"]];
let broken = 0;
for (const [name, value, tee, zk, before, bar] of rows) {
  const good = Number.isFinite(value) && (bar === null || value <= bar);
  if (!good) broken += 1;
  table.push([name, number(value) + (good ? "" : " BROKEN"), bar === null ? "" : number(bar), tee, zk, before]);
}
const widths = table[0].map((_, column) => Math.max(...table.map((row) => row[column].length)));
const pad = (cell, column) => (column ? cell.padStart(widths[column]) : cell.padEnd(widths[column]));
const line = (row) => `| ${row.map(pad).join(" | ")} |`;
table.splice(1, 0, widths.map((width, i) => (i ? "-".repeat(width - 1) + ":" : "-".repeat(width))));
console.log(table.map(line).join("\n"));
if (broken > 0) {
  console.error(`${broken} above the bar`);
  process.exit(1);
}
