#include "console/page.h"

namespace globogym::console {

std::string page_style() {
  return R"css(:root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 20%, transparent); }
html { background: light-dark(#ffffff, #131518); color: light-dark(#16181c, #e9ebee); }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 75rem; padding: 1rem; font: 16px/1.5 system-ui, sans-serif; }
body.narrow { max-width: 34rem; padding-top: 10vh; }
header { display: flex; flex-wrap: wrap; align-items: baseline; justify-content: space-between; gap: .5rem 1rem; }
header p { margin: 0; }
h1 { font-size: 1.4rem; margin: 0; }
h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
h3 { font-size: 1rem; margin: 1.25rem 0 .25rem; }
dl { display: flex; flex-wrap: wrap; gap: .75rem; margin: 0; }
dl div { border: 1px solid var(--line); border-radius: .5rem; padding: .5rem 1rem; }
dt { font-size: .85rem; opacity: .8; }
dd { margin: 0; font-size: 1.4rem; font-variant-numeric: tabular-nums; }
.wide { overflow-x: auto; position: relative; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .35rem .75rem .35rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th.number, td.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td.actions { white-space: nowrap; }
.id { font-family: ui-monospace, monospace; overflow-wrap: anywhere; min-width: 12rem; }
td { min-width: 3rem; }
.quiet { opacity: .8; font-size: .9rem; }
.good { color: light-dark(#17692f, #7ddc96); }
.bad { color: light-dark(#a51d1d, #ff9b9b); font-weight: 600; }
.trouble { padding-left: 1rem; overflow-wrap: anywhere; }
.funnel td:last-child { width: 50%; }
.bar { display: block; height: 1.1rem; min-width: 1px; border-radius: .2rem; background: light-dark(#3a6fb0, #7fb0ee); }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
button, input, select { font: inherit; padding: .3rem .8rem; min-height: 2rem; }
input { min-width: min(20rem, 100%); max-width: 100%; }
#sign-in { display: grid; gap: .5rem; justify-items: start; margin-top: 1.5rem; }
#sign-in input { width: 100%; }
:focus-visible { outline: 3px solid light-dark(#1d5fc4, #9cc3ff); outline-offset: 2px; }
[hidden] { display: none; }
)css";
}

// A dumb-bell.
std::string page_icon() {
  return R"svg(<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#3a6fb0"/><path d="M6 10h4v12H6zM22 10h4v12h-4zM10 14h12v4H10z" fill="#fff"/></svg>
)svg";
}

}  // namespace globogym::console
