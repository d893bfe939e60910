// "Did you mean gmail.com?": mail domains that many people have, and how they are mistyped. A question and never a
// refusal, answered here: no address is sent anywhere for it.
const common = [
  'gmail.com', 'googlemail.com', 'outlook.com', 'outlook.de', 'outlook.fr', 'outlook.es', 'hotmail.com', 'hotmail.co.uk', 'hotmail.de',
  'hotmail.fr', 'hotmail.es', 'hotmail.it', 'live.com', 'live.co.uk', 'live.de', 'live.fr', 'msn.com', 'yahoo.com', 'yahoo.co.uk', 'yahoo.de',
  'yahoo.fr', 'yahoo.es', 'ymail.com', 'icloud.com', 'me.com', 'mac.com', 'aol.com', 'aol.de', 'proton.me', 'protonmail.com', 'mail.com', 'email.com',
  'btinternet.com', 'sky.com', 'talktalk.net', 'virginmedia.com', 'comcast.net', 'verizon.net', 'att.net', 'sbcglobal.net', 'cox.net', 'gmx.de',
  'gmx.net', 'gmx.com', 'gmx.at', 'gmx.ch', 'web.de', 't-online.de', 'freenet.de', 'mail.de', 'posteo.de', 'mailbox.org', 'orange.fr', 'wanadoo.fr',
  'free.fr', 'sfr.fr', 'laposte.net', 'bbox.fr', 'neuf.fr', 'telefonica.net', 'movistar.es', 'orange.es', 'bluewin.ch', 'zoho.com', 'fastmail.com',
];

// The address with the domain that was most likely meant; undefined when there is nothing to ask.
export function suggestion(address: string): string | undefined {
  const at = address.trim().lastIndexOf('@');
  const local = address.trim().slice(0, at), domain = address.trim().slice(at + 1).toLowerCase();
  if (at < 1 || domain.length < 4 || domain.length > 40 || common.includes(domain)) return undefined;
  let best: string | undefined, fewest = Infinity;
  for (const known of common) {
    const slips = distance(domain, known);
    // Short names are near each other by chance.
    if (slips > (known.length < 8 ? 1 : 2) || slips >= fewest) continue;
    // "mine.com" is nobody's "live.com": a whole other word is no slip. The first letter is mostly right.
    if (slips > 1 && domain[0] !== known[0]) continue;
    best = known;
    fewest = slips;
  }
  return best === undefined ? undefined : `${local}@${best}`;
}

// Letters to put in, take out, change, or swap with their neighbour (Damerau and Levenshtein, neighbours only).
function distance(a: string, b: string): number {
  let before: number[] = [], row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, change);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) next[j] = Math.min(next[j]!, before[j - 2]! + 1);
    }
    before = row;
    row = next;
  }
  return row[b.length]!;
}
