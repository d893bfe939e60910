#include "console/page.h"

namespace globogym::console {

std::string sign_in_html() {
  return R"html(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>GloboGym Enrollment: sign in to the console</title>
<link rel="icon" href="/console.svg">
<link rel="stylesheet" href="/console.css">
<script src="/sign-in.js" defer></script>
</head>
<body class="narrow">
<main>
  <h1>GloboGym Enrollment</h1>
  <p>The console is for operators. Paste an API key with the scope <code>ops:read</code>, or <code>ops:write</code> to
    change something.</p>
  <form id="sign-in">
    <label for="key">API key</label>
    <input id="key" name="key" type="password" autocomplete="current-password" spellcheck="false" required
      maxlength="200" autofocus>
    <button id="send" type="submit">Sign in</button>
  </form>
  <p id="outcome" class="bad" role="alert"></p>
  <p class="quiet">A session ends after half an hour without use, after twelve hours, when you sign out, or when the key
    is revoked. The key is not kept in the browser.</p>
  <noscript><p>Signing in needs JavaScript. Everything here can also be asked for with <code>X-API-Key</code>.</p></noscript>
</main>
</body>
</html>
)html";
}

std::string sign_in_script() {
  return R"js('use strict';

const element = (id) => document.getElementById(id);

// Whoever follows a link from elsewhere comes without the cookie, which is for requests of our own pages only. If there
// is a session after all, asking once more from here shows the console.
async function look() {
  const response = await fetch('/admin/v1/session', {headers: {'X-Globogym-Background': '1'}});
  if (!response.ok || sessionStorage.getItem('tried')) return;
  sessionStorage.setItem('tried', '1');
  location.reload();
}

element('sign-in').addEventListener('submit', async (event) => {
  event.preventDefault();
  element('send').disabled = true;
  element('outcome').textContent = '';
  try {
    const response = await fetch('/admin/v1/session', {
      method: 'POST',
      headers: {'Content-Type': 'application/json', 'X-Requested-With': 'globogym'},
      body: JSON.stringify({key: element('key').value.trim()}),
    });
    if (response.ok) {
      sessionStorage.removeItem('tried');
      location.replace('/');
      return;
    }
    const answer = await response.json();
    const wait = response.headers.get('Retry-After');
    element('outcome').textContent = answer.detail + (wait ? ' Try again in ' + wait + ' s.' : '');
  } catch {
    element('outcome').textContent = 'The console does not answer. Try again.';
  }
  element('send').disabled = false;
  element('key').select();
});

look().catch(() => {});
)js";
}

}  // namespace globogym::console
