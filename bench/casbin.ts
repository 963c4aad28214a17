/** casbin with the same rules: roles by its role manager, the amount and the kind of task in its matcher. */
import { newEnforcer, newModelFromString } from 'casbin'
import type { Said } from './decisions.ts'

export type Casbin = (agent: string, service: string, context: { readonly kind: string; readonly amount: number }) => boolean

const model = `
[request_definition]
r = sub, obj, ctx
[policy_definition]
p = sub, obj, least, most, eft
[role_definition]
g = _, _
[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))
[matchers]
m = g(r.sub, p.sub) && r.obj == p.obj && r.ctx.kind == "release" && r.ctx.amount > p.least && r.ctx.amount <= p.most
`

/** An enforcer that is asked without waiting, which is its quickest way. */
export async function openCasbin(all: readonly Said[], roles: ReadonlyMap<string, readonly string[]>): Promise<Casbin> {
  const enforcer = await newEnforcer(newModelFromString(model))
  enforcer.enableLog(false)
  const rules = all.map(({ isForbid, role, service, amountMax }) =>
    isForbid ? [role, service, `${amountMax}`, '1000000', 'deny'] : [role, service, '-1', `${amountMax}`, 'allow'],
  )
  await enforcer.addPolicies(rules)
  await enforcer.addGroupingPolicies([...roles].flatMap(([agent, of]) => [...new Set(of)].map((role) => [agent, role])))
  return (agent, service, context) => enforcer.enforceSync(agent, service, context)
}
