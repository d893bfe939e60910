// Sections whose bodies are built after the page is there: it has thousands of elements, and nobody reads them all at once.
//
// A body is built when its section comes near the window, and the rest piece by piece whenever the browser has nothing
// else to do, so that after a moment the search of the browser finds everything. Whoever prints, searches or follows an
// address sooner gets all of it at once.

type Build = () => Node[];

const waiting = new Map<Element, Build>();
const near = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) if (isIntersecting) build(target);
}, { rootMargin: '800px 0px' });

// `section` as it is for now, with what it will get behind it.
export function later(section: HTMLElement, body: Build): HTMLElement {
  waiting.set(section, body);
  near.observe(section);
  return section;
}

export function buildAll(): void {
  for (const section of [...waiting.keys()]) build(section);
}

// To be called once, when the page stands.
export function beginBuilding(): void {
  addEventListener('beforeprint', buildAll);
  document.addEventListener('keydown', (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'f') buildAll();
  });
  whenIdle(next);
}

function next(): void {
  const [section] = waiting.keys();
  if (section) {
    build(section);
    whenIdle(next);
  } else {
    document.documentElement.dataset.complete = '';
  }
}

function build(section: Element): void {
  const body = waiting.get(section);
  if (!body) return;
  waiting.delete(section);
  near.unobserve(section);
  section.append(...body());
}

// Safari has no idle callbacks.
function whenIdle(work: () => void): void {
  if (typeof requestIdleCallback === 'function') requestIdleCallback(work, { timeout: 1000 });
  else setTimeout(work, 50);
}
