/** Keeps a journal's segments as files in one folder: `0000000000000001.jsonl` holds the lines from number 1 on. */
import { constants, writeSync } from 'node:fs'
import { type FileHandle, mkdir, open, readdir, stat, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'

const pattern = /^(\d{16})\.jsonl$/
const fileMode = 0o600
const folderMode = 0o700
/** A write that took longer says that the disk is behind: for a while, another thread waits for it. Milliseconds. */
const quickMs = 4
const patienceMs = 1_000

/** Opens the folder, making it where it is missing. Only its owner may read it. Throws what the system throws. */
export async function openJournalFiles(folder: string): Promise<JournalFiles> {
  await mkdir(folder, { recursive: true, mode: folderMode })
  return new JournalFiles(folder)
}

/** Holds the file that is being written open, until `close`. Every call throws when it could not do what it says. */
export class JournalFiles {
  readonly #folder: string
  #writing: { readonly first: number; readonly file: FileHandle } | undefined
  #patientUntil = 0

  constructor(folder: string) {
    this.#folder = folder
  }

  async list(): Promise<{ readonly first: number; readonly bytes: number }[]> {
    const segments: { first: number; bytes: number }[] = []
    for (const name of (await readdir(this.#folder)).toSorted()) {
      const [, digits] = pattern.exec(name) ?? []
      if (digits !== undefined) segments.push({ first: Number(digits), bytes: (await stat(join(this.#folder, name))).size })
    }
    return segments
  }

  async create(first: number): Promise<void> {
    await this.#close()
    // Exclusively: a segment that is there already holds lines that must not be mixed with others.
    const file = await open(this.#path(first), constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY | constants.O_APPEND, fileMode)
    this.#writing = { first, file }
    await file.sync()
    await this.#syncFolder()
  }

  async append(first: number, bytes: Uint8Array): Promise<void> {
    const file = await this.#writable(first)
    for (let written = 0; written < bytes.byteLength; ) written += (await file.write(bytes, written)).bytesWritten
  }

  /**
   * Appends at once: the system mostly takes a few hundred bytes in less time than it takes to wake another thread. Answers false, with
   * nothing written, after a write that was slow, and for a segment that is not open.
   */
  appendNow(first: number, bytes: Uint8Array): boolean {
    const began = performance.now()
    const writing = this.#writing
    if (writing?.first !== first || began < this.#patientUntil) return false
    for (let written = 0; written < bytes.byteLength; ) written += writeSync(writing.file.fd, bytes, written)
    const ended = performance.now()
    if (ended - began > quickMs) this.#patientUntil = ended + patienceMs
    return true
  }

  async sync(first: number): Promise<void> {
    await (await this.#writable(first)).datasync()
  }

  async read(first: number, from: number, bytes: number): Promise<Uint8Array> {
    const file = await open(this.#path(first), 'r')
    try {
      const buffer = Buffer.allocUnsafe(bytes)
      let filled = 0
      for (;;) {
        const { bytesRead } = await file.read(buffer, filled, bytes - filled, from + filled)
        filled += bytesRead
        if (bytesRead === 0 || filled === bytes) return buffer.subarray(0, filled)
      }
    } finally {
      await file.close()
    }
  }

  async remove(first: number): Promise<void> {
    if (this.#writing?.first === first) await this.#close()
    await unlink(this.#path(first))
    await this.#syncFolder()
  }

  async truncate(first: number, bytes: number): Promise<void> {
    const file = await this.#writable(first)
    await file.truncate(bytes)
    await file.sync()
  }

  async close(): Promise<void> {
    await this.#close()
  }

  /** Resolves when the loop has gone through what the system had ready for it. */
  turn(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve))
  }

  async #writable(first: number): Promise<FileHandle> {
    if (this.#writing?.first !== first) {
      await this.#close()
      this.#writing = { first, file: await open(this.#path(first), constants.O_WRONLY | constants.O_APPEND) }
    }
    return this.#writing.file
  }

  async #close(): Promise<void> {
    const writing = this.#writing
    this.#writing = undefined
    await writing?.file.close()
  }

  /** A new name in a folder survives a power cut only once the folder itself was synced. */
  async #syncFolder(): Promise<void> {
    const folder = await open(this.#folder, 'r')
    try {
      await folder.sync()
    } finally {
      await folder.close()
    }
  }

  #path(first: number): string {
    return join(this.#folder, `${`${first}`.padStart(16, '0')}.jsonl`)
  }
}
