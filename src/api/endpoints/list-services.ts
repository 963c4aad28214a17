/** GET /v1/services: what can be called through the gateways. */
import { z } from 'zod'
import { done } from '../../kernel/result.ts'
import type { ServiceList } from '../../wire/services.ts'
import { json } from '../answers.ts'
import { endpoint } from '../endpoint.ts'
import { serviceView } from '../views.ts'

export const listServices = endpoint({
  says: 'services, the address of their gateway, and their operations',
  method: 'GET',
  path: '/v1/services',
  caller: 'identity',
  perMinuteMax: 120,
  records: { nothing: 'names of services are for every identity; calling them is what is decided' },
  takes: 'none',
  bodyBytesMax: 0,
  refuses: 'problem',
  input: z.strictObject({}),
  run: (api) =>
    done(
      json({
        services: api.desk.facts.services().map((service) => serviceView(service, api.serviceUrl(service.id))),
      } satisfies ServiceList),
    ),
})
