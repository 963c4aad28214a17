/** Loads a master key by the source that is named, keeps it where it is new, and prints its id or why not. */
import { masterKeyId } from '../../src/host/master-key.ts'
import { loadMasterKey, readMasterKeySource } from '../../src/host/master-key-source.ts'
import { describeRefusal } from '../../src/kernel/refusals.ts'

const [folder = '', written = ''] = process.argv.slice(2)
const source = readMasterKeySource(written)
if (source === undefined) throw new Error('no such source')
const loaded = await loadMasterKey(source, { folder, env: process.env })
if (loaded.ok) await loaded.value.keep?.()
console.log(loaded.ok ? masterKeyId(loaded.value.primary) : describeRefusal(loaded.refusal))
