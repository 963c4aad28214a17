/** Follows the gateway's journal on disk, so that the demo can show each decision with its reason. */
import { open, readdir } from 'node:fs/promises'
import { join } from 'node:path'

type Entry = Readonly<Record<string, unknown>>

export class JournalTail {
  readonly #folder: string
  readonly #read = new Map<string, number>()

  constructor(folder: string) {
    this.#folder = folder
  }

  /** The decisions written since the last call. */
  async news(): Promise<Entry[]> {
    const entries: Entry[] = []
    for (const name of (await readdir(this.#folder)).toSorted()) {
      const from = this.#read.get(name) ?? 0
      const file = await open(join(this.#folder, name), 'r')
      const { size } = await file.stat()
      const { buffer, bytesRead } = await file.read(Buffer.alloc(size - from), 0, size - from, from)
      await file.close()
      const text = buffer.subarray(0, bytesRead).toString('utf8')
      const whole = text.slice(0, text.lastIndexOf('\n') + 1)
      this.#read.set(name, from + Buffer.byteLength(whole))
      for (const line of whole.split('\n')) if (line !== '') entries.push(JSON.parse(line) as Entry)
    }
    return entries.filter((entry) => entry['type'] === 'decision' || entry['type'] === 'refused')
  }
}
