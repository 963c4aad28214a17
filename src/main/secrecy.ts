/** What `remit up` is told of TLS, of names and of secrets kept elsewhere, made into what the parts take. */
import { isIP } from 'node:net'
import { resolve } from 'node:path'
import type { UpOptions } from '../cli/house.ts'
import type { HostClock } from '../host/clock.ts'
import type { Log } from '../host/logs.ts'
import { makeSecretReader, takeSecretVariables } from '../host/secret-readers.ts'
import { type HostSecretSource, makeSecretSource } from '../host/secret-source.ts'
import { openTlsFiles } from '../host/tls-files.ts'
import type { TlsMaterial } from '../host/tls-material.ts'
import { orThrow } from './or-throw.ts'

type TlsWanted = Pick<UpOptions, 'host' | 'names' | 'tls' | 'plaintext'>

/** How this Remit is reached: by TLS or without, and under which names. */
export interface Reached {
  readonly tls?: TlsMaterial
  readonly scheme: 'http' | 'https'
  /** The name of the pages, to which passkeys belong. */
  readonly name: string
  /** What stands in URLs that are printed for clients. */
  readonly host: string
  /** Where the certificate of the local authority is, for clients to trust. */
  readonly authority?: string
  readonly warnings: readonly string[]
}

/** Throws a sentence for a person where it would speak to other machines without encryption and nobody said so. */
export async function prepareTls(
  options: TlsWanted,
  keys: string,
  parts: { readonly clock: HostClock; readonly log: Log },
): Promise<Reached> {
  const { host, names = [], tls } = options
  const isEverywhere = host === '0.0.0.0' || host === '::'
  const reached = {
    name: names.find((name) => isIP(name) === 0) ?? 'localhost',
    host: isEverywhere ? (names[0] ?? 'localhost') : host,
  }
  if (tls === undefined) return { ...reached, scheme: 'http', warnings: plaintextWarnings(options) }
  if (tls !== 'local') {
    const files = { certificate: resolve(tls.certificate), key: resolve(tls.key) }
    return { ...reached, scheme: 'https', tls: orThrow(await openTlsFiles({ ...files, ...parts })), warnings: [] }
  }
  const further = [...names, ...(isIP(host) === 0 || isEverywhere ? [] : [host])]
  // Making certificates takes a library, which nobody else needs.
  const { openLocalAuthority } = await import('../host/local-authority.ts')
  const authority = orThrow(await openLocalAuthority({ folder: keys, names: further, ...parts }))
  return { ...reached, scheme: 'https', tls: authority, authority: authority.path, warnings: [] }
}

/** Throws where nobody said that unencrypted is right. */
export function plaintextWarnings({ host, plaintext }: Pick<TlsWanted, 'host' | 'plaintext'>): readonly string[] {
  if (isLoopback(host)) return []
  if (plaintext !== true)
    throw new Error(
      `on ${host} tokens and secrets would cross the network unencrypted; give --tls, or --tls-certificate with --tls-key, or --plaintext where the network itself is trusted`,
    )
  return [`PLAINTEXT on ${host}: whoever sees the network has every token and every secret that passes, and can act with them`]
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host)
}

/**
 * References are looked up in what the operator opened here and nowhere else. Variables that hold a secret are taken out of the environment:
 * called when nothing else reads it any more.
 */
export async function prepareSecrets(
  { secretFiles = [], secretEnv = [] }: Pick<UpOptions, 'secretFiles' | 'secretEnv'>,
  { clock, log }: { readonly clock: HostClock; readonly log: Log },
): Promise<HostSecretSource> {
  const variables = takeSecretVariables(process.env, secretEnv)
  const vault = await prepareVault(clock)
  const reader = makeSecretReader({
    folders: secretFiles.map((folder) => resolve(folder)),
    variables,
    ...(vault === undefined ? {} : { vault }),
  })
  return makeSecretSource({ clock, reader, log })
}

/** Loaded where there is a Vault only: reading its answers takes a library. */
async function prepareVault(clock: HostClock) {
  if ((process.env['VAULT_ADDR'] ?? '') === '') return undefined
  const { makeVaultReader, takeVaultOptions } = await import('../host/secret-vault.ts')
  const options = await takeVaultOptions(process.env, clock)
  if (typeof options === 'string') throw new Error(options)
  return options === undefined ? undefined : makeVaultReader(options)
}
