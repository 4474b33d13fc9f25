// As told.py, for Node.
export const { ZGSERVE_BASE: BASE, ZGSERVE_LOCKED: LOCKED, ZGSERVE_TOKEN: TOKEN } = process.env;
export const ASK = [{ role: "user", content: "Say this is a test!" }];
export const WEATHER = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
export const DOT =
  "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

const line = (feature, how, seen) => console.log([feature, how, String(seen).split(/\s+/).join(" ").slice(0, 300)].join("\t"));

/** Tells whether what `act` does works; `act` says what was seen by calling what it is given. */
export async function told(feature, act) {
  const seen = [];
  try {
    await act((truth, what = "") => {
      if (!truth) throw new Error(`not so: ${what}`);
      if (what !== "") seen.push(what);
    });
    line(feature, "yes", seen.join("; "));
  } catch (error) {
    line(feature, "no", error);
  }
}

/** `act` must throw something that `fits` takes. */
export async function refused(feature, fits, act) {
  try {
    await act();
    line(feature, "no", "it was not refused");
  } catch (error) {
    line(feature, fits(error) ? "yes" : "no", error);
  }
}

/** What a request cost, from the broker's books, once it is over. */
export async function cost(request) {
  for (let tries = 0; tries < 100; tries++) {
    const found = await (await fetch(`${BASE}/request/${request}`)).json();
    if (found.Status === "done") return Number(found.Fee);
    await new Promise((done) => setTimeout(done, 50));
  }
  throw new Error(`request ${request} does not end`);
}
