/** Who is in the demo: people with passkeys and a signed-in command line each, and machines with an API secret each. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { DemoPerson } from './person.ts'
import { askRemit, Command, type Environment, type RunningRemit } from './remit-process.ts'

export interface Cast {
  readonly people: Readonly<Record<'ana' | 'ben' | 'eva', DemoPerson>>
  /** The environment in which somebody's command line runs. */
  readonly as: (name: string) => Environment
}

const machines = ['release-bot', 'incident-agent', 'metrics-client'] as const

/** Registers the people, signs in their command lines, and makes the machines' secrets. */
export async function gather(remit: RunningRemit, folder: string): Promise<Cast> {
  const { url, pages, link } = remit.ready
  const people = { ana: new DemoPerson('ana', pages), ben: new DemoPerson('ben', pages), eva: new DemoPerson('eva', pages) }
  const environments = new Map<string, Environment>()
  await people.ana.register(link)
  environments.set('ana', await signIn(people.ana, url, folder))
  for (const person of [people.ben, people.eva]) {
    const invited = await askRemit<{ readonly link: string }>(['invite', person.name], environments.get('ana') ?? {})
    await person.register(invited.link)
    environments.set(person.name, await signIn(person, url, folder))
  }
  for (const name of machines) {
    const out = join(folder, `${name}.secret`)
    await askRemit(['secret', 'issue', name, '--lifetime', '1d', '--out', out], environments.get('ana') ?? {})
    environments.set(name, { REMIT_URL: url, REMIT_SECRET_FILE: out, XDG_CONFIG_HOME: join(folder, 'nobody') })
  }
  return {
    people,
    as: (name) => {
      const environment = environments.get(name)
      if (environment === undefined) throw new Error(`${name} is not in the demo`)
      return environment
    },
  }
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
