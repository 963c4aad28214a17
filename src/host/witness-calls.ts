/** Calls a witness over HTTP: one request, one answer, each with its bound. */
import { readText } from './head-places.ts'

const answerMs = 5_000

/** Posts to `<url>/add-checkpoint`. Throws where there is no whole answer in time. */
export function witnessCalls(url: string): (body: string) => Promise<{ readonly status: number; readonly body: string }> {
  const target = new URL(`${url.replace(/\/+$/, '')}/add-checkpoint`)
  return async (body) => {
    const answer = await fetch(target, {
      method: 'POST',
      body,
      headers: { 'content-type': 'text/plain; charset=utf-8' },
      // A witness that sends us elsewhere is not the one whose address we were given.
      redirect: 'error',
      signal: AbortSignal.timeout(answerMs),
    })
    return { status: answer.status, body: await readText(answer) }
  }
}
