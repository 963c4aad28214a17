/** What was done before a held action, as people read it on a terminal. */
import type { Remit } from '../sdk/remit.ts'
import { RemitRefusal } from '../sdk/remit-refusal.ts'
import type { RecentActionView, RecentValue, RecentView } from '../sdk/views.ts'
import { countsInWords, differenceInWords, differences, lookedInWords, outcomeInWords } from '../sdk/recent-words.ts'
import type { Run } from './command.ts'
import { clean, describeInstant, fit, type Paint } from './text.ts'

/** Absent where it could not be read: then a note has said so, and the hold is worth its showing alone. */
export async function recentBefore(run: Run, client: Remit, hold: string): Promise<RecentView | undefined> {
  try {
    return await run.during('reading what was done before', client.recent(hold))
  } catch (thrown) {
    if (!(thrown instanceof RemitRefusal)) throw thrown
    run.note(clean(`what was done before could not be read: ${thrown.problem.detail}`))
    return undefined
  }
}

type Reader = Pick<Run, 'paint' | 'width'> & { readonly io: { readonly now: () => number } }

export function recentLines(recent: RecentView | undefined, reader: Reader): string[] {
  return recent === undefined ? [] : knownLines(recent, reader)
}

function knownLines(recent: RecentView, { paint, width, io }: Reader): string[] {
  const { actor, resource, actions, comparedWith } = recent
  const now = io.now()
  return [
    '',
    paint.bold('The last times'),
    ...countsInWords(recent).map((says) => `  ${clean(`${resource} by ${actor}, ${says}`)}`),
    ...(comparedWith === 0 ? [] : comparison(recent, paint)),
    ...actions.map((action) => `  ${fit(clean(actionLine(action, now)), Math.max(40, width - 2))}`),
    ...lookedInWords(recent).map((says) => `  ${paint.dim(clean(says))}`),
  ]
}

function comparison(recent: RecentView, paint: Paint): string[] {
  const others = differences(recent)
  const with_ = recent.comparedWith === 1 ? 'the last that was let through' : `the last ${recent.comparedWith} that were let through`
  if (others.length === 0) return [`  every argument is as in ${with_}`]
  const lines = others.map((each) => {
    const now = each.now === undefined ? '' : ` is ${valueText(each.now)} now,`
    const line = clean(`${each.argument}${now} ${differenceInWords(each, valueText).join('')}`)
    return `    ${each.is === 'within' ? line : paint.yellow(line)}`
  })
  return [`  beside ${with_}:`, ...lines]
}

/** Only what is different from the held call. */
function actionLine(action: RecentActionView, now: number): string {
  const { at, arguments: given, differs, task, sameGrant } = action
  const values = differs.flatMap((name) => (Object.hasOwn(given, name) ? [`${name} = ${valueText(given[name])}`] : []))
  const what = values.length > 0 ? values.join(', ') : differs.length === 0 ? 'the same arguments' : 'fewer arguments'
  const where = sameGrant ? '' : `, in another task${task === undefined ? '' : ` (${task.kind})`}`
  return `${describeInstant(at, now)}  ${outcomeInWords(action).says}: ${what}${where}`
}

function valueText(value: RecentValue | undefined): string {
  if (value === undefined) return ''
  return 'value' in value
    ? JSON.stringify(value.value)
    : `${value.start}… (${value.length} characters, SHA-256 ${value.sha256.slice(0, 12)}…)`
}
