/** A service of remit.yaml made of what an MCP server said: one line for each tool, with what is to be looked at beside it. */
import { Document, isMap, isScalar, isSeq, type Node } from 'yaml'
import type { DeclaredLine, DeclareOptions, DeclareReport } from './house.ts'
import { clean } from './text.ts'

export interface DeclaredService extends Pick<DeclareOptions, 'name' | 'at'> {
  /** Of its token: `env:NAME`. */
  readonly reference: string | undefined
}

/** As an item of `services`, without comments. */
export function declaredObject({ name, at, reference }: DeclaredService, { tools, resources, prompts }: DeclareReport): object {
  const way =
    'url' in at ? { upstream: at.url } : { command: at.command, ...(at.variables.length === 0 ? {} : { variables: at.variables }) }
  return {
    name,
    protocol: 'mcp',
    ...way,
    ...(reference === undefined ? {} : { credential: { bearer: reference } }),
    environment: 'prod',
    ...listed('tools', tools),
    ...listed('resources', resources),
    ...listed('prompts', prompts),
  }
}

function listed(name: string, lines: readonly DeclaredLine[]): object {
  return lines.length === 0 ? {} : { [name]: lines.map(({ line }) => line) }
}

const head = ` What the server says it has. Read each line: strike out what no task needs, and correct the effects, which are taken from its own words.`
const user = 'user: nobody, or whom it runs as where the gateway is root'
const impact = 'impact: { data: low, service: low, safety: none }, or how bad a mistake can be; without it the worst is assumed'

/** YAML to be put into remit.yaml: `services:` with the one. */
export function declaredText(service: DeclaredService, report: DeclareReport): string {
  const document = new Document(
    { services: [declaredObject(service, report)] },
    { version: '1.2', schema: 'core', aliasDuplicateObjects: false },
  )
  document.commentBefore = [head, ...report.leftOut.map((each) => ` Left out: ${clean(each)}`)].join('\n')
  const item: unknown = document.getIn(['services', 0], true)
  if (!isMap(item)) throw new Error('a service is a map')
  const after = item.items[item.items.findIndex(({ key }) => isScalar(key) && key.value === 'environment') + 1]
  if (isScalar(after?.key))
    after.key.commentBefore = ['command' in service.at ? user : '', impact].flatMap((each) => (each === '' ? [] : [` ${each}`])).join('\n')
  for (const name of ['command', 'variables', 'credential']) flowing(item.get(name, true))
  for (const [name, lines] of [
    ['tools', report.tools],
    ['resources', report.resources],
    ['prompts', report.prompts],
  ] as const) {
    const list: unknown = item.get(name, true)
    if (!isSeq(list)) continue
    for (const [place, each] of list.items.entries()) flowing(each, lines[place]?.notes)
  }
  return document.toString({ lineWidth: 0, flowCollectionPadding: true })
}

/** On one line, with its notes behind it. */
function flowing(node: unknown, notes: readonly string[] = []): void {
  if (!isMap(node) && !isSeq(node)) return
  node.flow = true
  const comment = notes.map(clean).join('; ')
  if (comment !== '') (node satisfies Node).comment = ` ${comment}`
}
