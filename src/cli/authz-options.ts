/** Where proxies of other kinds may ask, as words of a command: the same for `remit up` and `remit gateway`. */
import { Command, InvalidArgumentError } from 'commander'
import type { Run } from './command.ts'
import { usageFailure } from './failures.ts'
import type { AuthzOptions } from './house.ts'

/** An address to listen on; the host is another option's where it is not said. */
export type ListenAt = NonNullable<AuthzOptions['authz']>

export function addAuthzOptions(command: Command): Command {
  return command
    .option(
      '--authz <[host:]port>',
      'open a port at which nginx, Envoy and their like ask before they forward; 0 takes any free one',
      parseListenAt,
    )
    .option('--authz-proxies <address or network>', 'where those proxies are, instead of on this machine; may be repeated', addText)
}

/** Fails where proxies are named and no port is. */
export function readAuthz(run: Run, command: unknown): AuthzOptions {
  const authz: unknown = command instanceof Command ? command.getOptionValue('authz') : undefined
  const authzProxies = run.texts('authzProxies')
  if (!isListenAt(authz)) {
    if (authzProxies.length > 0) throw usageFailure('there is no port for proxies', 'open one with --authz')
    return {}
  }
  return { authz, ...(authzProxies.length === 0 ? {} : { authzProxies }) }
}

function addText(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text]
}

export function parsePort(text: string): number {
  const port = Number(text)
  if (!/^\d{1,5}$/.test(text) || port > 65_535) throw new InvalidArgumentError('a port is a number from 0 to 65535.')
  return port
}

export function parseListenAt(text: string): ListenAt {
  const [, bracketed, plain, digits = ''] = /^(?:(?:\[([0-9a-f:.]+)\]|([^:\s]+)):)?(\d{1,5})$/i.exec(text) ?? []
  const host = bracketed ?? plain
  return { port: parsePort(digits), ...(host === undefined ? {} : { host }) }
}

export function isListenAt(value: unknown): value is ListenAt {
  return typeof value === 'object' && value !== null && 'port' in value
}
