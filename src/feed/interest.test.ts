import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { sampleRecords } from '../../test/contract/sample-records.ts'
import { Facts } from '../control/facts.ts'
import type { Committed } from '../control/ports.ts'
import { canonicalJson } from '../kernel/json.ts'
import type { Grant, Session, TokenBinding } from '../model/grants.ts'
import type { Credential, Identity } from '../model/identities.ts'
import type { FactChange } from '../model/records.ts'
import type { Service } from '../model/services.ts'
import { FeedIndex } from './feed-index.ts'
import { Interest } from './interest.ts'

const space = 'main'
const ulid = (place: number) => `01JC${String(place).padStart(22, '0')}`
const people = [0, 1, 2, 3, 4, 5]
const services = ['shop', 'till', 'dock']
const impact = { data: 'low', service: 'low', safety: 'none' } as const

function identity(place: number, owner: number): Identity {
  const isHuman = place < 2
  return {
    id: `idn_${ulid(place)}`,
    space,
    name: `who-${place}`,
    kind: isHuman ? 'human' : 'service-account',
    ...(isHuman ? {} : { owner: `idn_${ulid(owner % 2)}` as const }),
    roles: [],
    state: 'live',
    signsInBy: [],
    createdAt: 0,
  }
}

function service(name: string, gateway: string, isRemoved = false): Service {
  return {
    id: name,
    space,
    protocol: 'http',
    upstream: `http://${name}.example`,
    ...(gateway === 'http' ? {} : { gateway }),
    port: 0,
    environment: 'prod',
    impact,
    labels: [],
    credential: { header: 'authorization', prefix: '', sealed: `sealed-${name}`, reference: 'env:X' },
    routes: [{ name: 'look', method: 'GET', path: '/', effect: 'read', impact, tier: 0, arguments: [] }],
    ...(isRemoved ? { removedAt: 1 } : {}),
  }
}

function grant(place: number, chain: readonly number[], scope: readonly string[], isEnded: boolean): Grant {
  return {
    id: `grn_${ulid(place)}`,
    space,
    chain: chain.map((link) => `idn_${ulid(link)}` as const),
    task: { kind: 'incident', statement: '', claimed: [], proved: [] },
    scope: scope.map((resource) => ({ resource, uses: 5 })),
    tier: 0,
    state: isEnded ? 'ended' : 'active',
    duration: 1,
    durationMax: 1,
    requirement: { selector: { parts: [] }, personsMin: 0 },
    policies: [],
    digest: '',
    idleMax: 1,
    requestedAt: 0,
    pendingUntil: 1,
    expiresAt: 1_000_000_000,
    ...(isEnded ? { endedAt: 1 } : {}),
  }
}

/** Where a token is bound, and whom it acts for besides whose it is. */
const at = fc.option(fc.record({ gateway: fc.constantFrom('http', 'edge'), further: fc.uniqueArray(fc.constantFrom(...people)) }))

const one = fc.oneof(
  fc.record({ what: fc.constant('identity' as const), place: fc.constantFrom(...people), owner: fc.nat(1) }),
  fc.record({ what: fc.constant('credential' as const), place: fc.constantFrom(...people), n: fc.nat(3) }),
  fc.record({ what: fc.constant('binding' as const), place: fc.constantFrom(...people), n: fc.nat(1), gone: fc.boolean(), at }),
  fc.record({
    what: fc.constant('service' as const),
    name: fc.constantFrom(...services),
    gateway: fc.constantFrom('http', 'edge'),
    gone: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
  }),
  fc.record({
    what: fc.constant('grant' as const),
    place: fc.nat(7),
    chain: fc.uniqueArray(fc.constantFrom(...people), { minLength: 1, maxLength: 3 }),
    scope: fc.uniqueArray(fc.constantFrom(...services, ...services.map((name) => `${name}/look`)), { minLength: 1, maxLength: 3 }),
  }),
  fc.record({ what: fc.constant('end' as const), place: fc.nat(7) }),
  fc.record({
    what: fc.constant('session' as const),
    place: fc.nat(7),
    n: fc.nat(9),
    gateway: fc.constantFrom('http', 'edge'),
    ends: fc.boolean(),
  }),
  fc.record({ what: fc.constant('uses' as const), place: fc.nat(7), spent: fc.integer({ min: 1, max: 4 }) }),
)
type Step = typeof one extends fc.Arbitrary<infer S> ? S : never

/** A control of which only the facts are there, and the grants as they were made: a chain never changes, and what has ended stays so. */
class Small {
  readonly facts = new Facts(space)
  readonly index: FeedIndex
  readonly #grants = new Map<number, Grant>()
  readonly #removed = new Set<string>()
  #version = 0

  constructor() {
    this.index = new FeedIndex(this.facts)
    this.commit(people.map((place) => put('identity', identity(place, 0))))
    this.commit(services.map((name) => put('service', service(name, 'http'))))
  }

  commit(changes: readonly FactChange[], at = 1): Committed {
    this.#version += 1
    const committed = { version: this.#version, at, changes }
    this.facts.apply(committed)
    this.index.follow(committed)
    return committed
  }

  changesOf(step: Step): readonly FactChange[] {
    switch (step.what) {
      case 'identity':
        return [put('identity', identity(step.place, step.owner))]
      case 'credential':
        return [put('credential', credential(step.place, step.n))]
      case 'binding': {
        const record = binding(step.place, step.n, step.at)
        return [step.gone ? { kind: 'binding', id: record.id, removed: true } : put('binding', record)]
      }
      case 'service':
        if (this.#removed.has(step.name)) return []
        if (!step.gone) return [put('service', service(step.name, step.gateway))]
        this.#removed.add(step.name)
        return [put('service', service(step.name, step.gateway, true)), ...this.#endAllOf(step.name)]
      case 'grant': {
        if (this.#grants.has(step.place) || step.scope.some((resource) => this.#removed.has(resource.split('/')[0] ?? ''))) return []
        const made = grant(step.place, step.chain, step.scope, false)
        this.#grants.set(step.place, made)
        return [put('grant', made)]
      }
      case 'end':
        return this.#end(step.place)
      case 'session':
        return this.#session(step)
      case 'uses': {
        const of = this.#grants.get(step.place)
        if (of === undefined || of.state !== 'active') return []
        return [put('uses', { id: `${of.id}/0`, space, grant: of.id, line: 0, spent: step.spent })]
      }
    }
  }

  /** As re-evaluation does. */
  #endAllOf(name: string): readonly FactChange[] {
    const naming = [...this.#grants].filter(([, { scope }]) => scope.some(({ resource }) => resource.split('/')[0] === name))
    return naming.flatMap(([place]) => this.#end(place))
  }

  #end(place: number): readonly FactChange[] {
    const before = this.#grants.get(place)
    if (before === undefined || before.state === 'ended') return []
    const ended: Grant = { ...before, state: 'ended', endedAt: 1 }
    this.#grants.set(place, ended)
    const sessions = [...this.index.sessionsOf(before.id)].map((session) => put('session', { ...session, state: 'ended', endedAt: 1 }))
    return [put('grant', ended), ...sessions]
  }

  #session({ place, n, gateway, ends }: Extract<Step, { what: 'session' }>): readonly FactChange[] {
    const of = this.#grants.get(place)
    const [actor] = of?.chain ?? []
    if (of === undefined || of.state !== 'active' || actor === undefined) return []
    const id = `ses_${ulid(place * 20 + n * 2 + (gateway === 'edge' ? 1 : 0))}` as const
    const known = this.facts.session(id)
    if (known !== undefined) return known.state === 'live' && ends ? [put('session', { ...known, state: 'ended', endedAt: 1 })] : []
    const session: Session = {
      id,
      space,
      grant: of.id,
      identity: actor,
      gateway,
      token: `tok_${ulid(place * 10 + n)}`,
      address: '192.0.2.1',
      state: 'live',
      openedAt: 0,
      endsAt: 9,
    }
    return [put('session', session)]
  }
}

function credential(place: number, n: number): Credential {
  return {
    id: `crd_${ulid(place * 10 + n)}`,
    space,
    identity: `idn_${ulid(place)}`,
    hash: 'secret',
    issuedBy: 'x',
    createdAt: 0,
    expiresAt: 9,
  }
}

function binding(place: number, n: number, at: Extract<Step, { what: 'binding' }>['at']): TokenBinding {
  const chain = [place, ...(at?.further ?? []).filter((other) => other !== place)].map((link) => `idn_${ulid(link)}` as const)
  const there = at === null ? {} : { gateway: at.gateway, chain }
  return { id: `tok_${ulid(place * 10 + n)}`, space, identity: `idn_${ulid(place)}`, address: '192.0.2.1', at: 0, expiresAt: 9, ...there }
}

function put<K extends FactChange['kind']>(kind: K, record: Extract<FactChange, { kind: K; record: unknown }>['record']): FactChange {
  return { kind, id: record.id, record } as FactChange
}

/** What a gateway has, by what it was sent. */
class Picture {
  readonly #records = new Map<string, FactChange>()

  take(changes: Iterable<FactChange>, forget: readonly { readonly kind: string; readonly id: string }[] = []): void {
    for (const change of changes) {
      if ('removed' in change) this.#records.delete(`${change.kind}/${change.id}`)
      else this.#records.set(`${change.kind}/${change.id}`, change)
    }
    for (const { kind, id } of forget) this.#records.delete(`${kind}/${id}`)
  }

  /** Without what has ended, which may be remembered. */
  lines(): string[] {
    const isOver = (change: FactChange): boolean => {
      if ('removed' in change) return true
      if (change.kind === 'grant' || change.kind === 'session') return change.record.endedAt !== undefined
      if (change.kind === 'service') return change.record.removedAt !== undefined
      return change.kind === 'uses' && this.#isEnded(change.record.grant)
    }
    return [...this.#records.values()].flatMap((change) => (isOver(change) ? [] : [canonicalJson(change)])).toSorted()
  }

  #isEnded(grant: string): boolean {
    const record = this.#records.get(`grant/${grant}`)
    return record === undefined || !('record' in record) || record.kind !== 'grant' || record.record.endedAt !== undefined
  }
}

for (const gateway of ['http', 'edge'])
  test(`what ${gateway} was sent change by change is what it would be sent whole`, () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(one, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 40 }),
        fc.nat(),
        (commits, joinedAt) => {
          const control = new Small()
          let interest: Interest | undefined
          const picture = new Picture()
          for (const [place, steps] of commits.entries()) {
            if (place === joinedAt % commits.length) {
              interest = new Interest(control.facts, control.index, gateway)
              picture.take(interest.snapshot())
            }
            // Who opens a session and who ends its grant wait for each other.
            const opens = steps.some(({ what }) => what === 'session')
            const together = steps.filter((step) => !opens || (step.what !== 'end' && (step.what !== 'service' || !step.gone)))
            const committed = control.commit(together.flatMap((step) => control.changesOf(step)))
            const { changes, forget } = interest?.follow(committed) ?? { changes: [], forget: [] }
            picture.take(changes, forget)
          }
          // Whoever was known for the sake of what has ended is forgotten by now.
          const { changes, forget } = interest?.follow(control.commit([], 10_000_000)) ?? { changes: [], forget: [] }
          picture.take(changes, forget)
          const whole = new Picture()
          whole.take(new Interest(control.facts, control.index, gateway).snapshot())
          assert.deepEqual(picture.lines(), whole.lines())
          const said = picture.lines().join('\n')
          for (const never of ['sealed-', 'env:X', '"secret"']) assert.ok(!said.includes(never), never)
        },
      ),
      { numRuns: 400 },
    )
  })

test('an application with policies of its own is no gateway’s business, whatever becomes of it', () => {
  const facts = new Facts(space)
  const index = new FeedIndex(facts)
  const interest = new Interest(facts, index, 'far')
  for (const [version, removedAt] of [
    [1, undefined],
    [2, undefined],
    [3, 9],
  ] as const) {
    const record = { ...sampleRecords.application(1), version: `v${version}`, ...(removedAt === undefined ? {} : { removedAt }) }
    const committed: Committed = { version, at: version, changes: [{ kind: 'application', id: record.id, record }] }
    facts.apply(committed)
    index.follow(committed)
    assert.deepEqual(interest.follow(committed), { changes: [], forget: [] })
  }
  assert.deepEqual(interest.snapshot(), [])
})
