/** `remit witness`: a process of its own, with its own key, that remembers the newest head of each log and cosigns what follows it. */
import { createHash, createPublicKey, type KeyObject } from 'node:crypto'
import { resolve } from 'node:path'
import { buildWitnessServer } from '../api/witness-server.ts'
import type { WitnessOptions } from '../cli/house.ts'
import { Witness } from '../control/witness.ts'
import { makeClock } from '../host/clock.ts'
import { loadOrMakeKey, makeSigner } from '../host/key-files.ts'
import { makeLog } from '../host/logs.ts'
import { openWitnessHeads } from '../host/witness-heads.ts'
import { makeVkey, type NoteKey, parseVkey } from '../ledger/note.ts'
import { orThrow } from './or-throw.ts'

/** Runs until the signal. Throws a sentence for a person when it cannot start. */
export async function witness(options: WitnessOptions): Promise<void> {
  const log = makeLog({ level: 'warn' })
  process.umask(0o077)
  const state = resolve(options.state)
  const logs = options.originKeys.map((vkey) => logKey(vkey))
  const key = orThrow(await loadOrMakeKey(state, 'witness'))
  const signer = makeSigner(key, options.name ?? nameOf(key))
  const heads = orThrow(openWitnessHeads(state))
  const alarm = (says: string, cause: unknown) => log.error(says, { error: cause })
  const working = new Witness({ signer, logs, heads, clock: makeClock({ floor: 0 }), alarm })
  const server = buildWitnessServer((body) => working.add(body))
  try {
    await server.listen({ host: options.host, port: options.port })
    const address = server.server.address()
    const port = typeof address === 'object' && address !== null ? address.port : options.port
    const vkey = makeVkey(signer.name, signer.publicKey, 'cosigns')
    options.onReady({ url: `http://${options.host}:${port}`, vkey, state, logs: logs.map((each) => each.name) })
    if (!options.signal.aborted) await new Promise<void>((done) => options.signal.addEventListener('abort', () => done(), { once: true }))
  } finally {
    await server.close()
    heads.close()
  }
}

function logKey(vkey: string): NoteKey {
  const key = orThrow(parseVkey(vkey))
  if (key.kind !== 'signs') throw new Error(`${vkey} is the key of a witness; give that of the log, which remit ledger checkpoint prints`)
  return key
}

/** Told apart by its key: nobody has to think of a name, and two witnesses never have the same. */
function nameOf(key: KeyObject): string {
  const der = createPublicKey(key).export({ format: 'der', type: 'spki' })
  return `remit.local/witness/${createHash('sha256').update(der).digest('hex').slice(0, 8)}`
}
