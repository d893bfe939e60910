const url = 'https://api.globogym.example';
const key = 'ggk_your_key';

// Store the idempotency key with the lead before the first attempt. Whatever
// happens then, sending the same again makes one enrollment, never two.
async function signUp(application, idempotencyKey) {
  const body = JSON.stringify(application);
  for (let attempt = 1; ; attempt += 1) {
    let seconds = Math.min(60, 2 ** attempt) * Math.random();
    let answer;
    try {
      answer = await fetch(`${url}/v1/enrollments`, {
        method: 'POST',
        headers: {
          'X-API-Key': key,
          'Content-Type': 'application/json',
          'Idempotency-Key': idempotencyKey,
        },
        body,
        signal: AbortSignal.timeout(10_000),
      });
    } catch (lost) {
      if (attempt === 8) throw lost; // still safe to send again later
    }
    if (answer?.status === 202) return answer.json();
    if (answer) {
      const problem = await answer.json();
      const again = answer.status >= 500 || [408, 429].includes(answer.status);
      // Not to be sent again as it is: problem.errors says what to correct.
      if (!again || attempt === 8) throw Object.assign(new Error(problem.detail), { problem });
      seconds = Number(answer.headers.get('Retry-After')) || seconds;
    }
    await new Promise((done) => setTimeout(done, seconds * 1000));
  }
}

const accepted = await signUp(
  {
    firstName: 'Ada',
    lastName: 'Lovelace',
    email: 'ada@example.com',
    dateOfBirth: '1990-12-10',
    homeClubId: 'london-shoreditch',
    plan: 'premium-annual',
  },
  'crm-lead-4711',
);
console.log(accepted.id);
