/** AuthZEN's evaluation over HTTP: an application of Remit's beside the same endpoint on cedar-wasm, in turns, on one core each. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { end, firstLine, type Shares, start } from './processes.ts'
import { load, type LoadRun, type Target } from './wrk.ts'

export interface Authzen {
  readonly policies: number
  readonly entities: number
  readonly connections: number
  /** One entry a round. */
  readonly remit: readonly LoadRun[]
  readonly wasm: readonly LoadRun[]
}

const [policies, users, folders, documents] = [100, 500, 100, 2_000]
const connections = 32
const warmUpSeconds = 3

/** Writes the application that is measured, and what `remit.yaml` has to say of it. */
export async function writeApplication(folder: string): Promise<string> {
  const own = join(folder, 'docs')
  await mkdir(join(own, 'policies'), { recursive: true })
  await writeFile(join(own, 'docs.cedarschema'), schema)
  await writeFile(join(own, 'policies', 'docs.cedar'), Array.from({ length: policies }, (_, place) => policy(place)).join('\n'))
  await writeFile(join(own, 'entities.json'), JSON.stringify(entities()))
  return `
applications:
  - name: docs
    schema: ./docs/docs.cedarschema
    policies: ./docs/policies
    entities: ./docs/entities.json
    callers: 'identity:load-bot'
`
}

const schema = `
entity Team;
entity User in [Team];
entity Folder;
entity Document in [Folder] { level: Long };
action read, write appliesTo { principal: [User], resource: [Document], context: { mfa: Bool, purpose: String } };
`

function policy(place: number): string {
  return `@id("p${place}")
permit (principal in Team::"t${place}", action == Action::"${place % 4 === 3 ? 'write' : 'read'}", resource in Folder::"f${place}")
when { resource.level <= ${1 + (place % 3)} && context.mfa && context.purpose == "work" };`
}

function entities(): object[] {
  const uid = (type: string, id: string) => ({ type, id })
  const entity = (type: string, id: string, parents: readonly object[], attrs: object = {}) => ({ uid: uid(type, id), attrs, parents })
  return [
    ...Array.from({ length: folders }, (_, place) => entity('Team', `t${place}`, [])),
    ...Array.from({ length: folders }, (_, place) => entity('Folder', `f${place}`, [])),
    ...Array.from({ length: users }, (_, place) =>
      entity('User', `u${place}`, [uid('Team', `t${place % folders}`), uid('Team', `t${(place * 7 + 1) % folders}`)]),
    ),
    ...Array.from({ length: documents }, (_, place) =>
      entity('Document', `d${place}`, [uid('Folder', `f${place % folders}`)], { level: place % 3 }),
    ),
  ]
}

/** Allowed by one policy: everything else is passed over. */
const question = {
  subject: { type: 'User', id: 'u8' },
  action: { name: 'read' },
  resource: { type: 'Document', id: 'd108' },
  context: { mfa: true, purpose: 'work' },
}

export interface AuthzenInput {
  readonly folder: string
  readonly cores: Shares
  readonly rounds: number
  readonly seconds: number
  /** Origin of the API. */
  readonly remit: string
  /** For the API. */
  readonly token: string
  readonly tell: (text: string) => void
}

export async function measureAuthzen({ folder, cores, rounds, seconds, remit, token, tell }: AuthzenInput): Promise<Authzen> {
  const service = start([process.execPath, fileURLToPath(new URL('cedar-service.ts', import.meta.url)), join(folder, 'docs')], {
    on: cores.tested,
  })
  const { origin } = JSON.parse(await firstLine(service)) as { readonly origin: string }
  const body = JSON.stringify(question)
  const target = { method: 'POST', token, body } as const
  const ours: Target = { ...target, name: 'Remit', origin: remit, path: '/applications/docs/access/v1/evaluation' }
  const wasm: Target = { ...target, name: 'cedar-wasm', origin, path: '/access/v1/evaluation' }
  for (const each of [ours, wasm]) await isAllowed(each)
  tell('AuthZEN: evaluation over HTTP')
  for (const each of [ours, wasm]) await load(each, { connections, seconds: warmUpSeconds, on: cores.around })
  const runs: { remit: LoadRun[]; wasm: LoadRun[] } = { remit: [], wasm: [] }
  for (let round = 0; round < rounds; round += 1) {
    runs.remit.push(await load(ours, { connections, seconds, on: cores.around }))
    runs.wasm.push(await load(wasm, { connections, seconds, on: cores.around }))
  }
  await end(service)
  return { policies, entities: entities().length, connections, ...runs }
}

/** Both must say yes, or something else is measured. */
async function isAllowed({ name, origin, path, token, body }: Target): Promise<void> {
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` }
  const answer = await fetch(`${origin}${path}`, { method: 'POST', headers, body: body ?? '' })
  const text = await answer.text()
  const { decision } = JSON.parse(text) as { readonly decision?: boolean }
  if (answer.status !== 200 || decision !== true) throw new Error(`${name} answered ${answer.status}: ${text}`)
}
