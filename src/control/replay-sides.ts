/** What was done and asked for, put once more to one set of policies: by the facts of today, at the instant it happened. */
import { type Eligible, mayAsk } from '../decision/ask.ts'
import { type Answer, decide } from '../decision/decide.ts'
import type { EntityStore } from '../decision/cedar/entities.ts'
import { chainStands, type DecisionFacts } from '../decision/facts.ts'
import type { Rules } from '../decision/rules.ts'
import { asAtWork, suppose } from '../decision/suppose.ts'
import { whyGuarded } from '../decision/why.ts'
import type { GrantId } from '../kernel/ids.ts'
import type { Result } from '../kernel/result.ts'
import type { Action } from '../model/actions.ts'
import type { Grant } from '../model/grants.ts'
import { findRoute } from '../model/services.ts'
import type { Facts } from './facts.ts'
import type { RecordedAction } from './replay-lines.ts'

/** How many grants are kept at hand for the actions that rode on them. */
const grantsMax = 5_000

/** One set of policies, and copies of the grants that are asked about, so that what is remembered of real ones stays as it is. */
export class Side {
  readonly #facts: DecisionFacts
  readonly #grants = new Map<GrantId, Grant>()

  constructor(facts: Facts, rules: Rules | undefined, entities: EntityStore) {
    this.#facts = suppose(facts, { rules, entities, grant: (id) => this.#grants.get(id) })
  }

  decide({ chain, address, at }: RecordedAction, action: Action, grant: Grant): Answer {
    if (this.#grants.size >= grantsMax) this.#grants.clear()
    if (!this.#grants.has(grant.id)) this.#grants.set(grant.id, asAtWork(grant))
    return decide(this.#facts, { chain, proof: '', grant: grant.id, action, address, refusals: 0 }, at)
  }

  /** Which values decided it, of the guardrails that refused, held or bound it. Never throws. */
  why(
    { chain, address, at }: RecordedAction,
    action: Action,
    { grant, answer }: { readonly grant: Grant; readonly answer: Answer },
  ): readonly string[] {
    const links = chainStands(this.#facts, chain)
    const ids =
      answer.outcome === 'deny'
        ? (answer.refusal.policies ?? [])
        : answer.outcome === 'hold'
          ? [...answer.policies, ...answer.duties]
          : answer.duties
    if (!links.ok) return []
    return whyGuarded(this.#facts, { chain: links.value, task: grant.task, action, address, refusals: 0, now: at }, ids)
  }

  /** `before` is how long the grant had that this one asked more time for. */
  ask({ chain, task, scope, duration, requestedAt }: Grant, before: number): Result<Eligible> {
    const links = chainStands(this.#facts, chain)
    if (!links.ok) return links
    return mayAsk(this.#facts, { chain: links.value, task, scope, duration: duration + before }, requestedAt)
  }
}

/** The action as a gateway would name it today; `undefined` where there is no such operation any more. */
export function actionToday(facts: Pick<Facts, 'service'>, { resource, arguments: given, provenance }: RecordedAction): Action | undefined {
  const slash = resource.indexOf('/')
  const service = facts.service(resource.slice(0, Math.max(0, slash)))
  const route = service === undefined ? undefined : findRoute(service, resource.slice(slash + 1))
  if (service === undefined || route === undefined) return undefined
  const { name: operation, method: verb, effect, tier } = route
  const seen = provenance === undefined ? {} : { provenance }
  return { protocol: service.protocol, service: service.id, operation, verb, effect, tier, arguments: given, target: '', ...seen }
}
