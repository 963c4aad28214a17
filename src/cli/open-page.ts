/** Opens a page in the person's browser. */
import { spawn } from 'node:child_process'
import type { Io } from './io.ts'

/** Starts `$BROWSER`, or what the system opens pages with. Whether it could be started. */
export async function openPage(env: Io['env'], page: string): Promise<boolean> {
  if (!/^https?:\/\//.test(page)) return false
  const chosen = (env['BROWSER'] ?? '').split(':')[0] || (process.platform === 'darwin' ? 'open' : 'xdg-open')
  const [command = chosen, ...words] = chosen.split(' ').filter((word) => word !== '' && word !== '%s')
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const child = spawn(command, [...words, page], { stdio: 'ignore', detached: true })
  child.once('error', () => resolve(false))
  child.once('spawn', () => {
    child.unref()
    resolve(true)
  })
  return promise
}
