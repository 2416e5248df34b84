// The studio page: uploads a clip, asks for an edit, follows it, shows what came of it. Talks to /v1 only.
"use strict";

const $ = (id) => document.getElementById(id);
const state = { session: null, job: null };

// the server

class Refused extends Error {
  constructor(problem) {
    super(problem.detail || problem.title);
    this.problem = problem;
  }
}

const headers = () => {
  const token = sessionStorage.getItem("token");
  return token ? { Authorization: `Bearer ${token}` } : {};
};

async function refusal(status, text) {
  if (status === 401) $("key").hidden = false;
  try {
    return new Refused(JSON.parse(text));
  } catch {
    return new Refused({ title: `The server answered with ${status}.` });
  }
}

async function call(method, path, body) {
  const options = { method, headers: headers() };
  if (body !== undefined) {
    options.body = JSON.stringify(body);
    options.headers["Content-Type"] = "application/json";
    options.headers["Idempotency-Key"] = crypto.randomUUID ? crypto.randomUUID() : String(Math.random());
  }
  const answer = await fetch(`/v1/${path}`, options);
  const text = await answer.text();
  if (!answer.ok) throw await refusal(answer.status, text);
  return text ? JSON.parse(text) : {};
}

function upload(file) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();  // fetch tells nothing of how far an upload is
    request.open("PUT", `/v1/assets?name=${encodeURIComponent(file.name)}`);
    for (const [name, value] of Object.entries(headers())) request.setRequestHeader(name, value);
    request.upload.onprogress = (e) => e.lengthComputable && show("Uploading", e.loaded / e.total, "");
    request.onerror = () => reject(new Refused({ title: "The server cannot be reached." }));
    request.onload = async () =>
      request.status < 300 ? resolve(JSON.parse(request.responseText)) : reject(await refusal(request.status, request.responseText));
    request.send(file);
  });
}

async function* events(job) {
  let last = "";
  for (;;) {
    const given = { ...headers(), Accept: "text/event-stream", ...(last ? { "Last-Event-ID": last } : {}) };
    const answer = await fetch(`/v1/jobs/${job}/events`, { headers: given });
    if (answer.status === 204) return;
    if (!answer.ok) throw await refusal(answer.status, await answer.text());
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    try {
      for (;;) {
        const { value, done } = await reader.read();
        if (done) break;
        text += value.replaceAll("\r\n", "\n");
        const parts = text.split("\n\n");
        text = parts.pop();
        for (const part of parts) {
          const event = { type: "message", data: "" };
          for (const line of part.split("\n")) {
            const at = line.indexOf(":");
            const field = line.slice(0, at), said = line.slice(at + 1).replace(/^ /, "");
            if (field === "event") event.type = said;
            if (field === "data") event.data += said;
            if (field === "id") last = said;
          }
          if (event.data) yield { type: event.type, data: JSON.parse(event.data) };
        }
      }
    } catch (error) {
      if (error instanceof SyntaxError) throw error;
    }
    await new Promise((wait) => setTimeout(wait, 1000));  // the connection was lost: go on after the last event
  }
}

// what is shown

function show(stage, fraction, message) {
  $("work").hidden = false;
  $("stage").textContent = stage;
  if (fraction === null || fraction === undefined) $("bar").removeAttribute("value");
  else $("bar").value = fraction;
  $("message").textContent = message || "";
}

function complain(problem) {
  $("work").hidden = true;
  $("problem").hidden = false;
  $("problem-title").textContent = problem.title || "It did not work.";
  $("problem-detail").textContent = problem.detail || "";
  $("problem-hint").textContent = problem.hint || "";
  $("problem-log").hidden = !problem.log_tail;
  $("problem-log").textContent = problem.log_tail || "";
}

function seconds(n) {
  return n === null || n === undefined ? "" : `${Math.round(n * 100) / 100} s`;
}

// Addresses in answers are built for anyone, anywhere; this page is served by the same server, maybe under another name.
function here(url) {
  const { pathname, search } = new URL(url, location.href);
  return pathname + search;
}

function deliver(job) {
  const final = job.outputs.find((o) => o.role === "final");
  if (!final) return;
  $("result").hidden = false;
  $("video").src = here(final.url);
  $("download").href = here(final.url);
  $("program").href = job.urls.version ? `${here(job.urls.version)}/program` : "";
  $("program").hidden = !job.urls.version || Boolean(sessionStorage.getItem("token"));  // a link cannot carry a token
  const size = final.width ? `${final.width} × ${final.height}, ` : "";
  $("facts").textContent = `${size}${seconds(final.duration_s)}, ${(final.bytes / 1e6).toFixed(1)} MB` +
    (job.degraded.length ? `. Left out: ${job.degraded.join("; ")}` : "");
}

function item(text, more) {
  const li = document.createElement("li");
  li.textContent = text;
  if (more) li.append(more);
  return li;
}

async function lists() {
  const jobs = (await call("GET", "jobs?kind=edit&limit=10")).items;
  if (jobs.length) $("jobs").replaceChildren(...jobs.map((job) => {
    const open = document.createElement("button");
    open.type = "button";
    open.textContent = "Show";
    open.onclick = () => follow(job).catch(failed);
    return item(`${job.status}${job.status === "running" ? ` ${Math.round((job.progress || 0) * 100)} %` : ""}, ${new Date(job.created_at).toLocaleString()}`, open);
  }));
  if (!state.session) return;
  const versions = (await call("GET", `sessions/${state.session}/versions`)).items;
  if (versions.length) $("versions").replaceChildren(...versions.map((v) => item(`${v.prompt || "—"} (${v.state || v.status})`)));
}

// what is done

async function follow(job) {
  state.job = job.id;
  state.session = (job.subject || "").replace("session:", "") || state.session;
  $("problem").hidden = $("result").hidden = true;
  $("cancel").disabled = false;
  show(job.stage || job.status, job.progress, job.message);
  for await (const event of events(job.id)) {
    if (state.job !== job.id) return;
    if (event.type === "progress") show(event.data.stage || "working", event.data.progress, event.data.message);
    if (event.type === "job.finished") break;
  }
  const ended = await call("GET", `jobs/${job.id}`);
  $("work").hidden = true;
  if (ended.status === "succeeded") deliver(ended);
  else complain(ended.error || { title: `The job was ${ended.status}.` });
  await lists();
  settled();
}

function settled() {
  $("go").disabled = false;
  $("new").hidden = $("session").hidden = !state.session;
  if (state.session) $("session").textContent = "Goes on from the last version of this session.";
  $("file").disabled = Boolean(state.session);
}

function failed(error) {
  complain(error.problem || { title: "It did not work.", detail: String(error.message || error) });
  settled();
}

async function begin() {
  $("problem").hidden = $("result").hidden = true;
  $("go").disabled = true;
  if (!state.session) {
    const file = $("file").files[0];
    if (!file) throw new Refused({ title: "Choose a clip first." });
    show("Uploading", 0, file.name);
    const asset = await upload(file);
    state.session = (await call("POST", "sessions", { inputs: [asset.id], name: file.name.slice(0, 200) || "clip" })).id;
  }
  await follow(await call("POST", `sessions/${state.session}/edits`, { prompt: $("prompt").value }));
}

$("edit").onsubmit = (e) => { e.preventDefault(); begin().catch(failed); };
$("cancel").onclick = () => {
  $("cancel").disabled = true;
  call("POST", `jobs/${state.job}/cancel`, {}).catch(failed);
};
$("new").onclick = () => {
  state.session = null;
  $("file").value = "";
  $("result").hidden = true;
  settled();
};
$("key").onsubmit = (e) => {
  e.preventDefault();
  sessionStorage.setItem("token", $("token").value);
  $("key").hidden = $("problem").hidden = true;
  lists().catch(failed);
};
lists().catch(failed);
