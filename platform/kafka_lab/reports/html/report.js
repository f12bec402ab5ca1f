(function () {
  "use strict";
  // What an address leads to may be folded away: unfold it, and let the keyboard go on from there.
  function show() {
    var id = decodeURIComponent(location.hash.slice(1));
    var target = id && document.getElementById(id);
    if (!target) return;
    for (var at = target; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
    target.scrollIntoView({ block: "center", inline: "center" });
    if (target.focus) target.focus({ preventScroll: true });
  }
  window.addEventListener("hashchange", show);
  show();
})();
