/** Random small schemas, and JSON that often fits them and often does not: for cedar-wasm and our readers to agree on. */
import fc from 'fast-check'

export type TypeJson = { readonly type: string; readonly required?: boolean } & Readonly<Record<string, unknown>>

export const scalars = ['Long', 'String', 'Boolean', 'decimal', 'ipaddr', 'datetime', 'duration', 'User', 'Color'] as const

const names = ['a', 'b', '__proto__', 'constructor', 'it is'] as const

const leaf: fc.Arbitrary<TypeJson> = fc.constantFrom(...scalars).map((name) => {
  if (name === 'User' || name === 'Color') return { type: 'Entity', name: `App::${name}` }
  return ['decimal', 'ipaddr', 'datetime', 'duration'].includes(name) ? { type: 'Extension', name } : { type: name }
})

/** A type, to three levels. */
export const randomType: fc.Arbitrary<TypeJson> = fc.letrec<{ type: TypeJson }>((tie) => ({
  type: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    { weight: 3, arbitrary: leaf },
    { weight: 1, arbitrary: tie('type').map((element) => ({ type: 'Set', element })) },
    { weight: 2, arbitrary: randomAttributes(tie('type')) },
  ),
})).type

function randomAttributes(type: fc.Arbitrary<TypeJson>): fc.Arbitrary<TypeJson> {
  return fc
    .uniqueArray(fc.record({ name: fc.constantFrom(...names), type, required: fc.boolean() }), {
      selector: ({ name }) => name,
      maxLength: 3,
    })
    .map((list) => ({ type: 'Record', attributes: named(list.map((each) => [each.name, { ...each.type, required: each.required }])) }))
}

/** An object in which `__proto__` is a name like any other. */
export function named(entries: readonly (readonly [string, unknown])[]): Record<string, unknown> {
  const object: Record<string, unknown> = {}
  for (const [name, value] of entries) Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true })
  return object
}

const user = (id: string) => ({ type: 'App::User', id })
const color = (id: string) => ({ type: 'App::Color', id })

const entityForms = (uid: object) => fc.constantFrom<unknown>(uid, { __entity: uid })
const extensionForms = (fn: string, arg: string) => fc.constantFrom<unknown>(arg, { fn, arg }, { __extn: { fn, arg } })

const extensionTexts: Readonly<Record<string, readonly [fn: string, texts: readonly string[]]>> = {
  decimal: ['decimal', ['1.0', '1.0000', '-2.5', '1', '1.00000', '922337203685477.5808']],
  ipaddr: ['ip', ['10.0.0.1', '10.0.0.1/32', '::1', '10.0.0.0/8', '010.0.0.1', '::ffff:1.2.3.4', '1.2.3']],
  datetime: ['datetime', ['2024-10-15', '2024-10-15T00:00:00Z', '2024-10-15T02:00:00+0200', '2024-02-30', '2024-10-15T00:00:00+2400']],
  duration: ['duration', ['1h', '60m', '-1d2h', '1h1d', '', '1x', '9223372036854775808ms']],
}

const junk: fc.Arbitrary<unknown> = fc.constantFrom<unknown>(
  null,
  1.5,
  -0.5,
  'text',
  7,
  true,
  [],
  [1, 'a'],
  {},
  { x: 1 },
  user('u1'),
  color('green'),
  { __entity: user('u9') },
  { __entity: { type: 'App::Nobody', id: 'x' } },
  { __extn: { fn: 'decimal', arg: '1.0' } },
  { fn: 'nothing', arg: '1.0' },
  { __extn: { fn: 'ip', arg: 1 } },
  { __extn: 'ip' },
)

/** JSON that is read by this type: mostly it fits. */
export function randomValue(type: TypeJson): fc.Arbitrary<unknown> {
  return fc.oneof({ weight: 30, arbitrary: fittingValue(type) }, { weight: 1, arbitrary: junk })
}

function fittingValue(type: TypeJson): fc.Arbitrary<unknown> {
  switch (type.type) {
    case 'Long':
      return fc.constantFrom(0, 1, -1, Number.MAX_SAFE_INTEGER, -7)
    case 'String':
      return fc.constantFrom('', 'a', 'ü', '__proto__')
    case 'Boolean':
      return fc.boolean()
    case 'Extension': {
      const [fn, texts] = extensionTexts[String(type['name'])] ?? ['', []]
      // Those that are written well come more often: otherwise hardly anything would be read whole.
      return fc
        .oneof({ weight: 20, arbitrary: fc.constantFrom(...texts.slice(0, 2)) }, fc.constantFrom(...texts))
        .chain((text) => extensionForms(fn, text))
    }
    case 'Entity':
      return type['name'] === 'App::Color'
        ? fc.oneof({ weight: 20, arbitrary: fc.constantFrom('red', 'blue') }, fc.constant('green')).chain((id) => entityForms(color(id)))
        : fc.constantFrom('u1', 'u2', 'nobody').chain((id) => entityForms(user(id)))
    case 'Set':
      return fc.array(randomValue(elementOf(type)), { maxLength: 3 })
    default:
      return recordValue(type)
  }
}

function elementOf(type: TypeJson): TypeJson {
  return type['element'] as TypeJson
}

function recordValue(type: TypeJson): fc.Arbitrary<unknown> {
  const attributes = Object.entries(type['attributes'] as Readonly<Record<string, TypeJson>>)
  const members = attributes.map(([name, attribute]) =>
    fc
      .record({ value: randomValue(attribute), isThere: fc.integer({ min: 0, max: attribute.required === false ? 1 : 40 }) })
      .map(({ value, isThere }) => (isThere === 0 ? [] : [[name, value] as const])),
  )
  const stranger = fc.integer({ min: 0, max: 60 }).map((roll) => (roll === 0 ? [['stranger', 1] as const] : []))
  return fc.tuple(...members, stranger).map((lists) => named(lists.flat()))
}

export interface Scene {
  readonly schema: Record<string, unknown>
  readonly entities: readonly unknown[]
  readonly context: unknown
  readonly asked: { readonly principal: string; readonly action: string; readonly resource: readonly [type: string, id: string] }
}

const team = (id: string) => ({ type: 'App::Team', id })
const randomParents = fc.subarray([team('a'), team('b'), { type: 'App::Org', id: 'o' }, user('u1')] as object[], { maxLength: 2 })

/** A schema in Cedar's JSON form, entities and one request. */
export const randomScene: fc.Arbitrary<Scene> = fc
  .record({ item: randomType, other: randomType, tags: randomType })
  .chain(({ item, other, tags }) => {
    const shape = {
      type: 'Record',
      attributes: { item, items: { type: 'Set', element: item, required: false }, other: { ...other, required: false } },
    }
    const schema = {
      App: {
        entityTypes: {
          User: { memberOfTypes: ['Team'], shape: { ...shape }, tags },
          Team: { memberOfTypes: ['Org'] },
          Org: {},
          Doc: {},
          Color: { enum: ['red', 'blue'] },
        },
        actions: {
          all: {},
          look: {
            memberOf: [{ id: 'all' }],
            appliesTo: {
              principalTypes: ['User'],
              resourceTypes: ['Doc', 'Color'],
              context: { type: 'Record', attributes: { item, other: { ...other, required: false } } },
            },
          },
          bare: { appliesTo: { principalTypes: ['User'], resourceTypes: ['Doc'] } },
        },
      },
    }
    const one = (id: string) =>
      fc.record({
        uid: entityForms(user(id)),
        attrs: recordValue(shape),
        parents: fc.oneof(
          { weight: 12, arbitrary: fc.subarray([team('a'), team('b')] as object[]) },
          { weight: 1, arbitrary: randomParents },
        ),
        tags: fc.dictionary(fc.constantFrom('x', 'y'), randomValue(tags), { maxKeys: 1 }),
      })
    const others = fc.subarray<unknown>([
      { uid: team('a'), attrs: {}, parents: [{ type: 'App::Org', id: 'o' }] },
      { uid: { type: 'App::Org', id: 'o' }, attrs: {}, parents: [] },
      { uid: color('red'), attrs: {}, parents: [] },
    ])
    const odd = fc.oneof(
      { weight: 20, arbitrary: fc.constant<unknown[]>([]) },
      fc.constantFrom<unknown[]>(
        [{ uid: color('green'), attrs: {}, parents: [] }],
        [{ uid: color('red'), attrs: { x: 1 }, parents: [] }],
        [{ uid: { type: 'App::Nobody', id: 'x' }, attrs: {}, parents: [] }],
        [{ uid: user('u1'), attrs: {}, parents: [] }],
        [{ uid: { type: 'App::Action', id: 'look' }, attrs: {}, parents: [{ type: 'App::Action', id: 'all' }] }],
        [{ uid: { type: 'App::Action', id: 'look' }, attrs: {}, parents: [] }],
        [{ uid: { type: 'App::Action', id: 'none' }, attrs: {}, parents: [] }],
        [{ uid: team('b'), attrs: {}, parents: [], tags: { x: 1 } }],
        [{ uid: team('b'), attrs: {} }],
        [{ uid: team('b'), parents: [] }],
        [{ uid: 'b', attrs: {}, parents: [] }],
        [team('b')],
        [null],
      ),
    )
    return fc.record({
      schema: fc.constant(schema),
      entities: fc.tuple(one('u1'), one('u2'), others, odd).map(([first, second, rest, last]) => [first, second, ...rest, ...last]),
      context: recordValue({ type: 'Record', attributes: { item, other: { ...other, required: false } } }),
      asked: fc.record({
        principal: fc.constantFrom('u1', 'u2', 'u3'),
        action: fc.oneof({ weight: 10, arbitrary: fc.constant('look') }, fc.constantFrom('bare', 'all', 'none')),
        resource: fc.constantFrom<readonly [string, string]>(
          ['App::Doc', 'd'],
          ['App::Color', 'red'],
          ['App::Color', 'green'],
          ['App::Team', 'a'],
        ),
      }),
    })
  })

/** Each is about one way in which a value that was read could be another than the one that was written. */
export const probes: readonly string[] = [
  'context.item == principal.item',
  'principal has items && principal.items.contains(context.item)',
  'principal has other && context has other && principal.other == context.other',
  'principal in App::Team::"a"',
  'principal in App::Org::"o"',
  'action in App::Action::"all"',
  'principal.hasTag("x")',
  'principal.hasTag("x") && principal.hasTag("y") && principal.getTag("x") == principal.getTag("y")',
  'resource is App::Doc',
  'context has other',
]
