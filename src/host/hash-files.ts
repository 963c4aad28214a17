/** Keeps rows of hashes as files in one folder, a file for each level: 32 bytes a hash, nothing else. */
import { constants } from 'node:fs'
import { type FileHandle, mkdir, open, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

const hashBytes = 32
const levelsMax = 8

/** Opens the folder, making it where it is missing, and cuts off what a crash left half written. Throws what the system throws. */
export async function openHashFiles(folder: string): Promise<HashFiles> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const counts: number[] = []
  for (let level = 0; level < levelsMax; level += 1) counts.push(await wholeHashes(pathOf(folder, level)))
  return new HashFiles(folder, counts)
}

/** What is in it can be made again, so nothing is flushed to the disk: after a power cut it is found wanting, and made again. */
export class HashFiles {
  /** How to find it. */
  readonly place: string
  readonly #counts: number[]

  constructor(folder: string, counts: readonly number[]) {
    this.place = folder
    this.#counts = [...counts]
  }

  async count(level: number): Promise<number> {
    return this.#counts[level] ?? 0
  }

  async read(level: number, from: number, count: number): Promise<Uint8Array> {
    return this.#with(level, constants.O_RDONLY, async (file) => {
      const buffer = Buffer.alloc(count * hashBytes)
      let filled = 0
      while (filled < buffer.byteLength) {
        const { bytesRead } = await file.read(buffer, filled, buffer.byteLength - filled, from * hashBytes + filled)
        if (bytesRead === 0) break
        filled += bytesRead
      }
      return buffer.subarray(0, filled)
    })
  }

  async append(level: number, hashes: Uint8Array): Promise<void> {
    if (level >= levelsMax || hashes.byteLength % hashBytes !== 0) throw new Error('only whole hashes of a level are kept')
    const at = await this.count(level)
    await this.#with(level, constants.O_CREAT | constants.O_WRONLY, async (file) => {
      // At its place, not at the end: what an append before this one left half written is overwritten.
      for (let written = 0; written < hashes.byteLength; )
        written += (await file.write(hashes, written, hashes.byteLength - written, at * hashBytes + written)).bytesWritten
    })
    this.#counts[level] = at + hashes.byteLength / hashBytes
  }

  async clear(): Promise<void> {
    this.#counts.fill(0)
    for (let level = 0; level < levelsMax; level += 1) await rm(pathOf(this.place, level), { force: true })
  }

  async claim(origin: string): Promise<void> {
    const path = join(this.place, 'origin')
    const known = await readFile(path, 'utf8').catch(() => undefined)
    if (known === origin) return
    // What was kept before anybody wrote whose it is could be of any log.
    await this.clear()
    await writeFile(path, origin, { mode: 0o600 })
  }

  async #with<T>(level: number, flags: number, work: (file: FileHandle) => Promise<T>): Promise<T> {
    const file = await open(pathOf(this.place, level), flags, 0o600)
    try {
      return await work(file)
    } finally {
      await file.close()
    }
  }
}

function pathOf(folder: string, level: number): string {
  return join(folder, `level-${level}.hashes`)
}

async function wholeHashes(path: string): Promise<number> {
  let file: FileHandle
  try {
    file = await open(path, 'r')
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return 0
    throw thrown
  }
  const { size } = await file.stat()
  await file.close()
  const whole = Math.floor(size / hashBytes)
  if (size % hashBytes !== 0) await truncate(path, whole * hashBytes)
  return whole
}
