/** The shop with enough people to approve: five of them, in two roles, and policies that hold, ask for two, and ask for one. */
import { shopDocument } from './shop.ts'

export const policies = `
@id("agents-may-look-into-incidents") @duration("20m") @maxDuration("1h")
permit (principal in Role::"incident-agents", action == Action::"request", resource in Service::"shop")
when { context.task.kind == "incident" };

@id("bots-may-release") @approval("role:release-manager") @duration("30m")
permit (principal in Role::"release-bots", action == Action::"request", resource in Service::"shop")
when { context.task.kind == "release" };

@id("two-of-a-kind") @approval("2 of role:sre, identity:ana")
permit (principal in Role::"release-bots", action == Action::"request", resource in Service::"shop")
when { context.task.kind == "migration" };

@id("restart-needs-a-person") @hold("role:sre")
forbid (principal is AiAgent, action in Effect::Action::"execute", resource in Service::"shop");
`
export const stricter = `${policies}
@id("restart-needs-a-manager-too") @hold("role:release-manager")
forbid (principal is AiAgent, action in Effect::Action::"execute", resource in Service::"shop");
`
export const people = ['ana', 'ben', 'cyd', 'dan', 'eva'].map((name) => ({ name }))
export const roles = {
  sre: ['ben', 'cyd', 'dan', 'aide'],
  'release-manager': ['eva', 'ana'],
  operators: ['ben'],
  auditors: ['eva'],
  'incident-agents': ['aide', 'ana', 'ben'],
  'release-bots': ['bot'],
  meters: ['meter'],
}
/** The document, fresh, with these parts changed. */
export const document = (more: Record<string, unknown> = {}) =>
  shopDocument({ people, roles, policyFiles: [{ name: 'shop.cedar', text: policies }], ...more })
