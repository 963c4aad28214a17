/** Random policies in Cedar's own syntax: mostly well typed, now and then not, because the errors must agree as well. */
import fc from 'fast-check'
import { attributeNames, entityTexts, formats, quoted, typeNames } from './cedar-words.ts'
import { datetimeOf, decimalOf, durationOf, ipOf } from './naive-formats.ts'

interface Expressions {
  bool: string
  long: string
  text: string
  entity: string
  set: string
  record: string
  decimal: string
  datetime: string
  duration: string
  ip: string
  anything: string
}

type Kind = keyof Expressions
type Text = fc.Arbitrary<string>

const isRead: Readonly<Record<keyof typeof formats, (text: string) => unknown>> = {
  decimal: decimalOf,
  datetime: datetimeOf,
  duration: durationOf,
  ip: ipOf,
}

/** How expressions are put together, given how to get one of a kind. */
class Grammar {
  readonly exactly: (kind: Kind) => Text
  readonly isCalm: boolean

  constructor(exactly: (kind: Kind) => Text, isCalm: boolean) {
    this.exactly = exactly
    this.isCalm = isCalm
  }

  /** Wildly, it is now and then of another kind. */
  of(kind: Kind): Text {
    const weight = this.isCalm ? 60 : 12
    return fc.oneof({ weight, arbitrary: this.exactly(kind) }, { weight: 1, arbitrary: this.exactly('anything') })
  }

  /** The first is what it ends with when it has become deep. */
  either(leaf: Text, ...more: Text[]): Text {
    return fc.oneof({ maxDepth: 5, depthSize: 'small', withCrossShrink: true }, leaf, ...more)
  }

  join(kind: Kind, ...operators: string[]): Text[] {
    return operators.map((operator) => fc.tuple(this.of(kind), this.of(kind)).map(([a, b]) => `(${a} ${operator} ${b})`))
  }

  methods(kind: Kind, ...names: string[]): Text[] {
    return names.map((name) => this.of(kind).map((a) => `(${a}).${name}()`))
  }

  methodsWith(kind: Kind, argument: Kind, ...names: string[]): Text[] {
    return names.map((name) => fc.tuple(this.of(kind), this.of(argument)).map(([a, b]) => `(${a}).${name}(${b})`))
  }

  choice(kind: Kind): Text {
    return fc.tuple(this.of('bool'), this.of(kind), this.of(kind)).map(([a, b, c]) => `(if ${a} then ${b} else ${c})`)
  }

  owner(): Text {
    return fc.oneof(this.of('record'), this.of('entity'))
  }

  field(): Text {
    return fc.tuple(this.owner(), fc.constantFrom(...attributeNames)).map(([owner, name]) => `(${owner})[${quoted(name)}]`)
  }

  tags(method: 'hasTag' | 'getTag'): Text {
    const name = fc.oneof(
      { weight: 8, arbitrary: fc.constantFrom(...attributeNames).map(quoted) },
      { weight: 1, arbitrary: this.of('text') },
    )
    return fc.tuple(this.of('entity'), name).map(([a, tag]) => `(${a}).${method}(${tag})`)
  }

  /** What most often has an error is only said wildly. */
  wildly(...texts: Text[]): Text[] {
    return this.isCalm ? [] : texts
  }

  /** An attribute and a tag that are asked for before they are read. */
  guarded(): Text[] {
    const names = fc.constantFrom(...attributeNames).map(quoted)
    return [
      fc.tuple(this.owner(), names, this.of('anything')).map(([of, name, a]) => `(${of} has ${name} && (${of})[${name}] == ${a})`),
      fc
        .tuple(this.of('entity'), names, this.of('anything'))
        .map(([of, name, a]) => `((${of}).hasTag(${name}) && (${of}).getTag(${name}) != ${a})`),
    ]
  }

  literal(name: keyof typeof formats): Text {
    const texts = formats[name].texts.filter((text) => !this.isCalm || isRead[name](text) !== undefined)
    return fc.constantFrom(...texts).map((text) => `${name}(${quoted(text)})`)
  }
}

function tests(grammar: Grammar): Text {
  const of = (kind: Kind) => grammar.of(kind)
  const types = fc.constantFrom(...typeNames)
  const pieces = fc.array(fc.constantFrom('*', 'a', 'b', 'ab', '\\*', 'é', '😀'), { maxLength: 5 })
  const compared = ['long', 'text', 'entity', 'set', 'record', 'decimal', 'datetime', 'ip', 'anything'] as const
  return grammar.either(
    fc.constantFrom('true', 'false', 'context.a', ...(grammar.isCalm ? [] : ['context["__proto__"]'])),
    ...grammar.join('bool', '&&', '||', '&&', '||'),
    of('bool').map((a) => `(!(${a}))`),
    grammar.choice('bool'),
    ...grammar.join('long', '<', '<=', '>', '>='),
    ...grammar.join('datetime', '<', '>='),
    ...grammar.join('duration', '<='),
    ...compared.flatMap((kind) => grammar.join(kind, '==', '!=')),
    ...grammar.join('entity', 'in'),
    fc.tuple(of('entity'), of('entity'), of('entity')).map(([a, b, c]) => `(${a} in [${b}, ${c}])`),
    fc.tuple(of('entity'), of('anything')).map(([a, b]) => `(${a} in [${a}, ${b}])`),
    fc.tuple(of('entity'), types).map(([a, type]) => `(${a} is ${type})`),
    fc.tuple(of('entity'), types, of('entity')).map(([a, type, b]) => `(${a} is ${type} in ${b})`),
    ...grammar.methodsWith('set', 'anything', 'contains'),
    ...grammar.methodsWith('set', 'set', 'containsAll', 'containsAny'),
    ...grammar.methods('set', 'isEmpty'),
    fc.tuple(of('text'), pieces).map(([a, parts]) => `(${a} like "${parts.join('')}")`),
    fc.tuple(grammar.owner(), fc.constantFrom(...attributeNames)).map(([a, name]) => `(${a} has ${quoted(name)})`),
    fc.tuple(grammar.owner(), fc.constantFrom('r.a', 'r.r.x', 'e.n', 'a.x.n', 'r.r')).map(([a, path]) => `(${a} has ${path})`),
    ...grammar.methodsWith('decimal', 'decimal', 'lessThan', 'lessThanOrEqual', 'greaterThan', 'greaterThanOrEqual'),
    ...grammar.methods('ip', 'isIpv4', 'isIpv6', 'isLoopback', 'isMulticast'),
    ...grammar.methodsWith('ip', 'ip', 'isInRange'),
    grammar.tags('hasTag'),
    ...grammar.guarded(),
    ...grammar.wildly(grammar.tags('getTag'), grammar.field()),
  )
}

const numbers = [
  '0',
  '1',
  '-1',
  '2',
  '7',
  '24',
  '36',
  '90',
  '9007199254740993',
  '9223372036854775807',
  '-9223372036854775808',
  'context.n',
  'principal.n',
]

function values(grammar: Grammar): Record<Exclude<Kind, 'bool' | 'anything'>, Text> {
  const anything = grammar.exactly('anything')
  return {
    long: grammar.either(
      fc.constantFrom(...numbers),
      ...grammar.join('long', '+', '-', '*'),
      grammar.of('long').map((a) => `(-(${a}))`),
      grammar.choice('long'),
      ...grammar.methods('duration', 'toMilliseconds', 'toSeconds', 'toMinutes', 'toHours', 'toDays'),
      ...grammar.wildly(grammar.field()),
    ),
    text: grammar.either(
      fc.constantFrom('""', '"a"', '"ab"', '"a*b"', '"é"', '"b😀a"', 'context.s', 'principal.s'),
      grammar.choice('text'),
      ...grammar.wildly(grammar.field()),
    ),
    entity: grammar.either(
      fc.constantFrom('principal', 'action', 'resource', 'context.e', 'principal.e', ...entityTexts),
      grammar.choice('entity'),
      ...grammar.wildly(grammar.field()),
    ),
    set: grammar.either(
      fc.constantFrom('[]', '[1, 2]', '["a", "ab"]', 'context.t', 'principal.t'),
      fc.array(anything, { maxLength: 3 }).map((all) => `[${all.join(', ')}]`),
      ...grammar.wildly(grammar.field()),
    ),
    record: grammar.either(
      fc.constantFrom('context', 'context.r', 'principal.r', '{}'),
      fc.tuple(anything, anything).map(([a, b]) => `{"a": ${a}, "__proto__": ${b}}`),
      fc.tuple(anything, anything).map(([a, b]) => `{x: ${a}, r: {a: ${b}}}`),
    ),
    decimal: grammar.either(grammar.literal('decimal'), ...grammar.wildly(grammar.field())),
    datetime: grammar.either(
      grammar.literal('datetime'),
      fc.constant('context.x'),
      ...grammar.methodsWith('datetime', 'duration', 'offset'),
      ...grammar.methods('datetime', 'toDate'),
    ),
    duration: grammar.either(
      grammar.literal('duration'),
      ...grammar.methodsWith('datetime', 'datetime', 'durationSince'),
      ...grammar.methods('datetime', 'toTime'),
    ),
    ip: grammar.either(grammar.literal('ip'), ...grammar.wildly(grammar.field())),
  }
}

function expressionsOf(isCalm: boolean) {
  return fc.letrec<Expressions>((tie: fc.LetrecTypedTie<Expressions>) => {
    const grammar = new Grammar((kind) => tie(kind), isCalm)
    const kinds = ['long', 'text', 'entity', 'bool', 'set', 'record', 'decimal', 'datetime', 'duration', 'ip'] as const
    return { ...values(grammar), bool: tests(grammar), anything: grammar.either(tie('long'), ...kinds.map((kind) => tie(kind))) }
  })
}

const [wild, calm] = [expressionsOf(false), expressionsOf(true)]

function scope(variable: string): Text {
  const uids = fc.constantFrom(...entityTexts)
  const types = fc.constantFrom(...typeNames)
  return fc.oneof(
    { weight: 9, arbitrary: fc.constant(variable) },
    { weight: 1, arbitrary: uids.map((uid) => `${variable} == ${uid}`) },
    { weight: 3, arbitrary: uids.map((uid) => `${variable} in ${uid}`) },
    { weight: 2, arbitrary: types.map((type) => `${variable} is ${type}`) },
    { weight: 2, arbitrary: fc.tuple(types, uids).map(([type, uid]) => `${variable} is ${type} in ${uid}`) },
  )
}

const actionScopes = [
  ...['action', 'action', 'action', 'action == Action::"go"', 'action in Action::"any"', 'action in Action::"any"'],
  ...['action in [Action::"go", Action::"any"]', 'action in [Action::"stay"]', 'action in []'],
]

const effects = fc.constantFrom('permit', 'permit', 'forbid')
const clauses = fc
  .array(fc.tuple(fc.constantFrom('when', 'unless'), fc.oneof(wild.bool, calm.bool)), { maxLength: 2 })
  .map((conditions) => conditions.map(([kind, body]) => `${kind} { ${body} }`).join(' '))

/** One policy without annotations. */
export const randomPolicy: Text = fc
  .record({ effect: effects, scopes: fc.tuple(scope('principal'), fc.constantFrom(...actionScopes), scope('resource')), clauses })
  .map(({ effect, scopes, clauses }) => `${effect} (${scopes.join(', ')}) ${clauses};`)

/** One that is about everything and permits, so that what its condition came to is always seen: true, false, or an error. */
export const randomProbe: Text = fc
  .oneof({ weight: 5, arbitrary: calm.bool }, { weight: 1, arbitrary: wild.bool })
  .map((body) => `permit (principal, action, resource) when { ${body} };`)

export type Slot = '?principal' | '?resource'

/** A template, and what one link of it fills its places with. */
export interface RandomTemplate {
  readonly text: string
  readonly fill: Readonly<Partial<Record<Slot, string>>>
}

function slotScope(variable: 'principal' | 'resource'): Text {
  const types = fc.constantFrom(...typeNames)
  return fc.oneof(
    fc.constant(`${variable} in ?${variable}`),
    fc.constant(`${variable} == ?${variable}`),
    types.map((type) => `${variable} is ${type} in ?${variable}`),
  )
}

export const randomTemplate: fc.Arbitrary<RandomTemplate> = fc
  .record({
    effect: effects,
    open: fc.constantFrom('both', 'principal', 'resource'),
    slots: fc.tuple(slotScope('principal'), slotScope('resource')),
    scopes: fc.tuple(scope('principal'), fc.constantFrom(...actionScopes), scope('resource')),
    fill: fc.tuple(fc.constantFrom(...entityTexts), fc.constantFrom(...entityTexts)),
    clauses,
  })
  .map(({ effect, open, slots, scopes, fill, clauses }) => {
    const [principal, resource] = [open !== 'resource' ? slots[0] : scopes[0], open !== 'principal' ? slots[1] : scopes[2]]
    return {
      text: `${effect} (${principal}, ${scopes[1]}, ${resource}) ${clauses};`,
      fill: {
        ...(open === 'resource' ? {} : { '?principal': fill[0] }),
        ...(open === 'principal' ? {} : { '?resource': fill[1] }),
      },
    }
  })
