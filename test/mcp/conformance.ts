/** Runs MCP's own conformance suite against a server, and reads what each scenario found. */
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { parse } from 'yaml'
import { root } from '../../tools/files.ts'
import { runProgram } from '../../tools/programs.ts'

export const revisions = ['2026-07-28', '2025-11-25'] as const
export type Revision = (typeof revisions)[number]

/** The package has a program and no module. */
const suite = join(root, 'node_modules', '@modelcontextprotocol', 'conformance')

/** The checks of one scenario that passed, and of those that did not what they say. */
export interface Found {
  readonly passed: readonly string[]
  readonly failed: readonly string[]
  /** Of what a server may do and did not: a list that is answered as JSON and not as a stream. */
  readonly noted: readonly string[]
}

/** The scenarios that a server of this revision has to pass, as the suite froze them. */
export function required(revision: Revision): readonly string[] {
  const text = readFileSync(join(suite, 'requirements', `${revision}.yaml`), 'utf8')
  return (parse(text) as { readonly server: readonly string[] }).server
}

interface Check {
  readonly id: string
  readonly status: string
  readonly errorMessage?: string
}

/** Every scenario that ran, required or not, by its name. A warning has failed: the suite says so of what it could not try. */
export async function conform(url: string, revision: Revision): Promise<ReadonlyMap<string, Found>> {
  const folder = mkdtempSync(join(tmpdir(), 'remit-conformance-'))
  try {
    const program = join(suite, 'dist', 'index.js')
    const ran = await runProgram(process.execPath, [program, 'server', '--url', url, '--requirements', revision, '-o', folder])
    const found = new Map(globSync('**/checks.json', { cwd: folder }).map((path) => [nameOf(dirname(path)), read(join(folder, path))]))
    if (found.size === 0) throw new Error(`the suite found nothing: ${ran.out}${ran.err}`)
    return found
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** `server-tools-list-2026-11-22T06-19-49-781Z` is of `tools-list`. */
function nameOf(folder: string): string {
  return basename(folder)
    .replace(/^server-/, '')
    .replace(/-\d{4}-\d{2}-\d{2}T.*$/, '')
}

function read(path: string): Found {
  const checks = JSON.parse(readFileSync(path, 'utf8')) as readonly Check[]
  const isBad = ({ status }: Check) => status === 'FAILURE' || status === 'WARNING'
  return {
    passed: checks.filter(({ status }) => status === 'SUCCESS').map(({ id }) => id),
    noted: checks.filter(({ status }) => status === 'INFO').map(({ id }) => id),
    failed: checks.filter(isBad).map(({ id, errorMessage }) => `${id}: ${errorMessage ?? 'no reason given'}`),
  }
}

/** What keeps a server from having passed: scenarios that did not run, found nothing, or found faults. */
export function lost(found: ReadonlyMap<string, Found>, revision: Revision): readonly string[] {
  return required(revision).flatMap((name) => {
    const each = found.get(name)
    if (each === undefined) return [`${name}: did not run`]
    return each.passed.length === 0 ? [`${name}: passed nothing`] : each.failed.map((says) => `${name}: ${says}`)
  })
}

/** Checks that one run passed and the other did not, of whatever scenario. */
export function missed(one: ReadonlyMap<string, Found>, other: ReadonlyMap<string, Found>): readonly string[] {
  return [...one].flatMap(([name, { passed }]) => {
    const found = other.get(name)
    const there = new Set([...(found?.passed ?? []), ...(found?.noted ?? [])])
    const because = found?.failed.join('; ') ?? 'did not run'
    return passed.filter((id) => !there.has(id)).map((id) => `${name}: ${id} (${because})`)
  })
}
