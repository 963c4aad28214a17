/** Reads what an agent asks through a gateway elsewhere, and what it is told, strictly at both ends. */
import type { Askable } from '../control/eligible.ts'
import type { AgentGrant } from '../control/own-tools.ts'
import { isJsonObject } from '../kernel/json.ts'
import { effects } from '../model/effects.ts'
import type { AgentDeed, AgentRequest, AgentSaid } from './agent-messages.ts'
import { count, id, list, object, one, optional, type Shape, text, Unread, upTo } from './parse-shapes.ts'

type Of<D extends AgentDeed['do']> = Extract<AgentDeed, { readonly do: D }>

const word = upTo(200)
const sentence = upTo(1_000)
const linesMax = 100
const listedMax = 1_000

const deeds = {
  eligible: object<Of<'eligible'>>({ do: one('eligible'), task: optional(word), ticket: optional(word) }),
  request: object<Of<'request'>>({
    do: one('request'),
    request: object<AgentRequest>({
      task: word,
      statement: sentence,
      ticket: optional(word),
      scope: list(sentence, linesMax),
      duration: optional(count),
    }),
  }),
  status: object<Of<'status'>>({ do: one('status'), grant: optional(id('grn')) }),
  done: object<Of<'done'>>({ do: one('done'), grant: id('grn'), reason: sentence }),
} satisfies { readonly [D in AgentDeed['do']]: Shape<Of<D>> }

export const agentDeed: Shape<AgentDeed> = (value) => {
  const named = isJsonObject(value) ? value['do'] : undefined
  const shape: Shape<AgentDeed> | undefined =
    typeof named === 'string' && Object.hasOwn(deeds, named) ? deeds[named as keyof typeof deeds] : undefined
  if (shape === undefined) throw new Unread('a deed that is not known')
  return shape(value)
}

const grant = object<AgentGrant>({
  id: id('grn'),
  state: one('requested', 'pending', 'approved', 'active', 'ended', 'denied', 'withdrawn', 'unclaimed'),
  task: text,
  scope: list(text, linesMax),
  approval: text,
  locked: optional(one(true)),
  untrusted: optional(one(true)),
  page: text,
  expiresAt: optional(text),
  ending: optional(text),
})

const askable = object<Askable>({
  resource: text,
  effect: one(...effects),
  tier: one(0, 1, 2, 3),
  task: text,
  durationMax: text,
  approval: text,
  policies: list(text, listedMax),
  command: text,
})

export const agentSaid: Shape<AgentSaid> = object<AgentSaid>({
  grants: optional(list(grant, listedMax)),
  eligible: optional(list(askable, listedMax)),
})
