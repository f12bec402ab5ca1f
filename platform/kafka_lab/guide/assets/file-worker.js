// Browsers start no worker from a file. This stands in for one, so that the search works when the
// guide is opened as files: the worker's script runs in a hidden frame of the same page.
(function () {
  "use strict";
  if (location.protocol !== "file:") return;

  function FileWorker(address) {
    var own = new EventTarget(), waiting = [], frame = document.createElement("iframe");
    frame.hidden = true;
    frame.title = "search";
    document.body.appendChild(frame);
    var inside = frame.contentWindow;

    function say(target, data) { target.dispatchEvent(new MessageEvent("message", { data: data })); }

    // What the worker answers with postMessage arrives here.
    inside.postMessage = function (data) { say(own, data); };
    own.postMessage = function (data) {
      if (waiting) waiting.push(data);
      else say(inside, data);
    };
    own.terminate = function () { frame.remove(); };
    var script = frame.contentDocument.createElement("script");
    script.src = address;
    script.onload = function () {
      var all = waiting;
      waiting = null;
      all.forEach(function (data) { say(inside, data); });
    };
    script.onerror = function () { own.dispatchEvent(new Event("error")); };
    frame.contentDocument.body.appendChild(script);
    return own;
  }

  window.Worker = FileWorker;
})();
