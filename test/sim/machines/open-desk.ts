/** A control node's parts, joined as `main/house.ts` joins them, over ports that answer in virtual time. */
import { createSecretKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { Activity } from '../../../src/control/activity.ts'
import { Stopping } from '../../../src/control/stopping.ts'
import { proposeChange } from '../../../src/control/change-sets.ts'
import type { Desk } from '../../../src/control/desk.ts'
import { Facts } from '../../../src/control/facts.ts'
import { Ledger } from '../../../src/control/ledger.ts'
import { memoryShelf } from '../../../src/control/log-tree.ts'
import type { PolicyChecker } from '../../../src/control/policy-checking.ts'
import type { Chance, Database } from '../../../src/control/ports.ts'
import type { HostClock } from '../../../src/host/clock.ts'
import { noSecrets } from '../../../src/host/secret-source.ts'
import { makeVault } from '../../../src/host/vault.ts'
import { mustBe } from '../../../src/kernel/result.ts'
import { seededKeys } from '../../world/keys.ts'
import { noIssuers, quickMint, quickPasskeys } from './quick-ports.ts'

export const space = 'main'
export const pages = { origin: 'http://localhost:4000', rpId: 'localhost' }
/** The same in every run: what they sign is compared, and they take a while to make. */
export const { keys, room } = seededKeys(1)
const master = createSecretKey(Buffer.alloc(32, 7))
const vault = makeVault({ primary: master })
const shipped = [{ name: 'desk.cedar', text: readFileSync(new URL('../../../src/decision/desk.cedar', import.meta.url), 'utf8') }]

export interface DeskParts {
  readonly database: Database
  readonly clock: HostClock
  readonly chance: Chance
  readonly checker: PolicyChecker
  readonly alarm: (says: string, cause: unknown) => void
}

export interface OpenDesk {
  readonly desk: Desk
  readonly ledger: Ledger
}

export async function openDesk({ database, clock, chance, checker, alarm }: DeskParts): Promise<OpenDesk> {
  const store = database.inSpace(space)
  clock.raise((await store.last()).at)
  const facts = new Facts(space)
  await facts.load(store)
  store.onCommit((committed) => facts.apply(committed))
  const ledger = mustBe(await Ledger.open({ database, store, signer: keys.ledger, clock, shelf: memoryShelf(), witnesses: [], alarm }))
  const desk: Desk = {
    space,
    store,
    log: database,
    facts,
    activity: new Activity(clock.now()),
    stopping: new Stopping({ store, facts, clock }),
    clock,
    chance,
    mint: quickMint(clock),
    issuerTokens: noIssuers,
    vault,
    secrets: noSecrets,
    passkeys: quickPasskeys,
    checker,
    shipped,
    pages: () => pages,
  }
  if (facts.policies === undefined)
    mustBe(await proposeChange(desk, { machine: 'first start' }, { document: { version: 1, space, policyFiles: [] } }))
  return { desk, ledger }
}
