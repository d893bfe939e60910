#include "console/page.h"

namespace globogym::console {

std::string page_script() {
  return R"js('use strict';

const element = (id) => document.getElementById(id);
let mayChange = true;

function cell(row, text, className) {
  const td = document.createElement('td');
  td.textContent = text;
  if (className) td.className = className;
  row.append(td);
  return td;
}

function button(text, className, act) {
  const made = document.createElement('button');
  made.type = 'button';
  made.textContent = text;
  made.className = className;
  if (className === 'change') made.disabled = !mayChange;
  made.addEventListener('click', () => act(made));
  return made;
}

// ---- asking --------------------------------------------------------------------------------------------------------

// What is asked for by the page itself, not by a person, does not keep a session alive.
const background = {headers: {'X-Globogym-Background': '1'}};

async function ask(path, options) {
  const response = await fetch(path, options);
  if (response.status === 401) {
    location.replace('/');
    throw new Error('the session is over');
  }
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.detail || answer.title || response.statusText);
  return answer;
}

const change = (method, path, body) => ask(path, {
  method,
  headers: {'Content-Type': 'application/json', 'X-Requested-With': 'globogym'},
  body: body === undefined ? undefined : JSON.stringify(body),
});

// ---- the session ---------------------------------------------------------------------------------------------------

async function showSession() {
  const session = await ask('/admin/v1/session', background);
  if (!session.required) return;
  mayChange = session.mayChange;
  element('who').textContent = session.name + (mayChange ? '' : ' (may only look)');
  element('session').hidden = false;
  element('sign-out').hidden = !session.signedIn;
  for (const one of document.querySelectorAll('button.change')) one.disabled = !mayChange;
  let told = Date.now();
  const present = () => {
    if (Date.now() < told + 60000) return;
    told = Date.now();
    ask('/admin/v1/session').catch(() => {});
  };
  addEventListener('pointerdown', present);
  addEventListener('keydown', present);
}

element('sign-out').addEventListener('click', async () => {
  await change('DELETE', '/admin/v1/session').catch(() => {});
  location.replace('/');
});

// ---- totals and queues ---------------------------------------------------------------------------------------------

function showTotals(stats, health) {
  const entries = [['members', stats.members], ...Object.entries(stats.enrollments), ['mails sent', stats.mailsSent]];
  if (health.problem) entries.push(['problem', health.problem]);
  element('totals').replaceChildren(...entries.map(([name, value]) => {
    const box = document.createElement('div');
    const dt = document.createElement('dt');
    const dd = document.createElement('dd');
    dt.textContent = name;
    dd.textContent = typeof value === 'number' ? value.toLocaleString() : value;
    box.append(dt, dd);
    return box;
  }));
}

// 95 s, 12 min, 3.5 h, 4 days
function lasting(seconds) {
  if (seconds < 120) return seconds + ' s';
  if (seconds < 7200) return Math.round(seconds / 60) + ' min';
  return seconds < 172800 ? (seconds / 3600).toFixed(1) + ' h' : Math.round(seconds / 86400) + ' days';
}

const at = (time) => time.replace('T', ' ').replace(/(\.\d+)?Z$/, ' UTC');

let deadLetters = -1;

// Brought up to date in place: what has the focus keeps it.
const queueRows = new Map();

function queueRow(name) {
  if (queueRows.has(name)) return queueRows.get(name);
  const row = document.createElement('tr');
  const cells = {};
  for (const part of ['name', 'state']) cells[part] = cell(row, '');
  for (const part of ['ready', 'leased', 'delayed', 'deadLettered', 'oldest']) cells[part] = cell(row, '', 'number');
  cells.next = cell(row, '');
  cells.drain = cell(row, '', 'number');
  cells.name.textContent = name;
  const turn = button('', 'change', async () => {
    const verb = turn.textContent === 'Pause' ? 'pause' : 'resume';
    try {
      const queue = await change('POST', '/admin/v1/queues/' + encodeURIComponent(name) + '/' + verb);
      element('turned').textContent = name + ' is ' + queue.state;
    } catch (error) {
      element('turned').textContent = error.message;
    }
  });
  turn.setAttribute('aria-describedby', 'queue-' + name);
  cells.name.id = 'queue-' + name;
  cell(row, '', 'actions').append(turn);
  // What is wrong with it, in a row of its own.
  const trouble = document.createElement('tr');
  cells.trouble = cell(trouble, '', 'trouble');
  cells.trouble.colSpan = row.children.length;
  trouble.hidden = true;
  element('queues').append(row, trouble);
  queueRows.set(name, {cells, turn, trouble});
  return queueRows.get(name);
}

function showQueues(queues) {
  for (const queue of queues) {
    const {cells, turn, trouble} = queueRow(queue.name);
    cells.state.textContent = queue.state;
    cells.state.className = queue.state === 'running' ? 'good' : 'bad';
    for (const part of ['ready', 'leased', 'delayed', 'deadLettered'])
      cells[part].textContent = queue[part].toLocaleString();
    cells.oldest.textContent = lasting(queue.oldestSeconds);
    cells.next.textContent = queue.nextAttemptAt ? at(queue.nextAttemptAt) : '–';
    cells.drain.textContent = queue.drainSeconds === null ? '–' : lasting(queue.drainSeconds);
    trouble.hidden = !queue.blockedSince;
    if (queue.blockedSince) {
      cells.trouble.textContent = queue.name + ': nothing got through since ' + at(queue.blockedSince) +
        (queue.lastError ? '. Last error, ' + at(queue.lastErrorAt) + ': ' + queue.lastError : '');
    }
    turn.textContent = queue.state === 'paused' ? 'Resume' : 'Pause';
  }
  const total = queues.reduce((sum, queue) => sum + queue.deadLettered, 0);
  if (total !== deadLetters) {
    deadLetters = total;
    loadLetters('').catch(() => {});
  }
}

// ---- what waits ----------------------------------------------------------------------------------------------------

let nextWaiting = null;

async function loadWaiting(after) {
  const answer = await ask('/admin/v1/waiting?limit=50&after=' + encodeURIComponent(after));
  const rows = answer.items.map((message) => {
    const row = document.createElement('tr');
    cell(row, message.id, 'id');
    cell(row, message.state);
    cell(row, message.attempts, 'number');
    cell(row, at(message.enqueuedAt));
    cell(row, message.dueAt ? at(message.dueAt) : '–');
    cell(row, message.lastError || '');
    const actions = cell(row, '', 'actions');
    if (message.enrollmentId) {
      actions.append(button('Try now', 'change', (made) => retryNow(message.enrollmentId, made)));
      actions.append(' ', button('Story', '', () => showStory(message.enrollmentId)));
    }
    return row;
  });
  if (after) element('waiting').append(...rows);
  else element('waiting').replaceChildren(...rows);
  const none = element('waiting').children.length === 0;
  element('waiting-table').hidden = none;
  if (!after) element('waiting-outcome').textContent = none ? 'Nothing waits.' : '';
  nextWaiting = answer.next;
  element('more-waiting').hidden = !nextWaiting;
}

async function retryNow(id, pressed) {
  pressed.disabled = true;
  try {
    const answer = await change('POST', '/admin/v1/enrollments/' + encodeURIComponent(id) + '/retry-now', {});
    element('waiting-outcome').textContent = id + ': ' + answer.detail;
  } catch (error) {
    element('waiting-outcome').textContent = id + ': ' + error.message;
  } finally {
    pressed.disabled = !mayChange;
  }
}

const tellWaiting = (error) => {
  element('waiting-outcome').textContent = error.message;
};
element('load-waiting').addEventListener('click', () => loadWaiting('').catch(tellWaiting));
element('more-waiting').addEventListener('click', () => nextWaiting && loadWaiting(nextWaiting).catch(tellWaiting));

// ---- dead letters --------------------------------------------------------------------------------------------------

let next = null;

async function loadLetters(after) {
  const answer = await ask('/admin/v1/dead-letters?limit=50&after=' + encodeURIComponent(after), background);
  const rows = answer.items.map((letter) => {
    const row = document.createElement('tr');
    cell(row, letter.id, 'id');
    cell(row, letter.reason);
    cell(row, letter.error);
    cell(row, letter.attempts, 'number');
    cell(row, letter.deadLetteredAt || '');
    const actions = cell(row, '', 'actions');
    const one = {ids: [letter.id]};
    actions.append(button('Replay', 'change', (made) => act('replay', one, made)));
    actions.append(' ', button('Discard', 'change', (made) => {
      if (confirm('Discard ' + letter.id + '? What it was to do is never done.')) act('discard', one, made);
    }));
    if (letter.enrollmentId) actions.append(' ', button('Story', '', () => showStory(letter.enrollmentId)));
    return row;
  });
  if (after) element('letters').append(...rows);
  else element('letters').replaceChildren(...rows);
  element('no-letters').hidden = element('letters').children.length > 0;
  next = answer.next;
  element('more').hidden = !next;
}

async function act(verb, selection, pressed) {
  const done = verb + 'ed';
  pressed.disabled = true;
  let count = 0;
  let failed = 0;
  try {
    let step = selection;
    while (step) {
      const answer = await change('POST', '/admin/v1/dead-letters/' + verb, step);
      count += answer[done];
      failed += answer.failed.length;
      element('outcome').textContent = count + ' ' + done + (failed ? ', ' + failed + ' failed' : '');
      step = answer.next ? {...selection, after: answer.next} : null;
    }
  } catch (error) {
    element('outcome').textContent = error.message;
  } finally {
    pressed.disabled = !mayChange;
    loadLetters('').catch(() => {});
  }
}

async function showStory(id) {
  element('enrollment').value = id;
  const list = element('story');
  const line = (text) => {
    const item = document.createElement('li');
    item.textContent = text;
    return item;
  };
  try {
    const story = await ask('/admin/v1/enrollments/' + encodeURIComponent(id) + '/timeline');
    list.replaceChildren(...story.events.map((event) => line(
      [event.at, event.event, event.by ? 'by ' + event.by : '', event.step,
        event.attempt ? 'attempt ' + event.attempt : '', event.detail]
        .filter(Boolean).join(' · '))));
  } catch (error) {
    list.replaceChildren(line(error.message));
  }
  element('story-title').scrollIntoView();
  element('story-title').focus();
}

element('find').addEventListener('submit', (event) => {
  event.preventDefault();
  showStory(element('enrollment').value.trim());
});
element('more').addEventListener('click', () => next && loadLetters(next));
element('replay-all').addEventListener('click', (event) => {
  if (confirm('Replay every dead letter?')) act('replay', {filter: {}}, event.currentTarget);
});

// ---- use of the API ------------------------------------------------------------------------------------------------

const time = (ms) => ms === 0 ? '–' : ms < 10 ? ms.toFixed(2) + ' ms' : ms < 10000 ? ms.toFixed(0) + ' ms'
  : (ms / 1000).toFixed(0) + ' s';

function size(bytes) {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let unit = 0;
  while (bytes >= 1000 && unit < units.length - 1) {
    bytes /= 1000;
    unit += 1;
  }
  return (unit && bytes < 10 ? bytes.toFixed(1) : Math.round(bytes)) + ' ' + units[unit];
}

const rows = (id, items, fill) => element(id).replaceChildren(...items.map((item) => {
  const row = document.createElement('tr');
  fill(row, item);
  return row;
}));

const outcome = (of, name) => (of.outcomes[name] || 0).toLocaleString();

function showUsage(usage) {
  const seconds = Math.max(0, Math.round((Date.parse(usage.until) - Date.parse(usage.from)) / 1000));
  element('span').textContent = 'counted over ' + (seconds < 120 ? seconds + ' s' : Math.round(seconds / 60) + ' min');
  const stages = ['received', 'valid', 'accepted', 'completed', 'rejected'];
  rows('funnel', [...stages, 'parked', 'pending', 'repeated'], (row, stage) => {
    const count = usage.funnel[stage];
    const now = stage === 'parked' || stage === 'pending';
    cell(row, stage + (now ? ' (now)' : ''));
    cell(row, count.toLocaleString(), 'number');
    const share = usage.funnel.received && !now ? count / usage.funnel.received : null;
    cell(row, share === null ? '–' : (100 * share).toFixed(share > 0 && share < 0.1 ? 1 : 0) + ' %', 'number');
    const bar = document.createElement('span');
    bar.className = 'bar';
    bar.style.width = Math.min(100, 100 * (share || 0)) + '%';
    bar.hidden = !share;
    cell(row, '').append(bar);
  });
  rows('callers', usage.callers, (row, caller) => {
    cell(row, caller.name ? caller.name + ' (' + caller.caller + ')' : caller.caller);
    for (const count of [caller.requests, caller.funnel.received, caller.funnel.valid, caller.funnel.accepted])
      cell(row, count.toLocaleString(), 'number');
    for (const name of ['4xx', '5xx']) cell(row, outcome(caller, name), 'number');
    for (const name of ['p50', 'p99']) cell(row, time(caller.latencyMs[name]), 'number');
    cell(row, size(caller.bytesIn), 'number');
    cell(row, size(caller.bytesOut), 'number');
  });
  rows('operations', usage.operations, (row, operation) => {
    cell(row, operation.operation);
    cell(row, operation.requests.toLocaleString(), 'number');
    for (const name of ['2xx', '4xx', '5xx']) cell(row, outcome(operation, name), 'number');
    for (const name of ['p50', 'p90', 'p99', 'p999']) cell(row, time(operation.latencyMs[name]), 'number');
  });
  rows('refused', Object.entries(usage.all.refused).sort((a, b) => b[1] - a[1]), (row, [reason, count]) => {
    cell(row, reason);
    cell(row, count.toLocaleString(), 'number');
  });
  element('usage').hidden = false;
}

async function loadUsage() {
  showUsage(await ask('/admin/v1/analytics?window=' + element('window').value, background));
}

element('window').addEventListener('change', () => loadUsage().catch(() => {}));

// ---- live ----------------------------------------------------------------------------------------------------------

let states = 0;
const live = new EventSource('/admin/v1/events');
live.addEventListener('state', (message) => {
  const state = JSON.parse(message.data);
  element('link').textContent = 'live · version ' + state.health.version;
  showTotals(state.stats, state.health);
  showQueues(state.queues);
  if (states++ % 5 === 0) loadUsage().catch(() => {});
});
live.addEventListener('error', () => {
  element('link').textContent = 'connection lost, trying again …';
  // Refused, which is for good: the session has ended.
  if (live.readyState === EventSource.CLOSED) location.replace('/');
});

showSession().catch(() => {});
)js";
}

}  // namespace globogym::console
