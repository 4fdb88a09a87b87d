// Sends the forms of a page to the agent: what a button does, and what came of it, beside it.
"use strict";

(() => {
  const RELOAD_MS = 1500;      // long enough to read that it was done
  const csrf = document.querySelector("form.who").dataset.csrf;
  const failed = document.getElementById("live").dataset.failed;

  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);

  function body(form) {
    const values = Object.fromEntries(new FormData(form));
    if (form.dataset.type) { values.type = form.dataset.type; }
    return Object.keys(values).length ? JSON.stringify(values) : undefined;
  }

  async function send(form) {
    const content = body(form);
    const headers = { "X-CSRF-Token": csrf, Accept: "application/json" };
    if (content !== undefined) { headers["Content-Type"] = "application/json"; }
    const answer = await fetch(form.dataset.post, { method: "POST", headers, body: content });
    if (answer.status === 401) { location.assign("/login"); }
    return { ok: answer.ok, values: await answer.json() };
  }

  const said = (problem) => {
    const first = problem.errors && problem.errors[0] ? problem.errors[0].message : problem.detail;
    return [problem.title, first].filter((text) => text).join(". ");
  };

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.dataset.post) { return; }
    event.preventDefault();
    const button = form.querySelector("button");
    const result = form.querySelector(".result");
    button.disabled = true;
    form.dataset.working = "1";
    result.className = "result";
    result.textContent = form.dataset.busy ?? "";
    send(form).then(({ ok, values }) => {
      const good = ok && values.ok !== false;
      result.classList.add(good ? "good" : "bad");
      const refused = (values.refused ?? []).map((each) => `${each.file}: ${each.code}`).join(", ");
      result.textContent = ok ? fill(result.dataset.done, values) : said(values);
      if (refused) { result.textContent += ` ${refused}`; }
      if (good && form.dataset.again) { setTimeout(() => location.reload(), RELOAD_MS); }
    }).catch(() => {
      result.classList.add("bad");
      result.textContent = failed;
    }).finally(() => {
      button.disabled = false;
      delete form.dataset.working;
    });
  });
})();
