/** The names of a log through its epochs: to the world a log that lost entries goes on as another, under the same key. */
import { parseBase64 } from './base64.ts'
import { makeVkey, type NoteKey, parseVkey } from './note.ts'

const epochsMax = 1_000

/**
 * The keys under which the log of this vkey signed in its earlier epochs, the first first: `name`, `name/epoch-2` and so on, up to the one
 * before. Empty in the first epoch, and for a vkey that is none.
 */
export function earlierKeys(vkey: string): readonly NoteKey[] {
  const [name = '', , ...rest] = vkey.split('+')
  const [, base = '', digits = ''] = /^(.+)\/epoch-([1-9]\d{0,3})$/.exec(name) ?? []
  const publicKey = parseBase64(rest.join('+'))?.subarray(1)
  if (base === '' || publicKey?.byteLength !== 32) return []
  const keys: NoteKey[] = []
  for (let epoch = 1; epoch < Math.min(Number(digits), epochsMax); epoch += 1) {
    const key = parseVkey(makeVkey(epoch === 1 ? base : `${base}/epoch-${epoch}`, publicKey))
    if (key.ok) keys.push(key.value)
  }
  return keys
}

/** Whose head a note says it is, before anything of it is believed. */
export function claimedOrigin(note: string): string {
  return note.slice(0, Math.max(0, note.indexOf('\n')))
}
