/** Many questions at once, and searches: the same for whoever answers, in slices, so that whatever else waits has its turn. */
import type { Refusal } from '../kernel/refusals.ts'
import { describeRefusal, refusals } from '../kernel/refusals.ts'
import type { Result } from '../kernel/result.ts'
import type { AccessAnswer, AccessFound, AccessPoint, AccessQuestion, AccessSearch, EvaluationSemantic } from '../model/access.ts'
import type { Clock } from './ports.ts'
import { Slices } from './slices.ts'

/** Candidates that one answer of a search looks at: the next page goes on from there. */
export const candidatesMax = 50_000
type Waiting = Pick<Clock, 'now' | 'after' | 'turn'>

/** What is answered to a question that could not be asked: no, and why (AuthZEN 1.0, errors in individual evaluations). */
export function answerError(refusal: Refusal): AccessAnswer {
  const { status } = refusals[refusal.code]
  return { decision: false, context: { error: { status: status < 500 ? 400 : 500, message: describeRefusal(refusal) } } }
}

/** Each in the order given; with the two short semantics nothing after the one that settles it. A fault of ours is a no. */
export async function evaluateMany(
  point: AccessPoint,
  questions: readonly Result<AccessQuestion>[],
  semantic: EvaluationSemantic,
  { clock, fault }: { readonly clock: Waiting; readonly fault: (cause: unknown) => Refusal },
): Promise<readonly AccessAnswer[]> {
  const slices = new Slices(clock)
  const answers: AccessAnswer[] = []
  for (const question of questions) {
    if (slices.isOver) await slices.pause()
    const answer = answerOne(point, question, fault)
    answers.push(answer)
    if (semantic === 'deny_on_first_deny' && !answer.decision) break
    if (semantic === 'permit_on_first_permit' && answer.decision) break
  }
  return answers
}

function answerOne(point: AccessPoint, question: Result<AccessQuestion>, fault: (cause: unknown) => Refusal): AccessAnswer {
  if (!question.ok) return answerError(question.refusal)
  try {
    return point.evaluate(question.value)
  } catch (cause) {
    return answerError(fault(cause))
  }
}

/** Those that would get a yes if they were asked for one by one. What is found now may be otherwise a moment later. */
export async function searchAccess(point: AccessPoint, search: AccessSearch, clock: Waiting): Promise<AccessFound> {
  const slices = new Slices(clock)
  const candidates = await point.candidates(search, slices)
  const found: AccessFound['found'][number][] = []
  const first = search.after === undefined ? 0 : firstAfter(candidates, search.after)
  const end = Math.min(candidates.length, first + candidatesMax)
  let place = first
  for (; place < end && found.length < search.limit; place += 1) {
    if (slices.isOver) await slices.pause()
    const id = candidates[place] ?? ''
    const { decision, context } = point.evaluate(filled(search, id))
    const obligations = context?.['obligations']
    if (decision) found.push(obligations === undefined ? { id } : { id, context: { obligations } })
  }
  return { found, isAll: place >= candidates.length, last: place === first ? search.after : candidates[place - 1] }
}

function filled({ looksFor, question: asked }: AccessSearch, id: string): AccessQuestion {
  const question: AccessQuestion = { ...asked, isBrief: true }
  switch (looksFor) {
    case 'subject':
      return { ...question, subject: { ...question.subject, id } }
    case 'resource':
      return { ...question, resource: { ...question.resource, id } }
    case 'action':
      return { ...question, action: { name: id } }
  }
}

/** The place of the first that is greater, by code unit. */
function firstAfter(sorted: readonly string[], after: string): number {
  let [low, high] = [0, sorted.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((sorted[middle] ?? '') > after) high = middle
    else low = middle + 1
  }
  return low
}

/** Sorted by code unit, each once: the order that a page token goes on in. For few of them. */
export function inOrder(ids: Iterable<string>): readonly string[] {
  return [...new Set(ids)].sort()
}

const sortedAtOnce = 2_048

/** The same of many that are all different: runs sorted one by one, then merged. */
export async function inOrderInSlices(ids: readonly string[], slices: { pause(): Promise<void> }): Promise<readonly string[]> {
  let runs: (readonly string[])[] = []
  for (let place = 0; place < ids.length; place += sortedAtOnce) {
    runs.push(ids.slice(place, place + sortedAtOnce).sort())
    await slices.pause()
  }
  while (runs.length > 1) {
    const merged: (readonly string[])[] = []
    for (let place = 0; place < runs.length; place += 2) merged.push(await merge(runs[place] ?? [], runs[place + 1] ?? [], slices))
    runs = merged
  }
  return runs[0] ?? []
}

async function merge(left: readonly string[], right: readonly string[], slices: { pause(): Promise<void> }): Promise<readonly string[]> {
  const merged: string[] = []
  let [l, r] = [0, 0]
  while (l < left.length && r < right.length) {
    const [one = '', other = ''] = [left[l], right[r]]
    if (one < other) l += 1
    else r += 1
    merged.push(one < other ? one : other)
    if (merged.length % sortedAtOnce === 0) await slices.pause()
  }
  for (const rest of [left.slice(l), right.slice(r)]) for (const id of rest) merged.push(id)
  return merged
}
