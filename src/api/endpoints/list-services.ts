/** GET /v1/services: what can be called through the gateways. */
import { z } from 'zod'
import { done } from '../../kernel/result.ts'
import { callerMay } from '../../control/rights.ts'
import type { ServiceList } from '../../wire/services.ts'
import { json } from '../answers.ts'
import { endpoint } from '../endpoint.ts'
import { serviceView } from '../views.ts'

export const listServices = endpoint({
  says: 'services, the addresses of their gateways, and their operations; to whoever audits also whether their upstream can be reached',
  method: 'GET',
  path: '/v1/services',
  caller: 'identity',
  perMinuteMax: 120,
  records: { nothing: 'names of services are for every identity; calling them is what is decided' },
  takes: 'none',
  bodyBytesMax: 0,
  refuses: 'problem',
  input: z.strictObject({}),
  run: (api, _input, { caller }) => {
    const mayAudit = callerMay(api.desk, caller, 'audit').ok
    const services = api.desk.facts.services().map((service) => {
      const own = api.serviceUrl(service.id)
      const urls = [...(own === undefined ? [] : [own]), ...(api.feed?.urls(service.id) ?? [])]
      return serviceView(service, urls, mayAudit ? api.serviceHealth?.(service.id) : undefined)
    })
    return done(json({ services } satisfies ServiceList))
  },
})
