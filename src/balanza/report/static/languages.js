// The other language shows the same place: the part of the page, or the municipality, after the # of the address.
"use strict";
{
  const follow = () => {
    for (const link of document.querySelectorAll(".languages a")) link.hash = location.hash;
  };
  window.addEventListener("hashchange", follow);
  follow();
}
