/** Files that ship beside the code: the desk's own policies, and what the pages load. */
import { readFile } from 'node:fs/promises'
import type { PolicyFile } from '../model/policies.ts'

export async function deskPolicies(): Promise<readonly PolicyFile[]> {
  return [{ name: 'desk.cedar', text: await readFile(new URL('../decision/desk.cedar', import.meta.url), 'utf8') }]
}

export async function assets(): Promise<{ readonly script: string; readonly stylesheet: string }> {
  const [script, stylesheet] = await Promise.all([
    readFile(new URL('../api/pages/remit-pages.js', import.meta.url), 'utf8'),
    readFile(new URL('../api/pages/remit-pages.css', import.meta.url), 'utf8'),
  ])
  return { script, stylesheet }
}
