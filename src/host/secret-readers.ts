/** Reads the secrets that references name: from files in folders, and from variables, that the operator opened for that. */
import { constants } from 'node:fs'
import { open, realpath } from 'node:fs/promises'
import { isAbsolute, relative, sep } from 'node:path'
import { Secret } from '../kernel/secret.ts'
import { codeOf, type Found, refused, type SecretReader, unreachable } from './secret-source.ts'

const secretLengthMax = 16_384

/**
 * One reader of all kinds. Where no folder was opened there is no file, and where no Vault is known nothing is in it: without that,
 * whoever may configure a service could have any file of this machine sent to a service of their own.
 */
export function makeSecretReader(parts: {
  readonly folders: readonly string[]
  readonly variables: ReadonlyMap<string, Secret>
  readonly vault?: SecretReader
}): SecretReader {
  const { folders, variables, vault } = parts
  return async (reference) => {
    switch (reference.kind) {
      case 'server-env': {
        const secret = variables.get(reference.name)
        return secret === undefined
          ? refused('this variable was not set at start, or not opened: only REMIT_SECRET_… and those named with --secret-env are')
          : { is: 'there', secret }
      }
      case 'server-file':
        return readInFolders(folders, reference.path)
      case 'vault':
        return vault === undefined ? refused('no Vault is known here: start with VAULT_ADDR set') : vault(reference)
    }
  }
}

/** What stands in the environment for references, taken out of it: a child that is started later does not have it. */
export function takeSecretVariables(env: NodeJS.ProcessEnv, named: readonly string[]): ReadonlyMap<string, Secret> {
  const taken = new Map<string, Secret>()
  for (const name of Object.keys(env)) {
    // That one names a file, and is the command line's own.
    const isOpened = named.includes(name) || (/^REMIT_SECRET_[A-Z0-9_]+$/.test(name) && name !== 'REMIT_SECRET_FILE')
    const found = isOpened ? bareSecret(env[name] ?? '') : undefined
    if (found?.is === 'there') taken.set(name, found.secret)
    if (isOpened) delete env[name]
  }
  return taken
}

/** Links are followed, because mounted secrets are links; what counts is where they lead. */
async function readInFolders(folders: readonly string[], path: string): Promise<Found> {
  const outside = refused('it is not below a folder that was opened with --secret-files, or is not there')
  const real = await realpath(path).catch(codeOf)
  // One answer for both: the log of an operator must not tell a configurer which files there are.
  if (!isAbsolute(real)) return real === 'ENOENT' || real === 'ENOTDIR' || real === 'EACCES' ? outside : unreachable(real)
  const roots = await Promise.all(folders.map((folder) => realpath(folder).catch(() => undefined)))
  if (!roots.some((root) => root !== undefined && isBelow(root, real))) return outside
  // Not through a link, which could have been put there since we looked; not waiting for a pipe's other end.
  const handle = await open(real, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  try {
    const { size, mode } = await handle.stat()
    if ((mode & constants.S_IFMT) !== constants.S_IFREG || size > secretLengthMax + 2) return refused('it is no file, or too large')
    return bareSecret(await handle.readFile('utf8'))
  } finally {
    await handle.close()
  }
}

function isBelow(folder: string, path: string): boolean {
  const way = relative(folder, path)
  // Orchestrators mount secrets in folders that are called ..data and the like.
  return way !== '' && way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way)
}

/** One line that a header can carry; a line break at its end is left out. */
export function bareSecret(text: string): Found {
  const bare = text.replace(/\r?\n$/, '')
  const isBare = bare !== '' && bare.length <= secretLengthMax && /^[\x20-\x7e]+$/.test(bare)
  return isBare
    ? { is: 'there', secret: new Secret(bare) }
    : refused('its value is empty, too long, or has a character that no header carries')
}
