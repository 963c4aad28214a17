/** Who is in the demo: people with passkeys and a signed-in command line each, and machines with an API secret each. */
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { SoftwareAuthenticator } from '../src/host/software-authenticator.ts'
import { keepPasskeys, recallPasskeys } from './passkeys.ts'
import { DemoPerson } from './person.ts'
import { askRemit, Command, type Environment, runRemit, type RunningRemit } from './remit-process.ts'

export interface Cast {
  readonly people: Readonly<Record<'ana' | 'ben' | 'eva', DemoPerson>>
  /** The environment in which somebody's command line runs. */
  readonly as: (name: string) => Environment
}

const machines = ['release-bot', 'incident-agent', 'metrics-client'] as const

/** Where in the folder the passkeys of the people are. */
export function peopleIn(folder: string): string {
  return join(folder, 'people')
}

/** Brings the people in, signs in their command lines, and makes the machines' secrets. In a folder that was used before they come back. */
export async function gather(remit: RunningRemit, folder: string): Promise<Cast> {
  const { url, link = '' } = remit.ready
  const environments = new Map<string, Environment>()
  const enter = async (name: string, invited: () => Promise<string>) => {
    const person = await comeIn(name, { remit, folder, invited })
    environments.set(name, await signIn(person, url, folder))
    await keepPasskeys(peopleIn(folder), name, person.authenticator)
    return person
  }
  const byAna = async (name: string) => {
    const invitation = await askRemit<{ readonly link: string }>(['invite', name], environments.get('ana') ?? {})
    return invitation.link
  }
  const ana = await enter('ana', () => Promise.resolve(link))
  const [ben, eva] = await Promise.all([
    enter('ben', () => byAna('ben')),
    enter('eva', () => byAna('eva')),
    ...machines.map(async (name) => environments.set(name, await equip(name, { url, folder, by: environments.get('ana') ?? {} }))),
  ])
  return {
    people: { ana, ben, eva },
    as: (name) => {
      const environment = environments.get(name)
      if (environment === undefined) throw new Error(`${name} is not in the demo`)
      return environment
    },
  }
}

interface Entrance {
  readonly remit: RunningRemit
  readonly folder: string
  /** The link for whoever has no passkey yet. */
  readonly invited: () => Promise<string>
}

/** With the passkey that was kept, or with a new one. */
async function comeIn(name: string, { remit, folder, invited }: Entrance): Promise<DemoPerson> {
  const kept = await recallPasskeys(peopleIn(folder), name)
  const person = new DemoPerson(name, remit.ready.pages, kept ?? new SoftwareAuthenticator())
  if (kept === undefined) await person.register(await invited())
  else await person.signIn()
  await keepPasskeys(peopleIn(folder), name, person.authenticator)
  return person
}

/** A secret that still works is used again: an identity may have only a few. */
async function equip(name: string, at: { readonly url: string; readonly folder: string; readonly by: Environment }): Promise<Environment> {
  const { url, folder, by } = at
  const out = join(folder, `${name}.secret`)
  const environment = { REMIT_URL: url, REMIT_SECRET_FILE: out, XDG_CONFIG_HOME: join(folder, 'nobody') }
  if ((await runRemit(['whoami'], environment)).code === 0) return environment
  await rm(out, { force: true })
  await askRemit(['secret', 'issue', name, '--lifetime', '1d', '--out', out], by)
  return environment
}

/** `remit login`, confirmed on the page by the person's passkey. */
async function signIn(person: DemoPerson, url: string, folder: string): Promise<Environment> {
  const home = join(folder, person.name)
  await mkdir(home, { recursive: true, mode: 0o700 })
  const env = { REMIT_URL: url, XDG_CONFIG_HOME: home }
  const login = new Command(['login', '--url', url], env)
  const code = await untilFound(login, /\b([A-Z]{4}-[A-Z]{4})\b/)
  await person.confirmCommandLine(code)
  const ran = await login.done()
  if (ran.code !== 0) throw new Error(`${person.name} could not sign in: ${ran.stdout}${ran.stderr}`)
  return env
}

async function untilFound(command: Command, pattern: RegExp): Promise<string> {
  for (let tries = 0; tries < 300; tries += 1) {
    const [, found] = pattern.exec(`${command.stdout}${command.stderr}`) ?? []
    if (found !== undefined) return found
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error(`no code in: ${command.stdout}${command.stderr}`)
}
