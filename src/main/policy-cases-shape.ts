/** The shape of a file of policy cases: what is read against it, and the JSON Schema for editors, are one and the same. */
import { z } from 'zod'
import { impactLevels } from '../model/effects.ts'
import { identityKinds } from '../model/identities.ts'

const casesMax = 5_000
const listMax = 1_000

const text = (charactersMax: number) => z.string().min(1).max(charactersMax)
const name = text(128)
const names = z.array(name).max(listMax)
const duration = z
  .string()
  .regex(/^\d{1,9}[smhd](?:\d{1,9}[smhd]){0,3}$/)
  .meta({ description: 'a length of time, such as 90s, 30m or 2h' })
const instant = z
  .string()
  .regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,3})?Z$/)
  .meta({ description: 'an instant in UTC, such as 2030-01-02T15:04:05Z' })
const values = z.record(name, text(1_000))
const impact = z.enum(impactLevels)

const service = z
  .strictObject({
    name,
    environment: name.optional(),
    labels: names.optional(),
    impact: z.strictObject({ data: impact.optional(), service: impact.optional(), safety: impact.optional() }).optional(),
    upstream: text(2_000).optional(),
    routes: z.array(z.record(z.string(), z.unknown())).max(listMax).optional(),
  })
  .meta({ description: 'a service of remit.yaml with these members changed, or a further one' })

const facts = z
  .strictObject({
    people: z
      .array(z.strictObject({ name, disabled: z.boolean().optional() }))
      .max(listMax)
      .optional(),
    identities: z
      .array(
        z.strictObject({
          name,
          kind: z.enum(identityKinds).exclude(['human']).optional(),
          owner: name.optional(),
          disabled: z.boolean().optional(),
        }),
      )
      .max(listMax)
      .optional(),
    roles: z.record(name, names).optional().meta({ description: 'members of a role, in place of those that remit.yaml names' }),
    services: z.array(service).max(listMax).optional(),
  })
  .meta({ description: 'what is other than in remit.yaml: by name, added or changed' })

const task = z
  .strictObject({
    kind: name.meta({ description: 'the kind of task that policies compare with' }),
    statement: text(2_000).optional(),
    ticket: text(200).optional().meta({ description: 'as the asker says it: claimed, not proved' }),
    proved: values.optional().meta({ description: 'what a verified token carried, such as ticket or ci.run' }),
  })
  .meta({ description: 'what the work is for' })

const scope = z.array(text(2_000)).min(1).max(100).meta({ description: 'lines as remit request takes them' })

const ask = z.strictObject({ scope, duration: duration.optional() }).meta({ description: 'a request for a grant' })

const argument = z.union([z.string(), z.boolean(), z.number(), z.array(z.string())])

const act = z
  .strictObject({
    on: text(200).meta({ description: 'the operation, such as shop/restart' }),
    arguments: z.record(name, argument).optional(),
    from: text(64).optional().meta({ description: "the client's address; 127.0.0.1 unless said" }),
    refusals: z.int().min(0).max(1_000_000).optional().meta({ description: 'how many actions of this session were refused before' }),
    scope: scope.optional().meta({ description: 'of the grant that it rides on; the operation unless said' }),
  })
  .meta({ description: 'one action, under a live grant for the task' })

const want = z
  .strictObject({
    answer: z.enum(['allow', 'hold', 'deny', 'eligible', 'not-eligible']),
    policies: names.optional().meta({ description: 'ids of all that decide it: of those that refuse, hold or let ask' }),
    approval: text(500).optional().meta({ description: 'who must approve, such as role:sre; nobody where nobody must' }),
    refusal: name.optional().meta({ description: 'the code of the refusal, such as action.forbidden' }),
    duration: duration.optional().meta({ description: 'what a request gets that names no time' }),
    durationMax: duration.optional().meta({ description: 'the most that a request may last' }),
    obligations: text(200).optional().meta({ description: 'what duties demand, such as record=durable; none where none does' }),
    duties: names.optional().meta({ description: 'ids of the policies that demand it' }),
  })
  .meta({ description: 'the answer that is right; of what is not said anything is' })

const policyCase = z
  .strictObject({
    name: text(300),
    as: name.meta({ description: 'who acts first' }),
    for: z.array(name).max(8).optional().meta({ description: 'for whom, and for whom that one acts' }),
    at: instant.optional(),
    facts: facts.optional(),
    task: task.optional(),
    ask: ask.optional(),
    act: act.optional(),
    want,
  })
  .meta({ oneOf: [{ required: ['ask'] }, { required: ['act'] }] })

export const policyCases = z
  .strictObject({
    $schema: text(1_000).optional(),
    version: z.literal(1),
    at: instant.optional().meta({ description: 'when all of it happens; noon of 1 January 2030 unless said' }),
    facts: facts.optional(),
    task: task.optional(),
    cases: z.array(policyCase).min(1).max(casesMax),
  })
  .meta({ title: 'Cases for remit policy test' })

export type PolicyCases = z.output<typeof policyCases>
export type PolicyCase = z.output<typeof policyCase>
export type CaseFacts = z.output<typeof facts>
export type CaseTask = z.output<typeof task>
export type CaseWant = z.output<typeof want>

/** JSON Schema, draft 2020-12. */
export function policyCasesSchema(): object {
  return z.toJSONSchema(policyCases, { target: 'draft-2020-12', io: 'input' })
}

/** Names that stand at a place of the document, for whoever wrote another one. */
export function membersAt(path: readonly PropertyKey[]): readonly string[] {
  let shape: unknown = policyCases
  for (const step of path) shape = below(unwrapped(shape), step)
  const at = unwrapped(shape)
  return at instanceof z.ZodObject ? Object.keys(at.shape) : []
}

function unwrapped(shape: unknown): unknown {
  return shape instanceof z.ZodOptional ? unwrapped(shape.unwrap()) : shape
}

function below(shape: unknown, step: PropertyKey): unknown {
  if (shape instanceof z.ZodArray) return shape.element
  if (shape instanceof z.ZodRecord) return shape.valueType
  if (!(shape instanceof z.ZodObject)) return undefined
  const { shape: members }: { readonly shape: Readonly<Record<string, unknown>> } = shape
  return typeof step === 'string' && Object.hasOwn(members, step) ? members[step] : undefined
}
