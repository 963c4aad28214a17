/** Why a decision came out as it did, from its record: which grant, which policies, which value, in words. */
import { type DecisionId, type ExceptionId, type IdentityId, parseId } from '../kernel/ids.ts'
import type { JsonObject } from '../kernel/json.ts'
import { isRefusalCode, refusals, refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import { describeScopeLine } from '../model/scope.ts'
import { askInstead } from './ask-instead.ts'
import type { Caller, Desk } from './desk.ts'
import { policiesInWords } from './explain-policies.ts'
import type { Journal } from './journal.ts'
import { readRecorded } from './replay-lines.ts'
import { actionToday } from './replay-sides.ts'
import { maySee } from './rights.ts'

export interface Explanation {
  readonly decision: DecisionId
  /** The record itself: the decision's entry and what became of it. */
  readonly entries: readonly JsonObject[]
  /** The same in sentences. */
  readonly words: readonly string[]
}

/** For the chain that acted, its owners, and whoever may audit; to everybody else it is not there. */
export async function explain(desk: Desk, journals: readonly Journal[], caller: Caller, id: DecisionId): Promise<Result<Explanation>> {
  for (const journal of journals) {
    const found = await journal.findDecision(id)
    if (!found.ok) continue
    const entries = found.value
    const [first] = entries
    const chain = chainOf(first ?? {})
    if (!maySee(desk, caller, chain)) return refuse('not-found')
    return done({ decision: id, entries, words: await inWords(desk, entries) })
  }
  return refuse('not-found')
}

async function inWords(desk: Desk, entries: readonly JsonObject[]): Promise<string[]> {
  const [decision = {}, outcome] = entries
  const text = (name: string) => (typeof decision[name] === 'string' ? decision[name] : '')
  const who = chainOf(decision)
    .map((link) => nameOf(desk, link))
    .join(', acting for ')
  const words = [
    `${who === '' ? 'an unknown caller' : who} asked for ${text('target')}${text('resource') === '' ? '' : ` (${text('effect')} on ${text('resource')})`} from ${text('address')}`,
  ]
  words.push(...(await grantInWords(desk, decision)))
  words.push(...(await policiesInWords(desk, decision)))
  if (text('definition') !== '') words.push(`its server said that the tool is ${text('definition')}`)
  words.push(answerInWords(decision))
  if (outcome !== undefined) words.push(outcomeInWords(outcome))
  words.push(...insteadInWords(desk, decision))
  return words
}

function outcomeInWords({ result, says, status, reason }: JsonObject): string {
  const code = typeof status === 'number' ? `, status ${status}` : ''
  const error = says === 'error' ? ', and said of itself that it is an error' : ''
  return `then: ${typeof result === 'string' ? result : 'unknown'}${code}${error}${typeof reason === 'string' ? `: ${reason}` : ''}`
}

/** What the chain could ask for now, where asking would help. */
function insteadInWords(desk: Desk, decision: JsonObject): string[] {
  const recorded = readRecorded(decision)
  const code = decision['refusal']
  if (recorded === undefined || typeof code !== 'string' || !isRefusalCode(code)) return []
  const action = actionToday(desk.facts, recorded)
  if (action === undefined) return ['there is no such operation any more']
  return askInstead(desk, recorded.chain, action, { code }).map(({ command }) => `could be asked for instead: ${command}`)
}

function chainOf({ chain }: JsonObject): IdentityId[] {
  if (!Array.isArray(chain)) return []
  return chain.flatMap((link: unknown) => {
    const id = parseId('idn', link)
    return id.ok ? [id.value] : []
  })
}

function nameOf(desk: Desk, link: IdentityId): string {
  const identity = desk.facts.identity(link)
  return identity === undefined ? 'somebody' : `${identity.name} (${identity.kind})`
}

async function grantInWords(desk: Desk, decision: JsonObject): Promise<string[]> {
  const read = parseId('grn', decision['grant'])
  if (!read.ok) return ['no grant was in play']
  const id = read.value
  const grant = desk.facts.grant(id) ?? (await desk.store.read((tx) => tx.get('grant', id)))
  if (grant === undefined) return [`under the grant ${id}`]
  const line = typeof decision['line'] === 'number' ? grant.scope[decision['line']] : undefined
  const by = line === undefined ? '' : `; its line "${describeScopeLine(line)}" covers this`
  if (grant.exception !== undefined) return [await exceptionInWords(desk, grant.exception, `${grant.state} now${by}`)]
  return [`under the grant ${id} for "${grant.task.statement}" (${grant.task.kind}), ${grant.state} now${by}`]
}

/** Standing privilege is named as such wherever it permitted something. */
async function exceptionInWords(desk: Desk, id: ExceptionId, how: string): Promise<string> {
  const exception = await desk.store.read((tx) => tx.get('exception', id))
  const owner = exception === undefined ? '' : `, which ${nameOf(desk, exception.owner)} answers for: "${exception.reason}"`
  return `by standing privilege: the exception ${id}${owner}, ${how}`
}

function answerInWords(decision: JsonObject): string {
  const held = typeof decision['hold'] === 'string' ? ` as ${decision['hold']}` : ''
  switch (decision['outcome']) {
    case 'allow':
      return held === '' ? 'answer: allowed' : `answer: allowed, approved by people${held}`
    case 'held':
      return `answer: held${held}, until a person answers`
    default: {
      const code = typeof decision['refusal'] === 'string' ? decision['refusal'] : 'unknown'
      const row = isRefusalCode(code) ? refusals[code] : undefined
      const detail = typeof decision['detail'] === 'string' ? `: ${decision['detail']}` : ''
      return `answer: no, ${row?.says ?? code}${detail}${row === undefined ? '' : `. Next: ${row.remedy}`}`
    }
  }
}
