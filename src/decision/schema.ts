/** The Cedar schema that policies are validated against, generated from the services and operations that Remit knows. */
import { createHash } from 'node:crypto'
import { type Effect, effects } from '../model/effects.ts'
import { cedarTypes, deskActions } from '../model/identities.ts'
import type { ArgumentType, Protocol } from '../model/services.ts'
import type { EntityInput } from './cedar/entities.ts'
import type { Uid } from './cedar/values.ts'
import { cedarNouns, deskActionUid, deskAskAction, effectUid, operationUid, requestAction } from './names.ts'

export interface SchemaArgument {
  readonly name: string
  readonly type: ArgumentType
  readonly required: boolean
}

export interface SchemaOperation {
  readonly name: string
  readonly effect: Effect
  readonly arguments: readonly SchemaArgument[]
}

export interface SchemaService {
  readonly name: string
  readonly protocol: Protocol
  readonly environment: string
  readonly labels: readonly string[]
  readonly operations: readonly SchemaOperation[]
}

/** What a schema depends on. The same world gives the same text, whatever order it comes in. */
export interface SchemaWorld {
  readonly services: readonly SchemaService[]
  /**
   * Names of facts, beside `ticket`, that a configured issuer can prove: `context.proved.x` and `context.claimed.x`, texts. A name
   * with a dot, `ci.run`, is a member of a record: `context.proved.ci.run`.
   */
  readonly facts?: readonly string[]
}

/** The actions and their groups as entities: with a schema Cedar adds them to the store by itself, our evaluator is given them. */
export function actionEntities(world: SchemaWorld): readonly EntityInput[] {
  const entity = (uid: Uid, parents: readonly Uid[]): EntityInput => ({ uid, parents, attributes: new Map() })
  const groups = [entity(effectUid('any'), []), ...effects.map((effect) => entity(effectUid(effect), [effectUid('any')]))]
  const operations = world.services.flatMap(({ name, protocol, operations }) =>
    operations.map((operation) => entity(operationUid({ id: name, protocol }, operation.name), [effectUid(operation.effect)])),
  )
  const desk = [...deskActions.map(deskActionUid), deskAskAction].map((uid) => entity(uid, []))
  return [entity(requestAction, []), ...groups, ...operations, ...desk]
}

const principals = Object.values(cedarTypes)
const resources = ['Service', 'Route', 'Database', 'Server', 'Tool', 'Device']

const cedarTypeOf: Readonly<Record<ArgumentType, string>> = {
  string: 'String',
  long: 'Long',
  decimal: 'decimal',
  boolean: 'Bool',
  strings: 'Set<String>',
  json: 'String',
}

/** The strict Cedar schema of a world. */
export function cedarSchema(world: SchemaWorld): string {
  const services = world.services.toSorted((left, right) => compareNames(left.name, right.name))
  return [entityTypes(), contextTypes(world), askAction(), effectActions(), ...services.flatMap(operationActions), deskActionsText()].join(
    '\n',
  )
}

/** SHA-256 in hex. */
export function schemaVersion(schema: string): string {
  return createHash('sha256').update(schema).digest('hex')
}

function entityTypes(): string {
  const nonHumans = principals.filter((type) => type !== cedarTypes.human)
  const attributes = '{ environment: String, tier: Long, impact: Impact, labels: Set<String> }'
  return `type Impact = { data: Long, service: Long, safety: Long };
entity Role;
entity ${cedarTypes.human} in [Role];
entity ${nonHumans.join(', ')} in [Role] { owner: ${cedarTypes.human} };
entity Service, Database, Server, Device ${attributes};
entity Route in [Service] ${attributes};
entity Tool in [Server] ${attributes};
`
}

function contextTypes(world: SchemaWorld): string {
  const known = factsType(['ticket', ...(world.facts ?? [])])
  return `type Task = { kind: String, statement?: String, ticket?: String };
type Proved = ${known};
type Claimed = ${known};
type Session = { refusals: Long };
type Ask = { task: Task, proved: Proved, claimed: Claimed, effects: Set<String>, seconds: Long, time: datetime };
type Call = { task: Task, proved: Proved, claimed: Claimed, time: datetime, client?: ipaddr, session: Session };
`
}

/** Facts by name, all of them optional texts; those named `ci.run` are members of a record `ci`. */
function factsType(names: readonly string[]): string {
  const groups = new Map<string, string[]>()
  for (const name of new Set(names)) {
    const [group = '', ...rest] = name.split('.')
    groups.set(group, [...(groups.get(group) ?? []), ...(rest.length === 0 ? [] : [rest.join('.')])])
  }
  const types = [...groups]
    .toSorted(([left], [right]) => compareNames(left, right))
    .map(([group, members]) => {
      const type =
        members.length === 0
          ? 'String'
          : `{ ${members
              .toSorted()
              .map((member) => `${cedarText(member)}?: String`)
              .join(', ')} }`
      return `${cedarText(group)}?: ${type}`
    })
  return `{ ${types.join(', ')} }`
}

function askAction(): string {
  return `action "request" appliesTo { principal: ${list(principals)}, resource: ${list(resources)}, context: Ask };
`
}

function effectActions(): string {
  return `namespace Effect {
  action any;
  action ${effects.join(', ')} in [any] appliesTo { principal: ${list(principals)}, resource: ${list(resources)}, context: Call };
}
`
}

function operationActions(service: SchemaService): readonly string[] {
  return service.operations
    .toSorted((left, right) => compareNames(left.name, right.name))
    .map((operation) => {
      const given = operation.arguments.toSorted((left, right) => compareNames(left.name, right.name))
      const types = given.map((argument) => `${cedarText(argument.name)}${argument.required ? '' : '?'}: ${cedarTypeOf[argument.type]}`)
      const origins = given.map((argument) => `${cedarText(argument.name)}?: String`)
      const context = `{ task: Task, proved: Proved, claimed: Claimed, time: datetime, client?: ipaddr, session: Session, arguments: { ${types.join(', ')} }, provenance: { ${origins.join(', ')} } }`
      const { id } = operationUid({ id: service.name, protocol: service.protocol }, operation.name)
      return `action ${cedarText(id)} in [Effect::Action::${cedarText(operation.effect)}] appliesTo { principal: ${list(principals)}, resource: [${cedarNouns[service.protocol].operation}], context: ${context} };
`
    })
}

function deskActionsText(): string {
  return `namespace Desk {
  entity Space;
  entity Operation in [Space];
  action ${deskActions.join(', ')} appliesTo { principal: ${list(principals)}, resource: [Space] };
  action ask appliesTo { principal: ${list(principals)}, resource: [Operation], context: Ask };
}
`
}

function list(names: readonly string[]): string {
  return `[${names.join(', ')}]`
}

function compareNames(left: string, right: string): number {
  if (left === right) return 0
  return left < right ? -1 : 1
}

/** A text literal of Cedar's: everything that is not plain is escaped by its code point. */
export function cedarText(text: string): string {
  const escaped = text.replaceAll(/[^ !#-[\]-~]/gu, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`)
  return `"${escaped}"`
}
