/** Where the fresh seeds of a run begin: each commit brings others, and the same commit always the same. */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../../', import.meta.url))

/** By COMMIT where that is set, else by what git says; where there is no git, by the version of the package. */
export function commitSeed(): number {
  const named = process.env['COMMIT']
  const text = named === undefined || named === '' ? (headOf() ?? readFileSync(`${root}package.json`, 'utf8')) : named
  return createHash('sha256').update(text).digest().readUInt32BE() % 1_000_000_000
}

function headOf(): string | undefined {
  try {
    return execFileSync('git', ['rev-parse', 'HEAD'], { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  } catch {
    return undefined
  }
}
