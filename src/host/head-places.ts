/** Where heads of the ledger are kept outside of Remit: an append-only file in a folder, or a URL. Texts in, texts out. */
import { constants } from 'node:fs'
import { mkdir, open, readdir } from 'node:fs/promises'
import { join } from 'node:path'

/** Each call throws when it could not do what it says. */
export interface HeadPlaceOutside {
  /** For people. */
  readonly place: string
  /** The text that was kept last; undefined where none was ever kept. */
  newest(): Promise<string | undefined>
  keep(text: string): Promise<void>
}

const textBytesMax = 65_536
const answerMs = 5_000

/**
 * One file a month, `<label>-2026-11.jsonl`, each head a line `{"checkpoint":"…"}`. Written with one append and flushed; a last line that
 * a crash cut short is passed over.
 */
export function headFolder(folder: string, label: string, now: () => number): HeadPlaceOutside {
  const stem = label.replaceAll(/[^\w.-]/g, '_')
  return {
    place: folder,
    async newest() {
      const names = (await filesOf(folder)).filter((name) => name.startsWith(`${stem}-`)).toSorted()
      for (const name of names.toReversed()) {
        const line = await lastLine(join(folder, name))
        if (line !== undefined) return line
      }
      return undefined
    },
    async keep(text) {
      await mkdir(folder, { recursive: true, mode: 0o700 })
      const month = new Date(now()).toISOString().slice(0, 7)
      const path = join(folder, `${stem}-${month}.jsonl`)
      const file = await open(path, constants.O_CREAT | constants.O_RDWR | constants.O_APPEND, 0o600)
      try {
        const { size } = await file.stat()
        const end = Buffer.alloc(1)
        if (size > 0) await file.read(end, 0, 1, size - 1)
        const isCut = size > 0 && end[0] !== 0x0a
        await file.appendFile(`${isCut ? '\n' : ''}${JSON.stringify({ checkpoint: text })}\n`)
        await file.sync()
      } finally {
        await file.close()
      }
    },
  }
}

async function filesOf(folder: string): Promise<string[]> {
  try {
    return await readdir(folder)
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return []
    throw thrown
  }
}

/** The last whole line that can be read. */
async function lastLine(path: string): Promise<string | undefined> {
  const file = await open(path, 'r')
  try {
    const { size } = await file.stat()
    const from = Math.max(0, size - 2 * textBytesMax)
    const tail = Buffer.alloc(size - from)
    await file.read(tail, 0, tail.byteLength, from)
    const lines = tail.toString('utf8').split('\n').slice(0, -1)
    for (const line of lines.toReversed()) {
      const text = readLine(line)
      if (text !== undefined) return text
    }
    return undefined
  } finally {
    await file.close()
  }
}

function readLine(line: string): string | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null && 'checkpoint' in value && typeof value.checkpoint === 'string'
      ? value.checkpoint
      : undefined
  } catch {
    return undefined
  }
}

/** `PUT` replaces what `GET` answers, as object stores and WebDAV have it. 404 is a place where nothing was kept yet. */
export function headUrl(url: string): HeadPlaceOutside {
  const signal = () => AbortSignal.timeout(answerMs)
  return {
    place: new URL(url).origin,
    async newest() {
      const answer = await fetch(url, { redirect: 'error', signal: signal() })
      if (answer.status === 404) return undefined
      if (answer.status !== 200) throw new Error(`it answered ${answer.status}`)
      return readText(answer)
    },
    async keep(text) {
      const headers = { 'content-type': 'text/plain; charset=utf-8' }
      const answer = await fetch(url, { method: 'PUT', body: text, headers, redirect: 'error', signal: signal() })
      await answer.body?.cancel()
      if (!answer.ok) throw new Error(`it answered ${answer.status}`)
    },
  }
}

/** What was sent, or an error where it is more than any note may be. */
export async function readText(answer: Response): Promise<string> {
  const parts: Uint8Array[] = []
  let bytes = 0
  if (answer.body === null) return ''
  const body: ReadableStream<Uint8Array> = answer.body
  for await (const part of body) {
    bytes += part.byteLength
    if (bytes > textBytesMax) throw new Error('it sends more than a head is long')
    parts.push(part)
  }
  return Buffer.concat(parts).toString('utf8')
}
