/** The pages that are written from the code. To add one: a file in tools/pages with a function that returns the text, and a line here. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { endpointsPage } from '../src/api/endpoints-page.ts'
import { cliPage } from '../src/cli/cli-page.ts'
import { type Finding, root } from './files.ts'
import { lockFile } from './pages/parse-lock-file.ts'
import { refusalsPage } from './pages/refusals.ts'

/** From the page's path to what writes its text. */
export const pages: Readonly<Record<string, () => string | Promise<string>>> = {
  'package-lock.json': lockFile,
  'docs/reference/cli.md': cliPage,
  'docs/reference/endpoints.md': endpointsPage,
  'docs/reference/refusals.md': refusalsPage,
}

/** Pages that are not what the code would write now. */
export async function stalePages(): Promise<{ files: number; findings: Finding[] }> {
  const findings: Finding[] = []
  for (const [path, write] of Object.entries(pages)) {
    if (readPage(path) !== (await write()))
      findings.push({ rule: 'pages/stale', path, line: 1, says: 'is not what the code says: npm run bless, and read the difference' })
  }
  return { files: Object.keys(pages).length, findings }
}

/** Writes what differs, and returns the paths of what was written. */
export async function blessPages(): Promise<string[]> {
  const written: string[] = []
  for (const [path, write] of Object.entries(pages)) {
    const text = await write()
    if (readPage(path) === text) continue
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
    written.push(path)
  }
  return written
}

function readPage(path: string): string | undefined {
  try {
    return readFileSync(join(root, path), 'utf8')
  } catch {
    return undefined
  }
}
