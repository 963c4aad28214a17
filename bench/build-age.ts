/** Whether dist holds what src says. */
import { existsSync, globSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../tools/files.ts'

/** Whether nothing in src, nor what the build stands on, is younger than what was built. */
export function isBuildFresh(): boolean {
  const built = join(root, 'dist', 'main', 'remit.js')
  if (!existsSync(built)) return false
  const age = statSync(built).mtimeMs
  const sources = ['package-lock.json', 'tsconfig.json', 'tsconfig.build.json', ...globSync('src/**/*.*', { cwd: root })]
  return sources.every((path) => statSync(join(root, path)).mtimeMs <= age)
}
