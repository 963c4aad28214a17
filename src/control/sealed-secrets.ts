/** All that is sealed under the master key: whether it opens, and how it is sealed anew when the key is rotated. */
import { canonicalJson, type JsonObject } from '../kernel/json.ts'
import { done, type Result } from '../kernel/result.ts'
import type { Records } from '../model/records.ts'
import type { Service } from '../model/services.ts'
import { close } from './change-sets.ts'
import { note } from './desk.ts'
import { everyRecord } from './every-record.ts'
import type { Change, Database, Reading, SealedPlace, Store, Vault } from './ports.ts'

export interface Resealed {
  readonly space: string
  readonly secrets: number
  /** Change-sets that carried a secret and waited for an answer: they are withdrawn, because what people sign must not change. */
  readonly withdrawn: number
}

/** Names, with their space, of the services whose credential does not open. None means that the keys at hand are the right ones. */
export async function servicesThatDoNotOpen(database: Pick<Database, 'spaces' | 'inSpace'>, vault: Vault): Promise<readonly string[]> {
  const closed: string[] = []
  for (const space of await database.spaces()) {
    await database.inSpace(space).read(async (tx) => {
      for await (const service of everyRecord(tx, 'service', {})) {
        const sealed = service.credential?.sealed
        if (sealed !== undefined && !vault.open(sealed, placeOf(service)).ok) closed.push(`${space}/${service.id}`)
      }
    })
  }
  return closed
}

/**
 * Seals every secret of one space anew under the vault's primary key, in one change with its ledger entry; what is so already stays. The
 * vault has the older keys too. Refuses `upstream.credential`, and changes nothing, where one does not open.
 */
export async function resealSpace(
  store: Store,
  vault: Vault,
  keys: { readonly from: readonly string[]; readonly to: string; readonly by: string },
): Promise<Result<Resealed>> {
  return store.change<Resealed>(async (tx) => {
    let secrets = 0
    for (const service of await collect(tx, 'service')) {
      const { credential } = service
      if (credential === undefined || vault.isCurrent(credential.sealed)) continue
      const opened = vault.open(credential.sealed, placeOf(service))
      if (!opened.ok) return { ok: false, refusal: { ...opened.refusal, detail: `of the service ${service.id} in ${store.space}` } }
      await tx.put('service', { ...service, credential: { ...credential, sealed: vault.seal(opened.value, placeOf(service)) } })
      secrets += 1
    }
    const withdrawn = await withdrawSealed(tx, vault, keys.by)
    const facts: JsonObject = { secrets, from: [...keys.from], to: keys.to, withdrawn: [...withdrawn] }
    await note(tx, { kind: 'secrets.resealed', actor: keys.by, subject: store.space, facts })
    return done({ space: store.space, secrets, withdrawn: withdrawn.length })
  })
}

function placeOf({ space, id, upstream, credential }: Service): SealedPlace {
  return { space, service: id, origin: upstream, use: credential?.reference === undefined ? 'value' : 'reference' }
}

/** All of them first: what is written while a search goes on may come up in it once more. */
async function collect<K extends 'service' | 'changeSet'>(tx: Reading, kind: K): Promise<readonly Records[K][]> {
  const all: Records[K][] = []
  for await (const record of everyRecord(tx, kind, {})) all.push(record)
  return all
}

/** A digest that people sign covers what is sealed: sealed anew, what they signed would be gone without a word. */
async function withdrawSealed(tx: Change, vault: Vault, by: string): Promise<readonly string[]> {
  const withdrawn: string[] = []
  for (const set of await collect(tx, 'changeSet')) {
    if (!hasOldSeal(set.wanted ?? {}, vault)) continue
    const ended = await close(tx, set, { event: 'withdraw', by, ending: 'the master key was replaced: propose it again' })
    if (ended !== undefined) withdrawn.push(set.id)
  }
  return withdrawn
}

const sealedText = /"(?:2\.[0-9a-f]{16}\.[A-Za-z0-9_-]+)"/g

function hasOldSeal(document: object, vault: Vault): boolean {
  return [...canonicalJson(document).matchAll(sealedText)].some(([quoted]) => !vault.isCurrent(quoted.slice(1, -1)))
}
