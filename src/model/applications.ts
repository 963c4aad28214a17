/** An application that brings its own Cedar schema, policies and entities: a set of its own, which Remit answers for and does not enforce. */
import type { JsonObject } from '../kernel/json.ts'
import type { Instant } from '../kernel/instants.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import type { Identity } from './identities.ts'
import type { PolicyFile } from './policies.ts'
import { parseSelector, type SelectorMember } from './selector.ts'

/** What one application may bring. All of it, with what Cedar's parser made of it, is one record. */
export const applicationLimits = {
  /** In one space. */
  applicationsMax: 32,
  schemaBytesMax: 500_000,
  /** Static policies, templates and links together. */
  policiesMax: 10_000,
  entitiesMax: 50_000,
  /** The record as canonical JSON; a proposal that has to wait keeps what was written, in a record of its own. */
  recordBytesMax: 3_800_000,
  callersMax: 16,
} as const

/** The schema as it was written, in Cedar's own syntax or in its JSON form, and with every type resolved. */
export interface ApplicationSchema {
  readonly name: string
  readonly text: string
  readonly json: JsonObject
}

/** A static policy or a template, as Cedar's own parser reads it. */
export interface ApplicationPolicy {
  /** Its `@id`, or file and place in it: `shop.cedar#2`. No other policy, template or link of the application has it. */
  readonly id: string
  readonly isTemplate: boolean
  readonly file: string
  readonly line: number
  readonly text: string
  readonly json: JsonObject
}

export interface EntityName {
  readonly type: string
  readonly id: string
}

/** A template made a policy, with the id it has then. */
export interface TemplateLink {
  readonly id: string
  readonly template: string
  readonly principal?: EntityName
  readonly resource?: EntityName
}

/** What somebody wants an application to be. */
export interface WantedApplication {
  readonly name: string
  readonly schema: PolicyFile
  readonly policyFiles: readonly PolicyFile[]
  /** Cedar's JSON form, integers read without loss. */
  readonly entities: readonly JsonObject[]
  readonly links: readonly TemplateLink[]
  readonly callers: readonly SelectorMember[]
}

export interface Application {
  /** Its name, which nothing else is ever given. */
  readonly id: string
  readonly space: string
  /** SHA-256 in hex over everything that was brought. */
  readonly version: string
  readonly schema: ApplicationSchema
  readonly files: readonly PolicyFile[]
  readonly parsed: readonly ApplicationPolicy[]
  readonly links: readonly TemplateLink[]
  readonly entities: readonly JsonObject[]
  /** Who may ask for its decisions; nobody else is told that it exists. */
  readonly callers: readonly SelectorMember[]
  readonly publishedAt: Instant
  readonly publishedBy: string
  /** Nothing of it is answered any more. */
  readonly removedAt?: Instant
}

/** Reads `role:pdp-clients | identity:shop-api`: any of them. Refuses `policy.invalid` with what is wrong in `detail`. */
export function parseCallers(text: string): Result<readonly SelectorMember[]> {
  const read = parseSelector(text)
  if (!read.ok) return read
  const [part, ...more] = read.value.parts
  if (part === undefined || more.length > 0 || part.count !== 1)
    return refuse('policy.invalid', { detail: 'callers are any of those named: write role:x | identity:y' })
  return done(part.from)
}

export function describeCallers(callers: readonly SelectorMember[]): string {
  return callers.map(({ kind, name }) => `${kind}:${name}`).join(' | ')
}

/** Whether this identity is among the callers. Whether it is live is for whoever asks to have found out. */
export function isCallerOf({ callers }: Pick<Application, 'callers'>, { name, roles }: Pick<Identity, 'name' | 'roles'>): boolean {
  return callers.some((member) => (member.kind === 'identity' ? member.name === name : roles.includes(member.name)))
}
