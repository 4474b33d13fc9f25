// Compiles Serving.sol to Serving.json; with --check compares the two instead of writing.
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const PINNED = "0.8.37";
const path = (name) => fileURLToPath(new URL(name, import.meta.url));
const solc = createRequire(import.meta.url)("solc");

const version = solc.version().split("+")[0];
if (version !== PINNED) fail(`solc is ${version}, not ${PINNED}; run npm ci`);

const settings = {
  optimizer: { enabled: true, runs: 10000 },
  viaIR: true,
  evmVersion: "cancun",
  metadata: { bytecodeHash: "none", appendCBOR: false },
};
const source = readFileSync(path("Serving.sol"), "utf8");
const output = JSON.parse(
  solc.compile(
    JSON.stringify({
      language: "Solidity",
      sources: { "Serving.sol": { content: source } },
      settings: {
        ...settings,
        outputSelection: {
          "*": {
            "": ["ast"],
            "*": ["abi", "evm.bytecode.object", "evm.deployedBytecode.object", "evm.deployedBytecode.immutableReferences"],
          },
        },
      },
    }),
  ),
);
const problems = (output.errors ?? []).filter((e) => e.severity !== "info");
if (problems.length > 0) fail(problems.map((e) => e.formattedMessage).join("\n"));

const { abi, evm } = output.contracts["Serving.sol"].Serving;
const size = evm.deployedBytecode.object.length / 2;
if (size > 24576) fail(`deployed code has ${size} bytes, above the limit of 24576`);

// Where the deployed code has the words that the constructor fills in, by the names of the variables.
const names = new Map();
const visit = (node) => {
  if (node?.nodeType === "VariableDeclaration" && node.mutability === "immutable") names.set(String(node.id), node.name);
  for (const inside of Object.values(node ?? {})) if (inside && typeof inside === "object") visit(inside);
};
visit(output.sources["Serving.sol"].ast);
const immutables = {};
for (const [id, places] of Object.entries(evm.deployedBytecode.immutableReferences)) {
  if (!names.has(id) || places.some((place) => place.length !== 32)) fail(`an immutable that is not understood: ${id}`);
  immutables[names.get(id)] = places.map((place) => place.start).sort((one, other) => one - other);
}

const artifact =
  JSON.stringify(
    {
      contractName: "Serving",
      abi,
      bytecode: { object: `0x${evm.bytecode.object}` },
      deployedBytecode: { object: `0x${evm.deployedBytecode.object}` },
      immutables: Object.fromEntries(Object.entries(immutables).sort()),
      compiler: { version: solc.version(), settings },
      sourceSha256: createHash("sha256").update(source).digest("hex"),
    },
    null,
    2,
  ) + "\n";

if (process.argv[2] === "--check") {
  if (readFileSync(path("Serving.json"), "utf8") !== artifact) {
    fail("Serving.json does not match Serving.sol; run npm run build");
  }
  console.log(`Serving.json matches Serving.sol (${size} bytes deployed)`);
} else {
  writeFileSync(path("Serving.json"), artifact);
  console.log(`wrote Serving.json (${size} bytes deployed)`);
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
