// How many are ticked, and all of a table at once. Without it both are done by hand.
(function () {
  "use strict";
  function boxes(form) { return Array.prototype.slice.call(form.querySelectorAll("input[name=ref]")); }

  function tell(form) {
    var all = boxes(form), ticked = all.filter(function (each) { return each.checked; }).length;
    var said = form.querySelector(".ticked"), head = form.querySelector(".tick-all");
    if (said) said.textContent = ticked + " ticked";
    if (head) { head.checked = ticked > 0 && ticked === all.length; head.indeterminate = ticked > 0 && ticked < all.length; }
  }

  document.addEventListener("change", function (event) {
    var box = event.target, form = box.form;
    if (!form || !form.classList.contains("bulk")) return;
    if (box.classList.contains("tick-all")) boxes(form).forEach(function (each) { each.checked = box.checked; });
    tell(form);
  });
  document.addEventListener("click", function (event) {
    // A press anywhere in the cell of a box ticks it: boxes are small.
    if (event.target.matches && event.target.matches("td.tick")) event.target.querySelector("input").click();
  });
  document.addEventListener("DOMContentLoaded", function () {
    var here = document.querySelector("nav a[aria-current]");
    if (!here) return;
    var bar = here.parentNode, end = here.offsetLeft - bar.offsetLeft + here.offsetWidth;
    if (end > bar.clientWidth - 16) bar.scrollLeft = end - bar.clientWidth + 60;
  });
  window.addEventListener("pageshow", function () { document.querySelectorAll("form.bulk").forEach(tell); });
})();
