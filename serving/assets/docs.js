"use strict";
// Draws the page from /openapi.json and sends the form. Text is only ever set as text.

const at = (id) => document.getElementById(id);

function make(tag, text = "", className = "") {
  const element = document.createElement(tag);
  element.textContent = text;
  if (className) element.className = className;
  return element;
}

function table(heads, rows) {
  const whole = make("table"), head = whole.insertRow();
  heads.forEach((text) => head.append(make("th", text)));
  for (const row of rows) {
    const line = whole.insertRow();
    row.forEach((cell) => line.append(make("td", String(cell), typeof cell === "number" ? "number" : "")));
  }
  return whole;
}

const named = (ref) => ref.split("/").pop();

function kind(schema) {
  if (schema.$ref) return named(schema.$ref);
  if (schema.anyOf) return schema.anyOf.map(kind).filter((k) => k !== "null").join(" or ");
  if (schema.enum) return schema.enum.map((v) => JSON.stringify(v)).join(" or ");
  if (schema.type === "array") return `list of ${kind(schema.items)}`;
  if (schema.type === "object" && schema.additionalProperties) return `name → ${kind(schema.additionalProperties)}`;
  return schema.type || "any";
}

function drawShapes(schemas) {
  for (const [name, schema] of Object.entries(schemas)) {
    const needed = new Set(schema.required || []);
    at("shapes").append(make("h3", name), make("p", schema.description || ""));
    at("shapes").append(table(["field", "type", "needed", "meaning"],
      Object.entries(schema.properties || {}).map(([field, s]) =>
        [field, kind(s), needed.has(field) ? "yes" : "", s.description || ""])));
  }
}

function drawPaths(paths) {
  for (const [path, methods] of Object.entries(paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const title = make("h3");
      title.append(make("span", method.toUpperCase() + " ", "method"), make("code", path));
      const refused = Object.keys(operation.responses).filter((status) => status >= "400").join(", ");
      at("paths").append(title, make("p", `${operation.summary}. ${operation.description || ""}`));
      at("paths").append(make("p", `May be refused with ${refused}.`, "soft"));
    }
  }
}

function compact(text) {
  try { return JSON.stringify(JSON.parse(text)); } catch { return text; }
}

function drawCurl() {
  const body = compact(at("body").value).replaceAll("'", "'\\''");
  at("curl").textContent =
    `curl ${location.origin}/v1/forecasts \\\n  -H "Authorization: Bearer $QUDAO_KEY" \\\n` +
    `  -H "Content-Type: application/json" \\\n  -d '${body}'`;
}

function drawForecasts(answer) {
  const names = Object.keys(answer.forecasts[0].periods[0].quantiles);
  const rows = answer.forecasts.flatMap((f) => f.periods.map((p) =>
    [f.unique_id, p.period, p.mean, ...names.map((q) => p.quantiles[q]), f.note]));
  at("outcome").replaceChildren(
    make("p", `${answer.model.name} ${answer.model.version}, as of ${answer.as_of}, in ${answer.unit}`),
    table(["series", "period", "mean", ...names, "note"], rows));
}

function drawProblem(problem) {
  const box = make("div", "", "refused");
  box.append(make("p", `${problem.status} ${problem.title}: ${problem.detail}`), make("p", problem.next_step));
  at("outcome").replaceChildren(box);
}

async function send(event) {
  event.preventDefault();
  const headers = { "Content-Type": "application/json", Authorization: `Bearer ${at("key").value}` };
  const response = await fetch("/v1/forecasts", { method: "POST", headers, body: at("body").value });
  const answer = await response.json();
  (response.ok ? drawForecasts : drawProblem)(answer);
}

function offerExamples(examples) {
  const show = () => {
    at("body").value = JSON.stringify(examples[at("example").value].value, null, 1);
    drawCurl();
  };
  Object.keys(examples).forEach((name) => at("example").append(make("option", name)));
  at("example").addEventListener("change", show);
  show();
}

async function start() {
  const spec = await (await fetch("/openapi.json")).json();
  at("version").textContent = spec.info.version;
  at("about").textContent = spec.info.description;
  offerExamples(spec.paths["/v1/forecasts"].post.requestBody.content["application/json"].examples);
  drawPaths(spec.paths);
  drawShapes(spec.components.schemas);
  at("body").addEventListener("input", drawCurl);
  at("form").addEventListener("submit", send);
  if (location.hash) at(location.hash.slice(1))?.scrollIntoView();
}

start();
