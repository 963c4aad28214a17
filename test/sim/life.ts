/** One random life of a house: its people, its policies, what happened so far, and how it is compared with what it should be. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { everyRecord } from '../../src/control/every-record.ts'
import type { Decision, GatewayControl } from '../../src/control/ports.ts'
import type { JsonObject } from '../../src/kernel/json.ts'
import { done, type Result } from '../../src/kernel/result.ts'
import { chanceOf, randomBook, roleNames } from '../cases/random-scenes.ts'
import { cedarText, type RuleBook, shopService } from '../cases/rule-book.ts'
import type { Being } from '../cases/second-opinion.ts'
import { Dice } from '../world/chance.ts'
import { asDocument } from '../world/shop.ts'
import { openWorld, type World } from '../world/world.ts'
import { type Grant, type Hold, isOpen, Model, type Token } from './model.ts'
import { difference, readLedger, replay, stored } from './replay.ts'

/** A law of the design did not hold. */
export class LawBroken extends Error {
  override name = 'LawBroken'
}

/** Ways to break the gateway on purpose: each must be found. */
export type Canary = 'ignores-the-door' | 'remembers-verdicts' | 'mixes-up-holds'

/** An action that was allowed and has not been sent. */
export interface Allowed {
  readonly decision: Decision
  readonly token: Token
  readonly grant: Grant
  readonly line: number
  readonly hold: Hold | undefined
  /** Nothing may be sent from here on, whatever is extended later. */
  readonly endsAt: number
  readonly book: RuleBook
  readonly operation: string
}

export const people = ['ana', 'ben', 'cyd', 'eva']
/** Stands at the desk throughout, and has no part in anything else. */
export const operator = 'oli'
export const chains: readonly (readonly string[])[] = [
  ['aide'],
  ['aide'],
  ['bot'],
  ['drone'],
  ['ana'],
  ['aide', 'ana'],
  ['drone', 'aide'],
  ['bot', 'cyd'],
]

export class Life {
  readonly dice: Dice
  readonly world: World
  readonly model: Model
  readonly canary: Canary | undefined
  readonly steps: string[] = []
  readonly tokens: Token[] = []
  allowed: Allowed[] = []
  /** How often an approval let something through. */
  readonly forwardsByHold = new Map<string, number>()
  readonly counts = new Map<string, number>()
  gateway: GatewayControl
  readonly #folder: string | undefined

  constructor(parts: {
    readonly dice: Dice
    readonly world: World
    readonly model: Model
    readonly folder: string | undefined
    readonly canary: Canary | undefined
  }) {
    this.dice = parts.dice
    this.world = parts.world
    this.model = parts.model
    this.canary = parts.canary
    this.#folder = parts.folder
    this.gateway = broken(parts.world.gateway, parts.canary)
  }

  get now(): number {
    return this.world.clock.now()
  }

  get grants(): readonly Grant[] {
    return [...this.model.grants.values()]
  }

  openGrants(state?: Grant['state']): readonly Grant[] {
    return this.grants.filter((grant) => isOpen(grant) && (state === undefined || grant.state === state))
  }

  say(step: string): void {
    this.steps.push(`${this.steps.length + 1}. +${Math.round((this.now - Date.UTC(2030, 0, 1)) / 1_000)}s ${step}`)
  }

  count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1)
  }

  law(holds: boolean, says: string): void {
    if (!holds) throw new LawBroken(says)
  }

  /** The answer must be the one that was expected, in either direction. */
  expect(result: Result<unknown>, expected: boolean, says: string): void {
    const told = result.ok ? 'done' : `${result.refusal.code} ${result.refusal.detail ?? ''}`
    this.law(result.ok === expected, `${says}: expected ${expected ? 'yes' : 'no'}, got ${told}`)
  }

  /** Waits for what goes on behind an answer, such as the end of a grant whose last use is over. */
  async settle(): Promise<void> {
    await this.world.desk.store.change(async () => done(undefined))
  }

  /** Every grant and hold of the store against the model. */
  async compare(): Promise<void> {
    await this.settle()
    await this.world.desk.store.read(async (tx) => {
      for await (const { id, state, expiresAt } of everyRecord(tx, 'grant', {})) {
        const grant = this.model.grants.get(id)
        this.law(grant !== undefined, `a grant that nobody asked for: ${id}`)
        this.law(grant?.state === state, `${id} is ${state}, and should be ${grant?.state}`)
        this.law(state !== 'active' || expiresAt === grant?.endsAt, `${id} ends at ${expiresAt}, and should at ${grant?.endsAt}`)
      }
      for await (const { id, state, grant } of everyRecord(tx, 'hold', {})) {
        const hold = this.model.holds.get(id)
        this.law(hold?.state === state, `${id} on ${grant} is ${state}, and should be ${hold?.state}`)
      }
    })
  }

  /** The ledger, replayed from its first entry, must give what the store has. */
  async audit(): Promise<void> {
    await this.settle()
    const differs = difference(replay(await readLedger(this.world.house)), await stored(this.world.house))
    this.law(differs === undefined, `a change without its ledger entry: ${differs}`)
  }

  async restart(): Promise<void> {
    await this.world.restart()
    this.gateway = broken(this.world.gateway, this.canary)
    this.allowed = []
    this.model.restarted(this.now)
  }

  async close(): Promise<void> {
    await this.world.close()
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true })
  }
}

/** A life that restarts needs a file; one that does not is quicker without. */
export async function beginLife(seed: number, options: { readonly onFile: boolean; readonly canary?: Canary | undefined }): Promise<Life> {
  const dice = new Dice(seed)
  const beings = randomBeings(dice)
  const book = randomBook(dice, people)
  const folder = options.onFile ? mkdtempSync(join(tmpdir(), 'remit-sim-')) : undefined
  const storePath = folder === undefined ? ':memory:' : join(folder, 'remit.sqlite')
  const world = await openWorld({ seed, document: documentOf(new Map(beings.map((being) => [being.name, being])), book), storePath })
  const model = new Model(beings, book, world.house.gate.activity.startedAt)
  return new Life({ dice, world, model, folder, canary: options.canary })
}

function randomBeings(dice: Dice): readonly Being[] {
  const roles = () => roleNames.filter((role) => chanceOf(dice, role === 'suspects' ? 10 : 50))
  const person = (name: string): Being => ({ name, kind: 'human', live: true, contained: false, roles: roles() })
  const machine = (name: string, kind: Being['kind']): Being => {
    return {
      name,
      kind,
      live: true,
      contained: false,
      owner: dice.pick(people),
      roles: ['agents', ...roles().filter((role) => role !== 'agents')],
    }
  }
  return [
    ...people.map(person),
    { ...person(operator), roles: ['operators'] },
    machine('aide', 'ai-agent'),
    machine('drone', 'ai-agent'),
    machine('bot', 'service-account'),
  ]
}

/** The document that says just this. */
export function documentOf(beings: ReadonlyMap<string, Being>, book: RuleBook): JsonObject {
  const all = [...beings.values()]
  const roles = Object.fromEntries(
    [...roleNames, 'operators'].map((role) => [role, all.filter((being) => being.roles.includes(role)).map(({ name }) => name)]),
  )
  return asDocument({
    version: 1,
    space: 'main',
    policyFiles: [{ name: 'book.cedar', text: cedarText(book) }],
    people: all.filter(({ kind }) => kind === 'human').map(({ name, live }) => ({ name, disabled: !live })),
    roles,
    identities: all.filter(({ kind }) => kind !== 'human').map(({ name, kind, owner, live }) => ({ name, kind, owner, disabled: !live })),
    services: [shopService],
  })
}

/** The port with one law switched off. */
function broken(gateway: GatewayControl, canary: Canary | undefined): GatewayControl {
  switch (canary) {
    case undefined:
      return gateway
    case 'ignores-the-door':
      return { ...gateway, stands: () => done(undefined) }
    case 'remembers-verdicts': {
      const verdicts = new Map<string, Awaited<ReturnType<GatewayControl['authorize']>>>()
      return {
        ...gateway,
        authorize: async (call) => {
          const key = JSON.stringify([call.bearer.claims.jti, call.action.operation, call.action.arguments, call.material])
          const verdict = verdicts.get(key) ?? (await gateway.authorize(call))
          if (verdict.outcome === 'allow') verdicts.set(key, verdict)
          return verdict
        },
      }
    }
    case 'mixes-up-holds':
      // Every body counts as the same: the digest that was approved is not that of what is sent.
      return {
        ...gateway,
        authorize: (call) =>
          gateway.authorize(call.material === undefined ? call : { ...call, material: { ...call.material, target: '', bodySha256: '' } }),
      }
  }
}
