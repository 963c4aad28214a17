/** Values of which not everything is known: nothing but perhaps the kind, or a record with some of its fields. */
import { CedarSet, type CedarRecord, type CedarValue, Extension, isRecord, Uid } from './values.ts'

export type Kind = 'bool' | 'long' | 'string' | 'entity' | 'set' | 'record' | 'decimal' | 'datetime' | 'duration' | 'ipaddr'

/** Any value of its kind; of any kind at all where that is not known either. */
export class Unknown {
  readonly kind: Kind | undefined
  /** What it hangs on, as policies write it: `context.task.kind`. */
  readonly names: readonly string[]

  constructor(kind: Kind | undefined, names: readonly string[]) {
    this.kind = kind
    this.names = names
  }
}

export interface PartialField {
  readonly value: Maybe
  /** False where the field may be missing. */
  readonly isThere: boolean
}

export interface PartialParts {
  readonly fields: ReadonlyMap<string, PartialField>
  /** Whether there may be fields that are not named here. */
  readonly isOpen: boolean
  /** As policies write it: `context.arguments`. */
  readonly name: string
}

/** A record of which some is known. */
export class PartialRecord {
  readonly fields: ReadonlyMap<string, PartialField>
  readonly isOpen: boolean
  readonly name: string

  constructor({ fields, isOpen, name }: PartialParts) {
    this.fields = fields
    this.isOpen = isOpen
    this.name = name
  }
}

export type Maybe = CedarValue | Unknown | PartialRecord

export const noNames: readonly string[] = []

export function isKnown(value: Maybe): value is CedarValue {
  return !(value instanceof Unknown || value instanceof PartialRecord)
}

/** `undefined` where the kind is not known. */
export function kindOf(value: Maybe): Kind | undefined {
  switch (typeof value) {
    case 'boolean':
      return 'bool'
    case 'bigint':
      return 'long'
    case 'string':
      return 'string'
    default:
      return kindOfObject(value)
  }
}

const extensionKinds: Readonly<Record<string, Kind>> = { decimal: 'decimal', datetime: 'datetime', duration: 'duration', ipaddr: 'ipaddr' }

function kindOfObject(value: Exclude<Maybe, boolean | bigint | string>): Kind | undefined {
  if (value instanceof Unknown) return value.kind
  if (value instanceof PartialRecord) return 'record'
  if (value instanceof Uid) return 'entity'
  if (value instanceof CedarSet) return 'set'
  return value instanceof Extension ? extensionKinds[value.typeName] : 'record'
}

/** What of it is not known, by name. */
export function namesOf(value: Maybe): readonly string[] {
  if (value instanceof Unknown) return value.names
  if (!(value instanceof PartialRecord)) return noNames
  if (value.name !== '') return [value.name]
  return joinNames(...[...value.fields.values()].map((field) => namesOf(field.value)))
}

export function joinNames(...lists: readonly (readonly string[])[]): readonly string[] {
  const filled = lists.filter((list) => list.length > 0)
  const [first = noNames] = filled
  return filled.length <= 1 ? first : [...new Set(filled.flat())]
}

/** A record whose every field is known, and there are no others, is a record like any other. */
export function settled(value: Maybe): Maybe {
  if (!(value instanceof PartialRecord)) return value
  const fields = new Map([...value.fields].map(([name, field]) => [name, { ...field, value: settled(field.value) }]))
  const known = value.isOpen ? undefined : wholeRecord(fields)
  return known ?? new PartialRecord({ fields, isOpen: value.isOpen, name: value.name })
}

function wholeRecord(fields: ReadonlyMap<string, PartialField>): CedarRecord | undefined {
  const record = new Map<string, CedarValue>()
  for (const [name, { value, isThere }] of fields) {
    if (!isThere || !isKnown(value)) return undefined
    record.set(name, value)
  }
  return record
}

/** A field that may be looked at: what it would be, whether it may be missing, and whether looking may fail. */
export interface Step {
  readonly value: Maybe | undefined
  readonly isAbsent: boolean
  readonly fails: boolean
  /** What absence and failure hang on. */
  readonly names: readonly string[]
}

/** The field of a record or attribute of an entity. `attributesOf` answers nothing for an entity that is not there. */
export function fieldAt(owner: Maybe, name: string, attributesOf: (uid: Uid) => CedarRecord | undefined): Step {
  if (owner instanceof Unknown) return fieldOfUnknown(owner, name)
  if (owner instanceof PartialRecord) return fieldOfPartial(owner, name)
  if (owner instanceof Uid) return sure(attributesOf(owner)?.get(name))
  if (typeof owner === 'object' && isRecord(owner)) return sure(owner.get(name))
  return { value: undefined, isAbsent: false, fails: true, names: noNames }
}

function sure(value: CedarValue | undefined): Step {
  return { value, isAbsent: value === undefined, fails: false, names: noNames }
}

function fieldOfUnknown({ kind, names }: Unknown, name: string): Step {
  const isOwner = kind === undefined || kind === 'record' || kind === 'entity'
  if (!isOwner) return { value: undefined, isAbsent: false, fails: true, names: noNames }
  const below = names.map((each) => `${each}.${name}`)
  return { value: new Unknown(undefined, below), isAbsent: true, fails: kind === undefined, names: below }
}

function fieldOfPartial({ fields, isOpen, name: owner }: PartialRecord, name: string): Step {
  const field = fields.get(name)
  const names = owner === '' ? noNames : [`${owner}.${name}`]
  if (field !== undefined) return { value: field.value, isAbsent: !field.isThere, fails: false, names: field.isThere ? noNames : names }
  return isOpen ? { value: new Unknown(undefined, names), isAbsent: true, fails: false, names } : sure(undefined)
}

/** The same value, each step of this path known to be there. What is no record of which only some is known stays as it is. */
export function assumed(value: Maybe, path: readonly string[]): Maybe {
  const [name, ...rest] = path
  if (name === undefined || !(value instanceof PartialRecord)) return value
  const { fields, isOpen, name: owner } = value
  const field = fields.get(name) ?? (isOpen ? { value: new Unknown(undefined, [`${owner}.${name}`]), isThere: false } : undefined)
  if (field === undefined) return value
  const there: PartialField = { value: assumed(field.value, rest), isThere: true }
  return new PartialRecord({ fields: new Map([...fields, [name, there]]), isOpen, name: owner })
}
