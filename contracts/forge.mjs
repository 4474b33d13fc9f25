// Runs the native forge of this platform's npm package and exits as it does. (The launcher in @foundry-rs/forge 1.7.1
// exits with 0 even when tests fail.)
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL(".", import.meta.url));

/** Runs forge in this folder and returns its exit code and, with `capture`, what it printed. */
export function forge(args, { capture = false, env = {} } = {}) {
  const machine = `${process.platform}-${process.arch === "x64" ? "amd64" : process.arch}`;
  const name = process.platform === "win32" ? "forge.exe" : "forge";
  const binary = createRequire(import.meta.url).resolve(`@foundry-rs/forge-${machine}/bin/${name}`);
  const run = spawnSync(binary, args, {
    cwd: folder,
    encoding: "utf8",
    env: { ...process.env, ...env },
    maxBuffer: 1 << 28,
    stdio: ["ignore", capture ? "pipe" : "inherit", "inherit"],
  });
  if (run.error) throw run.error;
  return { code: run.status ?? 1, output: run.stdout };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.exit(forge(process.argv.slice(2)).code);
}
