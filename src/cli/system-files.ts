/** Configuration as it lies on disk. */
import { readdir, readFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import type { ConfigurationFiles } from './configuration-file.ts'

const filesMax = 10_000

export const systemFiles: ConfigurationFiles = {
  text: async (path) => new TextDecoder('utf-8', { fatal: true }).decode(await readFile(path)),
  names: async (folder) => {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true })
    const names = entries.filter((entry) => entry.isFile()).map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    if (names.length > filesMax) throw new Error(`there are more than ${filesMax} files in it`)
    return names
  },
}
