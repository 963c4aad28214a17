/** The gateway's own tools as clients see them in a list, and what each takes. */
import { ownToolPrefix } from '../../model/configured-mcp.ts'

const text = (description: string, maxLength: number) => ({ type: 'string', description, minLength: 1, maxLength })
const grant = text('The grant, such as grn_…', 64)
const ticket = text('The ticket that this is about, where there is one.', 200)

/** Names of members, in JSON Schema. What each is bounded by is checked when a call is read. */
const tools = {
  eligible: {
    description:
      'Lists what you may ask for: operations, the kind of task that each is given for, for how long, and who has to approve. ' +
      'Needs no grant and changes nothing.',
    properties: {
      task: text('Only what this kind of task gives.', 64),
      service: text('Only operations of this service.', 64),
      ticket,
    },
    required: [],
    isRead: true,
  },
  request: {
    description:
      'Asks for a grant for one task. Ask for just what the task needs, narrowed by arguments where you know them: ' +
      '"ops/restart,service=web,uses=1". What policy gives by itself begins at once; else a person is asked, and the answer says who and where.',
    properties: {
      task: text('The kind of task, as remit_eligible lists it.', 64),
      scope: {
        type: 'array',
        description: 'Operations, one a line: service/operation, then constraints on arguments after commas.',
        items: { type: 'string', minLength: 1, maxLength: 1_000 },
        minItems: 1,
        maxItems: 32,
      },
      statement: text('Why, in the words of whoever gave you the task. A person reads it before saying yes.', 500),
      ticket,
      duration: text('For how long, such as 30m. Without it as long as policy says.', 16),
    },
    required: ['task', 'scope', 'statement'],
    isRead: false,
  },
  status: {
    description:
      'Says where a grant stands. One that was approved meanwhile begins now. Without a grant it lists all of yours that are open.',
    properties: { grant },
    required: [],
    isRead: false,
  },
  done: {
    description: 'Says that the task is done: the grant ends at once. Call it as soon as you need the grant no more.',
    properties: { grant, reason: text('What became of the task.', 500) },
    required: ['grant'],
    isRead: false,
  },
} as const

export type OwnTool = keyof typeof tools

const names: readonly OwnTool[] = ['eligible', 'request', 'status', 'done']

/** Which of them a name is, if any. */
export function ownToolOf(name: unknown): OwnTool | undefined {
  return names.find((each) => `${ownToolPrefix}${each}` === name)
}

/** Members that it takes. */
export function membersOf(tool: OwnTool): readonly string[] {
  return Object.keys(tools[tool].properties)
}

/** As elements of `tools/list`. A token for one grant asks for no other, and is not offered to. */
export function listedTools(mayAsk: boolean): readonly Uint8Array[] {
  return names.flatMap((name) => {
    if (name === 'request' && !mayAsk) return []
    const { description, properties, required, isRead } = tools[name]
    const inputSchema = { type: 'object', properties, required, additionalProperties: false }
    const annotations = { readOnlyHint: isRead, destructiveHint: false, openWorldHint: false }
    return [Buffer.from(JSON.stringify({ name: `${ownToolPrefix}${name}`, description, inputSchema, annotations }))]
  })
}
