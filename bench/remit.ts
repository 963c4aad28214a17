/** Remit as the bench uses it: `bin/remit up` built or from source, people and a bot set up through its own endpoints. */
import type { ChildProcess } from 'node:child_process'
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { DemoPerson } from '../demo/person.ts'
import { SoftwareAuthenticator } from '../src/host/software-authenticator.ts'
import { beginDeviceSignIn } from '../src/sdk/credentials.ts'
import { Remit } from '../src/sdk/remit.ts'
import { type Cores, end, firstLine, start } from './processes.ts'

export const shopSecret = 'shop-secret-of-the-bench'
const program = fileURLToPath(new URL('../bin/remit', import.meta.url))

export interface RunningRemit {
  readonly url: string
  readonly pages: string
  readonly link: string
  readonly gateways: Readonly<Record<string, string>>
  readonly process: ChildProcess
  /** From exec to the ready line. */
  readonly milliseconds: number
  stop(): Promise<void>
}

export interface RemitStart {
  readonly data: string
  readonly built: boolean
  readonly on: Cores
  readonly configuration?: string
}

/** What it prints with `--json`: that it is ready, or why it is not. */
interface ReadyLine {
  readonly url?: string
  readonly pages: string
  readonly link?: string
  readonly gateways: readonly { readonly service: string; readonly url: string }[]
}

/** Starts Remit in a data folder of its own; resolves with its ready line. */
export async function startRemit({ data, built, on, configuration }: RemitStart): Promise<RunningRemit> {
  const file = configuration === undefined ? [] : ['-f', configuration]
  const began = performance.now()
  const child = start([program, 'up', '--data', data, '--port', '0', '--demo', ...file, '--json'], {
    on,
    env: { SHOP_SECRET: shopSecret, REMIT_BUILT: built ? '1' : '' },
  })
  const line = await firstLine(child)
  const milliseconds = performance.now() - began
  const ready = JSON.parse(line) as ReadyLine
  if (ready.url === undefined) throw new Error(`remit up did not start: ${line}`)
  return {
    url: ready.url,
    pages: ready.pages,
    link: ready.link ?? '',
    gateways: Object.fromEntries(ready.gateways.map(({ service, url }) => [service, url])),
    process: child,
    milliseconds,
    stop: () => end(child),
  }
}

/** The bench's configuration and policies in a folder, with the addresses of the upstreams put in. */
export async function writeConfiguration(folder: string, upstreams: { readonly shop: string; readonly feed: string }): Promise<string> {
  const source = fileURLToPath(new URL('.', import.meta.url))
  await mkdir(folder, { recursive: true })
  await cp(join(source, 'policies'), join(folder, 'policies'), { recursive: true })
  const text = await readFile(join(source, 'remit.yaml'), 'utf8')
  const path = join(folder, 'remit.yaml')
  await writeFile(path, text.replace('http://127.0.0.1:9000', upstreams.shop).replace('http://127.0.0.1:9001', upstreams.feed))
  return path
}

export interface Cast {
  readonly ana: Remit
  readonly ben: DemoPerson
  readonly bot: Remit
}

/** Two people with passkeys, one of them signed in, and a bot with an API secret. */
export async function gather(remit: RunningRemit): Promise<Cast> {
  const anaInPerson = new DemoPerson('ana', remit.pages, new SoftwareAuthenticator())
  await anaInPerson.register(remit.link)
  const signIn = await beginDeviceSignIn({ url: remit.url, fetch })
  await anaInPerson.confirmCommandLine(signIn.userCode)
  const ana = new Remit({ url: remit.url, credential: { token: (await signIn.confirmed()).access_token } })
  const ben = new DemoPerson('ben', remit.pages, new SoftwareAuthenticator())
  const invited = await ana.invite('ben')
  if (!('link' in invited)) throw new Error('ben is to be configured')
  await ben.register(invited.link)
  const { secret } = await ana.issueSecret('load-bot', '1d')
  return { ana, ben, bot: new Remit({ url: remit.url, credential: { secret } }) }
}

/** A live grant and a gateway token for it. */
export async function grantFor({ bot, ben }: Cast, scope: readonly string[]): Promise<{ readonly id: string; readonly token: string }> {
  const asked = await bot.requestGrant({ task: 'load', statement: 'measure how fast it is', scope })
  if (asked.state === 'pending') await ben.answer(asked.id, 'approve')
  await bot.activate(asked.id)
  return { id: asked.id, token: (await bot.sessionToken(asked.id)).access_token }
}
