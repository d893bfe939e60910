// Elements, made one by one: nothing here reads markup from text, so nothing that a description says becomes markup.

type Child = Node | string | false | null | undefined;
type Attributes = Record<string, string | boolean | undefined>;

export function h(name: string, attributes: Attributes = {}, ...children: (Child | Child[])[]): HTMLElement {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === true) element.setAttribute(key, '');
    else if (value !== false && value !== undefined) element.setAttribute(key, value);
  }
  for (const child of children.flat()) if (child) element.append(child);
  return element;
}

// Of Markdown what the description uses: **strong**, `code`, and empty lines between paragraphs.
export function inline(text: string): Node[] {
  return text
    .split(/(\*\*[^*]+\*\*|`[^`]+`)/)
    .filter(Boolean)
    .map((piece) => {
      if (piece.startsWith('**')) return h('strong', {}, piece.slice(2, -2));
      if (piece.startsWith('`')) return h('code', {}, piece.slice(1, -1));
      return document.createTextNode(piece);
    });
}

export function paragraphs(text: string): HTMLElement[] {
  return text.split(/\n\n+/).map((paragraph) => h('p', {}, inline(paragraph)));
}

// Keys, texts, and the rest of a JSON value, each in its colour.
function coloured(json: string): Node[] {
  const nodes: Node[] = [];
  let at = 0;
  for (const match of json.matchAll(/("(?:[^"\\]|\\.)*")(\s*:)?|\b(?:true|false|null|-?\d[\d.eE+-]*)\b/g)) {
    const [whole, text, colon] = match;
    nodes.push(document.createTextNode(json.slice(at, match.index)));
    if (text && colon) nodes.push(h('span', { class: 'key' }, text), document.createTextNode(colon));
    else nodes.push(h('span', { class: text ? 'text' : 'value' }, whole));
    at = match.index + whole.length;
  }
  nodes.push(document.createTextNode(json.slice(at)));
  return nodes;
}

const told = h('p', { class: 'unseen', role: 'status' });
export const announcer = told;

async function copy(button: HTMLElement, pre: HTMLElement): Promise<void> {
  try {
    await navigator.clipboard.writeText(pre.textContent ?? '');
    told.textContent = 'Copied';
    button.textContent = 'Copied';
    setTimeout(() => (button.textContent = 'Copy'), 2000);
  } catch {
    // No clipboard without HTTPS: leave it selected, ready to be copied by hand.
    getSelection()?.selectAllChildren(pre);
    told.textContent = 'Selected';
  }
}

// A block of code with a title and a button that copies it.
export function block(title: string, text: string, language: 'json' | 'shell' | 'javascript' | 'plain'): HTMLElement {
  const pre = h('pre', { tabindex: '0' }, language === 'json' ? coloured(text) : text);
  const button = h('button', { type: 'button', 'aria-label': `Copy: ${title}` }, 'Copy');
  button.addEventListener('click', () => void copy(button, pre));
  return h('figure', { class: 'block' }, h('figcaption', {}, h('span', {}, title), button), pre);
}

export function link(to: string, ...children: (Node | string)[]): HTMLElement {
  return h('a', { href: to }, ...children);
}
