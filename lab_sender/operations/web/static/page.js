// The page by itself is whole; this holds its refresh back while a person is busy, and says how old it is.
(function () {
  "use strict";
  var EACH_S = 2, STALE_S = 7;
  var last = Date.now();

  function busy() {
    if (document.hidden) return "paused while you are away";
    var main = document.getElementById("content");
    if (!main) return "";
    if (main.querySelector("input[type=checkbox]:checked:not([data-live])")) return "paused while you select";
    if (main.querySelector("details.act[open], dialog[open]")) return "paused while you write";
    var focus = document.activeElement;
    if (focus && main.contains(focus) && focus.type !== "checkbox" && /^(INPUT|TEXTAREA|SELECT)$/.test(focus.tagName)) return "paused while you write";
    var chosen = window.getSelection && String(window.getSelection());
    if (chosen) return "paused while you select";
    return "";
  }

  function tell() {
    var fresh = document.getElementById("fresh");
    if (!fresh || !document.getElementById("live").hasAttribute("hx-get")) return;
    var paused = busy(), age = Math.round((Date.now() - last) / 1000);
    var stale = age >= STALE_S && !paused;
    var text = paused || (stale ? "not updated for " + age + " s" : "live");
    var kind = "fresh " + (stale ? "stale" : paused ? "paused" : "live");
    if (fresh.textContent !== text) fresh.textContent = text;
    if (fresh.className !== kind) fresh.className = kind;
  }

  document.addEventListener("htmx:beforeRequest", function (event) {
    if (event.target.id === "live" && busy()) event.preventDefault();
  });
  document.addEventListener("htmx:beforeSwap", function (event) {
    // A person may have begun to write or to tick while the answer was on its way.
    if (event.target.id === "live" && busy()) event.preventDefault();
  });
  document.addEventListener("htmx:afterSwap", function () { last = Date.now(); tell(); });
  document.addEventListener("visibilitychange", tell);
  document.addEventListener("change", tell);
  document.addEventListener("focusin", tell);
  document.addEventListener("focusout", function () { setTimeout(tell, 0); });
  document.addEventListener("DOMContentLoaded", tell);
  setInterval(tell, 1000);

  // Of the forms that open in place, only one is open; its first field has the focus.
  document.addEventListener("toggle", function (event) {
    var opened = event.target;
    if (!opened.matches || !opened.matches("details.act")) return;
    if (opened.open) {
      document.querySelectorAll("details.act[open]").forEach(function (each) { if (each !== opened) each.open = false; });
      var field = opened.querySelector("input:not([type=hidden]), textarea");
      if (field) field.focus();
    }
    tell();
  }, true);
  document.addEventListener("keydown", function (event) {
    if (event.key !== "Escape") return;
    document.querySelectorAll("details.act[open]").forEach(function (each) { each.open = false; });
  });
  // Pressed twice is done once; the server holds that too.
  document.addEventListener("submit", function (event) {
    var form = event.target;
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "1";
    setTimeout(function () { delete form.dataset.sent; }, 4000);
  });
})();
