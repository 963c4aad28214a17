/** The two lines that every action leaves in a journal, written out member by member: thousands of them are written in a second. */
import type { DecisionId, ExceptionId, GrantId, HoldId, IdentityId, SessionId } from '../kernel/ids.ts'
import type { Instant } from '../kernel/instants.ts'
import { canonicalJson, canonicalString } from '../kernel/json.ts'

/** What was decided of an action, and by what. */
export interface DecisionEntry {
  readonly address: string
  readonly arguments: Readonly<Record<string, unknown>>
  readonly at: Instant
  /** Which values decided it, in words, of what was refused or held: the policies may be others when somebody asks. */
  readonly because: readonly string[] | undefined
  readonly chain: readonly IdentityId[]
  readonly decision: DecisionId
  /** Of a tool whose call was held or approved: what its server said that it is, by its hash. */
  readonly definition: string | undefined
  readonly detail: string | undefined
  readonly digest: string | undefined
  /** The policies that demanded something of it, by their `@id`. */
  readonly duties: readonly string[] | undefined
  readonly effect: string
  readonly exception: ExceptionId | undefined
  readonly grant: GrantId | undefined
  readonly hold: HoldId | undefined
  readonly line: number | undefined
  readonly outcome: 'allow' | 'deny' | 'held'
  readonly policies: readonly string[] | undefined
  readonly protocol: string
  /** Where its arguments came from, by name: `untrusted: result 3, mail/read`. */
  readonly provenance: Readonly<Record<string, string>> | undefined
  readonly refusal: string | undefined
  readonly resource: string
  readonly session: SessionId | undefined
  readonly target: string
  readonly task: string | undefined
  readonly tier: number
  readonly verb: string
  readonly version: number
}

/** What became of an action that was allowed. */
export interface OutcomeEntry {
  readonly at: Instant
  readonly bodySha256: string | undefined
  readonly decision: DecisionId
  /** Instead of `bodySha256`: of the body without the texts that the decision's line keeps by their hashes, each left out between its quotes. */
  readonly frameSha256: string | undefined
  readonly milliseconds: number
  readonly reason: string | undefined
  readonly requestBytes: number
  readonly responseBytes: number
  readonly result: string
  /** The answer says of itself that it is an error, whatever its status: of JSON-RPC, or of a tool. */
  readonly says: 'error' | undefined
  readonly status: number | undefined
}

/** Line `n`: to the byte what `writeLine` makes of the same members and `"type":"decision"`. */
export function writeDecision(n: number, entry: DecisionEntry): string {
  // Ids have no character that would need an escape.
  return (
    `{"address":${canonicalString(entry.address)},"arguments":${canonicalJson(entry.arguments)},"at":${canonicalJson(entry.at)}` +
    `${other('because', entry.because)},"chain":${canonicalJson(entry.chain)},"decision":"${entry.decision}"${text('definition', entry.definition)}${text('detail', entry.detail)}` +
    `${text('digest', entry.digest)}${other('duties', entry.duties)},"effect":${canonicalString(entry.effect)}` +
    `${text('exception', entry.exception)}${text('grant', entry.grant)}${text('hold', entry.hold)}${other('line', entry.line)},"n":${n},"outcome":"${entry.outcome}"${other('policies', entry.policies)}` +
    `,"protocol":${canonicalString(entry.protocol)}${other('provenance', entry.provenance)}${text('refusal', entry.refusal)},"resource":${canonicalString(entry.resource)}` +
    `${text('session', entry.session)},"target":${canonicalString(entry.target)}${text('task', entry.task)}` +
    `,"tier":${canonicalJson(entry.tier)},"type":"decision","v":1,"verb":${canonicalString(entry.verb)},"version":${canonicalJson(entry.version)}}`
  )
}

/** Line `n`: to the byte what `writeLine` makes of the same members and `"type":"outcome"`. */
export function writeOutcome(n: number, entry: OutcomeEntry): string {
  return (
    `{"at":${canonicalJson(entry.at)}${text('bodySha256', entry.bodySha256)},"decision":"${entry.decision}"${text('frameSha256', entry.frameSha256)}` +
    `,"milliseconds":${canonicalJson(entry.milliseconds)},"n":${n}${text('reason', entry.reason)}` +
    `,"requestBytes":${canonicalJson(entry.requestBytes)},"responseBytes":${canonicalJson(entry.responseBytes)}` +
    `,"result":${canonicalString(entry.result)}${text('says', entry.says)}${other('status', entry.status)},"type":"outcome","v":1}`
  )
}

function text(key: string, value: string | undefined): string {
  return value === undefined ? '' : `,"${key}":${canonicalString(value)}`
}

function other(key: string, value: number | readonly string[] | Readonly<Record<string, string>> | undefined): string {
  return value === undefined ? '' : `,"${key}":${canonicalJson(value)}`
}
