#include "console/page.h"

namespace globogym::console {

std::string page_html() {
  return R"html(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>GloboGym Enrollment: console</title>
<link rel="icon" href="/console.svg">
<link rel="stylesheet" href="/console.css">
<script src="/console.js" defer></script>
</head>
<body>
<header>
  <h1>GloboGym Enrollment</h1>
  <p id="link" role="status">connecting …</p>
  <p id="session" hidden><span id="who"></span> <button id="sign-out" type="button">Sign out</button></p>
</header>
<main>
  <section aria-labelledby="totals-title">
    <h2 id="totals-title">Totals</h2>
    <dl id="totals"></dl>
  </section>
  <section aria-labelledby="queues-title">
    <h2 id="queues-title">Queues</h2>
    <div class="wide" tabindex="0" role="group" aria-labelledby="queues-title"><table>
      <thead><tr><th scope="col">Queue</th><th scope="col">State</th><th scope="col" class="number">Ready</th>
        <th scope="col" class="number">Leased</th><th scope="col" class="number">Delayed</th>
        <th scope="col" class="number">Dead letters</th><th scope="col" class="number">Oldest</th>
        <th scope="col">Next attempt</th><th scope="col" class="number">Empty in</th>
        <th scope="col"><span class="unseen">What to do</span></th></tr></thead>
      <tbody id="queues"></tbody>
    </table></div>
    <p id="turned" role="status"></p>
  </section>
  <section aria-labelledby="waiting-title">
    <h2 id="waiting-title">Waiting</h2>
    <p><button id="load-waiting" type="button">Show what waits</button></p>
    <div class="wide" id="waiting-table" tabindex="0" role="group" aria-labelledby="waiting-title" hidden><table>
      <thead><tr><th scope="col">Id</th><th scope="col">State</th><th scope="col" class="number">Attempts</th>
        <th scope="col">Since</th><th scope="col">Due</th><th scope="col">Last error</th>
        <th scope="col"><span class="unseen">What to do</span></th></tr></thead>
      <tbody id="waiting"></tbody>
    </table></div>
    <p id="waiting-outcome" role="status"></p>
    <p><button id="more-waiting" type="button" hidden>Show more</button></p>
  </section>
  <section aria-labelledby="letters-title">
    <h2 id="letters-title">Dead letters</h2>
    <p><button id="replay-all" class="change" type="button">Replay all</button>
      <span id="outcome" role="status"></span></p>
    <div class="wide" tabindex="0" role="group" aria-labelledby="letters-title"><table>
      <thead><tr><th scope="col">Id</th><th scope="col">Reason</th><th scope="col">Last error</th>
        <th scope="col" class="number">Attempts</th><th scope="col">Since</th>
        <th scope="col"><span class="unseen">What to do</span></th></tr></thead>
      <tbody id="letters"></tbody>
    </table></div>
    <p id="no-letters" class="quiet" hidden>There are none.</p>
    <p><button id="more" type="button" hidden>Show more</button></p>
  </section>
  <section aria-labelledby="story-title">
    <h2 id="story-title" tabindex="-1">The story of an enrollment</h2>
    <form id="find">
      <label for="enrollment">Enrollment id</label>
      <input id="enrollment" name="enrollment" autocomplete="off" spellcheck="false" required maxlength="64">
      <button type="submit">Show</button>
    </form>
    <ol id="story" aria-live="polite"></ol>
  </section>
  <section aria-labelledby="usage-title" id="usage" hidden>
    <h2 id="usage-title">Use of the API</h2>
    <p><label for="window">Time</label>
      <select id="window">
        <option value="1m">last minute</option>
        <option value="15m" selected>last 15 minutes</option>
        <option value="24h">last 24 hours</option>
        <option value="life">since the start</option>
      </select> <span id="span" class="quiet"></span></p>
    <h3 id="funnel-title">Sign-ups, from received to completed</h3>
    <table class="funnel" aria-labelledby="funnel-title">
      <thead><tr><th scope="col">Stage</th><th scope="col" class="number">Count</th>
        <th scope="col" class="number">Of received</th><th scope="col"><span class="unseen">Bar</span></th></tr></thead>
      <tbody id="funnel"></tbody>
    </table>
    <h3 id="callers-title">By key</h3>
    <div class="wide" tabindex="0" role="group" aria-labelledby="callers-title"><table>
      <thead><tr><th scope="col">Key</th><th scope="col" class="number">Requests</th>
        <th scope="col" class="number">Sign-ups</th><th scope="col" class="number">Valid</th>
        <th scope="col" class="number">Accepted</th><th scope="col" class="number">4xx</th>
        <th scope="col" class="number">5xx</th><th scope="col" class="number">p50</th>
        <th scope="col" class="number">p99</th><th scope="col" class="number">In</th>
        <th scope="col" class="number">Out</th></tr></thead>
      <tbody id="callers"></tbody>
    </table></div>
    <h3 id="operations-title">By operation</h3>
    <div class="wide" tabindex="0" role="group" aria-labelledby="operations-title"><table>
      <thead><tr><th scope="col">Operation</th><th scope="col" class="number">Requests</th>
        <th scope="col" class="number">2xx</th><th scope="col" class="number">4xx</th>
        <th scope="col" class="number">5xx</th><th scope="col" class="number">p50</th>
        <th scope="col" class="number">p90</th><th scope="col" class="number">p99</th>
        <th scope="col" class="number">p99.9</th></tr></thead>
      <tbody id="operations"></tbody>
    </table></div>
    <h3 id="refused-title">Refused, by reason</h3>
    <table aria-labelledby="refused-title">
      <thead><tr><th scope="col">Reason</th><th scope="col" class="number">Requests</th></tr></thead>
      <tbody id="refused"></tbody>
    </table>
  </section>
</main>
</body>
</html>
)html";
}

}  // namespace globogym::console
