// Tables of a page: what can be scrolled can be reached by keyboard, and csv comes from the page itself, so that it
// works where the page stands alone. Without this script the links lead to the files beside the page.
"use strict";
{
  const texts = JSON.parse(document.getElementById("tables")?.textContent ?? "{}");
  for (const link of document.querySelectorAll("a[data-table]")) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      save(new Blob([texts[link.dataset.table]], { type: "text/csv;charset=utf-8" }), link.download);
    });
  }

  const boxes = document.querySelectorAll(".scroll, figure, pre");
  const reach = () => {
    for (const box of boxes) {
      if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
      else box.removeAttribute("tabindex");
    }
  };
  new ResizeObserver(reach).observe(document.body);
}
