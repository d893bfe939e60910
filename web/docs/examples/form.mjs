const url = 'https://api.globogym.example';

// Solve the challenge while the person types: a second or so of computing.
async function solve({ token, bits }, idempotencyKey) {
  const ascii = new TextEncoder();
  for (let nonce = 0; ; nonce += 1) {
    const text = ascii.encode(`${token}.${idempotencyKey}.${nonce}`);
    const hash = new DataView(await crypto.subtle.digest('SHA-256', text));
    if (hash.getUint32(0) < 2 ** (32 - bits)) return `token=${token}, nonce=${nonce}`;
  }
}

async function signUp(application) {
  const idempotencyKey = crypto.randomUUID(); // keep it until the sign-up is accepted
  for (;;) {
    const form = await (await fetch(`${url}/v1/sign-up`)).json();
    const proof = await solve(form.challenge, idempotencyKey);
    await new Promise((done) => setTimeout(done, form.challenge.waitMs));
    const answer = await fetch(`${url}/v1/enrollments`, {
      method: 'POST',
      headers: {
        'X-API-Key': form.key, // or a publishable key of your own
        'Content-Type': 'application/json',
        'Idempotency-Key': idempotencyKey,
        'Sign-Up-Proof': proof,
      },
      body: JSON.stringify(application),
    });
    const said = await answer.json();
    if (answer.status === 202) return { id: said.id, key: form.key };
    const slug = said.type.split('/').pop();
    if (!['proof-expired', 'proof-wrong', 'proof-early'].includes(slug)) throw said; // show said.errors
  }
}

// What happens to it, until it is decided.
async function follow({ id, key }, show) {
  const answer = await fetch(`${url}/v1/enrollments/${id}/events`, { headers: { 'X-API-Key': key } });
  const reader = answer.body.getReader();
  const text = new TextDecoder();
  let read = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    read += text.decode(value, { stream: true });
    const lines = read.split('\n');
    read = lines.pop();
    for (const line of lines) if (line.startsWith('data: ')) show(JSON.parse(line.slice(6)));
  }
}

await follow(
  await signUp({
    firstName: 'Ada',
    lastName: 'Lovelace',
    email: 'ada@example.com',
    dateOfBirth: '1990-12-10',
    homeClubId: 'london-shoreditch',
    plan: 'premium-annual',
  }),
  (enrollment) => console.log(enrollment.status),
);
