// Shows the learner's progress, and asks the guide's own server for it again while it is served.
// Everything is written as text: findings contain what a learner's program wrote.
(function () {
  "use strict";

  var POLL_MS = 2000, POLL_RUNNING_MS = 700;
  var data = window.kafkaLabProgress;
  var base = new URL("../../", document.currentScript.src);
  var live = document.createElement("div");
  var NAMES = { new: "not tried yet", tried: "in progress", passed: "passed" };
  var SIGNS = { passed: "✓", failed: "✗", not_reached: "–", error: "!" };
  var SAID = { passed: "passed", failed: "failed", not_reached: "not reached", error: "the lab broke" };

  function make(tag, kind, text) {
    var node = document.createElement(tag);
    if (kind) node.className = kind;
    if (text !== undefined) node.textContent = text;
    return node;
  }

  function svg(tag, attributes) {
    var node = document.createElementNS("http://www.w3.org/2000/svg", tag);
    Object.keys(attributes).forEach(function (name) { node.setAttribute(name, attributes[name]); });
    return node;
  }

  function when(seconds) {
    return new Date(seconds * 1000).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
  }

  function count(number, word) { return number + " " + word + (number === 1 ? "" : "s"); }

  function badge(one) { return make("span", "kl-state kl-state--" + one.state, NAMES[one.state]); }

  function chart(one) {
    var all = one.attempts, high = 56, wide = 14, gap = 4;
    var width = Math.max(all.length * (wide + gap), 90);
    var last = all[all.length - 1];
    var said = count(one.tries, "attempt") + (one.tries > all.length ? ", the latest " + all.length + " drawn" : "") +
      "; the last earned " + last.earned + " of " + last.points + " points";
    var drawn = svg("svg", { class: "kl-chart", role: "img", "aria-label": said,
      width: width, height: high + 2, viewBox: "0 0 " + width + " " + (high + 2) });
    all.forEach(function (attempt, index) {
      var share = attempt.points ? attempt.earned / attempt.points : 0;
      var tall = Math.max(2, share * high);
      var bar = svg("rect", { x: index * (wide + gap), y: high - tall, width: wide, height: tall, rx: 1,
        class: "kl-" + attempt.outcome + (attempt.whole ? "" : " kl-part") });
      var title = svg("title", {});
      title.textContent = when(attempt.started) + ": " + attempt.earned + " of " + attempt.points +
        " points, " + attempt.language + ", " + SAID[attempt.outcome] + (attempt.whole ? "" : " (some checks only)");
      bar.appendChild(title);
      drawn.appendChild(bar);
    });
    drawn.appendChild(svg("line", { class: "kl-ground", x1: 0, x2: width, y1: high + 1, y2: high + 1 }));
    return drawn;
  }

  function checks(last) {
    var list = make("ul", "kl-checks");
    last.checks.forEach(function (check) {
      var item = make("li");
      var sign = make("span", "kl-sign kl-sign--" + check.outcome, SIGNS[check.outcome]);
      sign.setAttribute("aria-hidden", "true");
      item.appendChild(sign);
      item.appendChild(make("span", "kl-quietly", SAID[check.outcome] + ": "));
      item.appendChild(document.createTextNode(check.title + " "));
      item.appendChild(make("span", "kl-said", "(" + check.earned + " of " + check.points + ")"));
      check.findings.forEach(function (finding) {
        var said = make("p", "kl-finding");
        said.appendChild(make("code", "", finding.code));
        said.appendChild(document.createTextNode(" " + finding.message));
        item.appendChild(said);
      });
      if (check.outcome === "failed" && check.hint) item.appendChild(make("p", "kl-said", "Hint " + check.hint + " helps with it."));
      list.appendChild(item);
    });
    return list;
  }

  function verdict(one, open) {
    var last = one.last, box = make("details");
    box.open = open;
    box.appendChild(make("summary", "", "Last verdict: " + SAID[last.outcome] + ", " + last.earned + " of " +
      last.points + " points, " + when(last.started)));
    box.appendChild(make("p", "kl-said", last.language + ", " + last.backend + " Kafka " + last.kafka + ", " +
      last.seconds.toFixed(1) + " s, seed " + last.seed + (last.whole ? "" : "; only some checks, which does not count")));
    box.appendChild(make("p", "kl-said", "As a picture: kafka-lab report " + last.id + " --open"));
    if (last.error) box.appendChild(make("p", "kl-finding", last.error));
    box.appendChild(checks(last));
    return box;
  }

  function running(one) {
    var now = one.running, box = make("div", "kl-running");
    box.appendChild(make("p", "kl-head", "Checking now (" + now.language + "): " + (now.of ? now.checks.length + " of " + count(now.of, "check") : count(now.checks.length, "check") + " so far")));
    var bar = make("div", "kl-bar"), full = make("div");
    full.style.width = (now.of ? 100 * now.checks.length / now.of : 0) + "%";
    bar.appendChild(full);
    box.appendChild(bar);
    if (now.stage) box.appendChild(make("p", "kl-said", "… " + now.stage));
    var list = make("ul", "kl-checks");
    now.checks.forEach(function (check) {
      var item = make("li"), sign = make("span", "kl-sign kl-sign--" + check.outcome, SIGNS[check.outcome]);
      sign.setAttribute("aria-hidden", "true");
      item.appendChild(sign);
      item.appendChild(make("span", "kl-quietly", SAID[check.outcome] + ": "));
      item.appendChild(document.createTextNode(check.title));
      list.appendChild(item);
    });
    if (now.checks.length) box.appendChild(list);
    return box;
  }

  function words(one, slug) {
    if (one.state === "new") return "Begin with: kafka-lab start " + slug;
    var said = count(one.tries, "attempt") + ", " + one.hints_shown + " of " + count(one.hints, "hint") + " seen";
    if (one.solution_seen && one.state !== "passed") said += ", solution seen";
    if (one.state === "passed") said += ". The reference solution is yours to see: kafka-lab solution " + slug;
    return said + ".";
  }

  function fill(box, one, slug, name, unfold) {
    var opened = box.querySelector("details");
    var open = opened ? opened.open : unfold;
    box.replaceChildren();
    var head = make("p", "kl-head");
    head.appendChild(name);
    head.appendChild(badge(one));
    if (one.best !== null) head.appendChild(make("span", "", one.best + " of " + one.points + " points"));
    box.appendChild(head);
    box.appendChild(make("p", "kl-said", words(one, slug)));
    if (one.running) box.appendChild(running(one));
    if (one.attempts.length) box.appendChild(chart(one));
    if (one.last) box.appendChild(verdict(one, open));
  }

  function overview(box) {
    var links = JSON.parse(box.dataset.klOverview), slugs = Object.keys(data.exercises);
    var passed = slugs.filter(function (slug) { return data.exercises[slug].state === "passed"; }).length;
    if (!box.querySelector(".kl-bar")) {
      box.replaceChildren(make("p", "kl-total"), make("div", "kl-bar"));
      box.lastChild.appendChild(make("div"));
    }
    box.querySelector(".kl-total").textContent = "You have passed " + passed + " of " + count(slugs.length, "exercise") + ".";
    box.querySelector(".kl-bar > div").style.width = (slugs.length ? 100 * passed / slugs.length : 0) + "%";
    slugs.forEach(function (slug) {
      var part = box.querySelector('[data-kl-one="' + slug + '"]');
      if (!part) {
        part = make("section", "kl-one");
        part.dataset.klOne = slug;
        box.appendChild(part);
      }
      var link = make("a", "kl-plain", data.exercises[slug].title);
      if (links[slug]) link.href = links[slug];
      fill(part, data.exercises[slug], slug, link, data.exercises[slug].state === "tried");
    });
  }

  function show() {
    document.querySelectorAll("[data-kl-exercise]").forEach(function (box) {
      var one = data.exercises[box.dataset.klExercise];
      if (!one) return;
      box.hidden = false;
      fill(box, one, box.dataset.klExercise, make("span", "", "Your progress"), false);
    });
    document.querySelectorAll("[data-kl-state]").forEach(function (mark) {
      var one = data.exercises[mark.dataset.klState];
      mark.hidden = !one || one.state === "new";
      if (!one) return;
      mark.className = "kl-state kl-state--" + one.state;
      mark.textContent = one.state === "tried" && one.best !== null ? one.best + " of " + one.points : NAMES[one.state];
    });
    document.querySelectorAll("[data-kl-overview]").forEach(overview);
  }

  function announce(before) {
    Object.keys(data.exercises).forEach(function (slug) {
      var now = data.exercises[slug], then = before.exercises[slug];
      if (now.running && !(then && then.running)) live.textContent = now.title + ": a check has begun";
      if (now.last && (!then || !then.last || then.last.id !== now.last.id)) {
        live.textContent = now.title + ": " + SAID[now.last.outcome] + ", " + now.last.earned + " of " + now.last.points + " points";
      }
    });
  }

  function ask() {
    if (document.hidden) return again();
    fetch(new URL("progress.json", base), { cache: "no-cache" })
      .then(function (answer) { if (!answer.ok) throw new Error(answer.statusText); return answer.json(); })
      .then(function (fresh) {
        live.dataset.klConnected = "yes";
        if (JSON.stringify(fresh) === JSON.stringify(data)) return;
        var before = data;
        data = fresh;
        show();
        announce(before);
      })
      // The server has ended: what is shown stays, and a new one at this address is found.
      .catch(function () { live.dataset.klConnected = "no"; })
      .then(again);
  }

  function again() {
    var runs = Object.keys(data.exercises).some(function (slug) { return data.exercises[slug].running; });
    window.setTimeout(ask, runs ? POLL_RUNNING_MS : POLL_MS);
  }

  function begin() {
    if (!data) return;
    live.className = "kl-quietly";
    live.setAttribute("role", "status");
    (document.querySelector("main") || document.body).appendChild(live);
    show();
    if (data.live) again();
  }

  begin();
})();
