#include "console/page.h"

namespace globogym::console {

std::string page_html() {
  return R"html(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>GloboGym Enrollment: console</title>
<link rel="stylesheet" href="/console.css">
<script src="/console.js" defer></script>
</head>
<body>
<header>
  <h1>GloboGym Enrollment</h1>
  <p id="link" role="status">connecting …</p>
</header>
<main>
  <section aria-labelledby="totals-title">
    <h2 id="totals-title">Totals</h2>
    <dl id="totals"></dl>
  </section>
  <section aria-labelledby="queues-title">
    <h2 id="queues-title">Queues</h2>
    <table>
      <thead><tr><th scope="col">Queue</th><th scope="col">State</th><th scope="col">Ready</th><th scope="col">Leased</th>
        <th scope="col">Delayed</th><th scope="col">Dead letters</th><th scope="col">Oldest</th></tr></thead>
      <tbody id="queues"></tbody>
    </table>
  </section>
  <section aria-labelledby="letters-title">
    <h2 id="letters-title">Dead letters</h2>
    <p><button id="replay-all" type="button">Replay all</button> <span id="outcome" role="status"></span></p>
    <table>
      <thead><tr><th scope="col">Id</th><th scope="col">Reason</th><th scope="col">Last error</th>
        <th scope="col">Attempts</th><th scope="col">Since</th><th scope="col"></th></tr></thead>
      <tbody id="letters"></tbody>
    </table>
    <p><button id="more" type="button" hidden>Show more</button></p>
  </section>
  <section aria-labelledby="story-title">
    <h2 id="story-title">The story of an enrollment</h2>
    <form id="find">
      <label for="enrollment">Enrollment id</label>
      <input id="enrollment" name="enrollment" autocomplete="off" spellcheck="false" required maxlength="64">
      <button type="submit">Show</button>
    </form>
    <ol id="story"></ol>
  </section>
</main>
</body>
</html>
)html";
}

std::string page_script() {
  return R"js('use strict';

const element = (id) => document.getElementById(id);

function cell(row, text, className) {
  const td = document.createElement('td');
  td.textContent = text;
  if (className) td.className = className;
  row.append(td);
  return td;
}

function showTotals(stats, health) {
  const list = element('totals');
  const entries = [['members', stats.members], ...Object.entries(stats.enrollments), ['mails sent', stats.mailsSent]];
  if (health.problem) entries.push(['problem', health.problem]);
  list.replaceChildren(...entries.map(([name, value]) => {
    const box = document.createElement('div');
    const dt = document.createElement('dt');
    const dd = document.createElement('dd');
    dt.textContent = name;
    dd.textContent = typeof value === 'number' ? value.toLocaleString() : value;
    box.append(dt, dd);
    return box;
  }));
}

let deadLetters = -1;

function showQueues(queues) {
  element('queues').replaceChildren(...queues.map((queue) => {
    const row = document.createElement('tr');
    cell(row, queue.name);
    cell(row, queue.state, queue.state === 'running' ? 'good' : 'bad');
    for (const name of ['ready', 'leased', 'delayed', 'deadLettered']) cell(row, queue[name].toLocaleString(), 'number');
    cell(row, queue.oldestSeconds + ' s', 'number');
    return row;
  }));
  const total = queues.reduce((sum, queue) => sum + queue.deadLettered, 0);
  if (total !== deadLetters) {
    deadLetters = total;
    loadLetters('');
  }
}

async function ask(path, body) {
  const request = body === undefined ? {} : {
    method: 'POST',
    headers: {'Content-Type': 'application/json', 'X-Requested-With': 'globogym'},
    body: JSON.stringify(body),
  };
  const response = await fetch(path, request);
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.detail || answer.title || response.statusText);
  return answer;
}

let next = null;

async function loadLetters(after) {
  const answer = await ask('/admin/v1/dead-letters?limit=50&after=' + encodeURIComponent(after));
  const rows = answer.items.map((letter) => {
    const row = document.createElement('tr');
    cell(row, letter.id, 'id');
    cell(row, letter.reason);
    cell(row, letter.error);
    cell(row, letter.attempts, 'number');
    cell(row, letter.deadLetteredAt || '');
    const actions = cell(row, '');
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = 'Replay';
    button.addEventListener('click', () => replay({ids: [letter.id]}, button));
    actions.append(button);
    if (letter.enrollmentId) {
      const story = document.createElement('button');
      story.type = 'button';
      story.textContent = 'Story';
      story.addEventListener('click', () => showStory(letter.enrollmentId));
      actions.append(' ', story);
    }
    return row;
  });
  if (after) element('letters').append(...rows);
  else element('letters').replaceChildren(...rows);
  next = answer.next;
  element('more').hidden = !next;
}

async function replay(selection, button) {
  button.disabled = true;
  let replayed = 0;
  let failed = 0;
  try {
    let step = selection;
    while (step) {
      const answer = await ask('/admin/v1/dead-letters/replay', step);
      replayed += answer.replayed;
      failed += answer.failed.length;
      element('outcome').textContent = replayed + ' replayed' + (failed ? ', ' + failed + ' failed' : '');
      step = answer.next ? {...selection, after: answer.next} : null;
    }
  } catch (error) {
    element('outcome').textContent = error.message;
  } finally {
    button.disabled = false;
    loadLetters('').catch(() => {});
  }
}

async function showStory(id) {
  element('enrollment').value = id;
  const list = element('story');
  try {
    const story = await ask('/admin/v1/enrollments/' + encodeURIComponent(id) + '/timeline');
    list.replaceChildren(...story.events.map((event) => {
      const item = document.createElement('li');
      item.textContent = [event.at, event.event, event.step, event.attempt ? 'attempt ' + event.attempt : '', event.detail]
        .filter(Boolean).join(' · ');
      return item;
    }));
  } catch (error) {
    const item = document.createElement('li');
    item.textContent = error.message;
    list.replaceChildren(item);
  }
  element('story-title').scrollIntoView();
}

element('find').addEventListener('submit', (event) => {
  event.preventDefault();
  showStory(element('enrollment').value.trim());
});
element('more').addEventListener('click', () => next && loadLetters(next));
element('replay-all').addEventListener('click', (event) => {
  if (confirm('Replay every dead letter?')) replay({filter: {}}, event.currentTarget);
});

const live = new EventSource('/admin/v1/events');
live.addEventListener('state', (message) => {
  const state = JSON.parse(message.data);
  element('link').textContent = 'live · version ' + state.health.version;
  showTotals(state.stats, state.health);
  showQueues(state.queues);
});
live.addEventListener('error', () => { element('link').textContent = 'connection lost, trying again …'; });
)js";
}

std::string page_style() {
  return R"css(:root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 20%, transparent); }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 75rem; padding: 1rem; font: 16px/1.5 system-ui, sans-serif; }
header { display: flex; flex-wrap: wrap; align-items: baseline; justify-content: space-between; gap: 1rem; }
h1 { font-size: 1.4rem; margin: 0; }
h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
dl { display: flex; flex-wrap: wrap; gap: .75rem; margin: 0; }
dl div { border: 1px solid var(--line); border-radius: .5rem; padding: .5rem 1rem; }
dt { font-size: .85rem; opacity: .8; }
dd { margin: 0; font-size: 1.4rem; font-variant-numeric: tabular-nums; }
section { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .35rem .75rem .35rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
.number { font-variant-numeric: tabular-nums; }
.id { font-family: ui-monospace, monospace; overflow-wrap: anywhere; }
.good { color: light-dark(#17692f, #7ddc96); }
.bad { color: light-dark(#a51d1d, #ff9b9b); font-weight: 600; }
button, input { font: inherit; padding: .3rem .8rem; min-height: 2rem; }
input { min-width: 20rem; max-width: 100%; }
)css";
}

}  // namespace globogym::console
