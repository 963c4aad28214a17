/** Keeps the passkeys of demo people between two runs, a file for each person. */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { SoftwareAuthenticator } from '../src/host/software-authenticator.ts'

/** A run may have been stopped between a signature and its keeping; a counter need only grow. */
const counterMargin = 100

/** The person's passkeys, or nothing where none were kept. */
export async function recallPasskeys(folder: string, person: string): Promise<SoftwareAuthenticator | undefined> {
  const text = await readFile(fileOf(folder, person), 'utf8').catch(() => undefined)
  if (text === undefined) return undefined
  return SoftwareAuthenticator.restore(text.replace(/(?<="counter":)\d+/, (count) => `${Number(count) + counterMargin}`))
}

/** To be called after each signature: a passkey whose counter went back is refused. */
export async function keepPasskeys(folder: string, person: string, authenticator: SoftwareAuthenticator): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await writeFile(fileOf(folder, person), authenticator.save(), { mode: 0o600 })
}

function fileOf(folder: string, person: string): string {
  return join(folder, `${person}.json`)
}
