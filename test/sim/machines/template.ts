/** The house that every run begins with: made once in a process with the real store and deeds, then kept as an image of its database. */
import type { DatabaseSync } from 'node:sqlite'
import { makeSecret } from '../../../src/control/credentials.ts'
import type { Caller, Desk } from '../../../src/control/desk.ts'
import { exchangeToken, tokenTypes } from '../../../src/control/exchange-token.ts'
import { controlAudience, identifyCaller, TokenReader } from '../../../src/control/identify.ts'
import { codeHash, enrolGateway, GatewayWatcher, inviteGateway } from '../../../src/control/gateways.ts'
import { beginRegistration, finishRegistration, firstLink, makeInvitation } from '../../../src/control/people.ts'
import { requestGrant } from '../../../src/control/request-grant.ts'
import { openSqliteStore } from '../../../src/store/sqlite/sqlite-store.ts'
import { mustBe } from '../../../src/kernel/result.ts'
import { reveal } from '../../../src/kernel/secret.ts'
import type { EnrolledGateway } from '../../../src/model/gateways.ts'
import { seededChance } from '../../world/chance.ts'
import { TestClock } from '../../world/clock.ts'
import { found } from '../../world/configure.ts'
import { documentOf, machineNames, operator, people, policyBooks, preparedScopes } from './configuration.ts'
import { openDesk } from './open-desk.ts'
import { gatewayKeys, gatewayNames } from './gateway-keys.ts'
import { makeVkey } from '../../../src/ledger/note.ts'
import { epoch } from './machine.ts'
import type { Entry } from './outside.ts'
import { answerAs, personAt } from './people.ts'
import { KnownChecks, signAs } from './quick-ports.ts'

export interface Prepared {
  readonly id: string
  readonly chain: readonly string[]
  readonly scope: readonly string[]
}

export interface Template {
  readonly image: Uint8Array
  readonly secrets: ReadonlyMap<string, string>
  /** Grants that were approved and wait to be started. */
  readonly grants: readonly Prepared[]
  readonly checker: KnownChecks
  /** Of the gateway processes, by their names. */
  readonly gateways: ReadonlyMap<string, EnrolledGateway>
  /** What the ledger has by then. */
  readonly entries: readonly Entry[]
}

const here = '127.0.0.1'
let known: Promise<Template> | undefined

export function template(): Promise<Template> {
  known ??= makeTemplate()
  return known
}

async function makeTemplate(): Promise<Template> {
  const checker = new KnownChecks()
  // Each book of policies is checked once before, so that putting it in force in a run waits for nobody.
  for (const book of policyBooks.keys()) if (book > 0) await withHouse(checker, book, async () => undefined)
  const { image, made, entries } = await withHouse(checker, 0, prepare)
  await checker.freeze()
  return { image, checker, entries, ...made }
}

async function withHouse<T>(
  checker: KnownChecks,
  book: number,
  work: (desk: Desk) => Promise<T>,
): Promise<{ readonly image: Uint8Array; readonly made: T; readonly entries: readonly Entry[] }> {
  const clock = new TestClock(epoch - 600_000)
  const chance = seededChance(99)
  let raw: DatabaseSync | undefined
  const database = mustBe(
    await openSqliteStore({
      path: ':memory:',
      now: () => clock.now(),
      chance: (count) => chance.bytes(count),
      watch: (_sql, each) => {
        raw = each
      },
    }),
  )
  const host = {
    now: () => clock.now(),
    after: clock.after.bind(clock),
    turn: () => Promise.resolve(),
    raise: () => undefined,
    monotonic: () => clock.now(),
    aheadOfWall: () => 0,
  }
  const alarm = (says: string, cause: unknown) => {
    throw new Error(says, { cause })
  }
  const { desk, ledger } = await openDesk({ database, clock: host, chance, checker, alarm })
  await found(desk, documentOf({ book }))
  const made = await work(desk)
  clock.advance(1_000)
  await ledger.close()
  const image = raw?.serialize()
  if (image === undefined) throw new Error('no database was opened')
  const { size } = await database.tree()
  const entries = (await database.leaves(0, size)).map(({ body }): Entry => JSON.parse(body ?? 'null'))
  await database.close()
  return { image, made, entries }
}

async function prepare(desk: Desk): Promise<Pick<Template, 'secrets' | 'grants' | 'gateways'>> {
  for (const name of [operator, ...people]) await register(desk, name)
  const secrets = new Map<string, string>()
  for (const name of machineNames) {
    const identity = desk.facts.identityNamed(name)
    if (identity === undefined) throw new Error(`nobody is called ${name}`)
    const issued = mustBe(await desk.store.change((tx) => makeSecret(desk, tx, { identity, by: 'test', lifetime: 30 * 86_400_000 })))
    secrets.set(name, reveal(issued.secret))
  }
  const grants: Prepared[] = []
  const callers = new Map<string, Caller>()
  for (const name of machineNames) callers.set(name, await callerAs(desk, secrets.get(name) ?? ''))
  for (const [place, scope] of [...preparedScopes, ...preparedScopes].entries()) {
    const name = machineNames[place % machineNames.length] ?? 'bot'
    const caller = callers.get(name) ?? (await callerAs(desk, secrets.get(name) ?? ''))
    const grant = mustBe(await requestGrant(desk, caller, { task: 'work', statement: 'because', scope }))
    if (grant.state === 'pending') for (const person of ['cyd', 'eva'] as const) await answerAs(desk, person, grant.id, 'approve')
    if (desk.facts.grant(grant.id)?.state !== 'approved') throw new Error(`${scope.join(' and ')} is not approved`)
    grants.push({ id: grant.id, chain: [name], scope })
  }
  return { secrets, grants, gateways: await enrolAll(desk) }
}

async function enrolAll(desk: Desk): Promise<Template['gateways']> {
  const gateways = new Map<string, EnrolledGateway>()
  const watcher = new GatewayWatcher(desk, () => undefined)
  for (const name of gatewayNames) {
    const { key, signer } = gatewayKeys(name)
    const gateway = name.startsWith('edge') ? 'edge' : 'http'
    const { code } = mustBe(await inviteGateway(desk, personAt(desk, operator), { name, gateway }))
    const journal = makeVkey(signer.name, signer.publicKey)
    const enrolment = { codeHash: codeHash(reveal(code)), key, journal, address: here }
    gateways.set(name, mustBe(await enrolGateway(desk, watcher, enrolment)))
  }
  return gateways
}

async function register(desk: Desk, name: string): Promise<void> {
  const first = name === operator ? mustBe(await firstLink(desk)) : undefined
  const link = first ?? mustBe(await desk.store.change((tx) => makeInvitation(desk, tx, { name, by: 'test' }))).link
  const begun = mustBe(await beginRegistration(desk, { link: reveal(link), name }))
  const response = signAs(name, begun.challenge)
  mustBe(await finishRegistration(desk, { link: reveal(link), name, challenge: begun.challenge, response }))
}

/** A caller of the API by its secret. */
export async function callerAs(desk: Desk, secret: string): Promise<Caller> {
  const exchanged = mustBe(await exchangeToken(desk, { subjectToken: secret, subjectTokenType: tokenTypes.secret, address: here }))
  const reader = new TokenReader(desk, controlAudience(desk.space))
  return mustBe(await identifyCaller(desk, reader, reveal(exchanged.token), here))
}
