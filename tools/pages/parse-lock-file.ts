/**
 * Completes the lock file with packages for other systems that npm left out because its registry does not carry them.
 *
 * Without them `npm ci` refuses the whole file, though it would never install them here. Their versions are pinned by the package
 * that wants them; an entry that names its system is passed over on every other.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../files.ts'

interface LockFile {
  packages: Record<string, { readonly dev?: boolean; readonly optionalDependencies?: Readonly<Record<string, string>> }>
}

const systems = ['aix', 'android', 'darwin', 'freebsd', 'linux', 'openbsd', 'openharmony', 'sunos', 'win32']
const processors = ['arm64', 'arm', 'ia32', 'ppc64', 'riscv64', 's390x', 'x64']

export function lockFile(): string {
  return completeLock(readFileSync(join(root, 'package-lock.json'), 'utf8'))
}

/** The same lock file with an entry for every optional package that is wanted and absent. */
export function completeLock(text: string): string {
  const file = JSON.parse(text) as LockFile
  const added: Record<string, object> = {}
  for (const { dev, optionalDependencies } of Object.values(file.packages)) {
    for (const [name, version] of Object.entries(optionalDependencies ?? {})) {
      const path = `node_modules/${name}`
      if (path in file.packages) continue
      const { cpu, libc, os } = readSystem(name)
      // In the order in which npm writes them, so that npm changes nothing here.
      added[path] = {
        version,
        cpu: [cpu],
        ...(dev === true ? { dev } : {}),
        ...(libc === undefined ? {} : { libc: [libc] }),
        optional: true,
        os: [os],
      }
    }
  }
  if (Object.keys(added).length === 0) return text
  file.packages = Object.fromEntries(Object.entries({ ...file.packages, ...added }).sort(([a], [b]) => a.localeCompare(b, 'en')))
  return `${JSON.stringify(file, undefined, 2)}\n`
}

/** For which system a package is, by its name, as its own package.json would say it. */
function readSystem(name: string): { cpu: string; os: string; libc: string | undefined } {
  const words = name.split(/[/-]/)
  const os = systems.find((system) => words.includes(system))
  const cpu = processors.find((processor) => words.includes(processor))
  if (os === undefined || cpu === undefined)
    throw new Error(`the lock file lacks ${name}, and its name does not say for which system it is`)
  const isMusl = words.some((word) => word.startsWith('musl'))
  return { cpu, os, libc: os === 'linux' ? (isMusl ? 'musl' : 'glibc') : undefined }
}
