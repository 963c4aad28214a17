/** GET /device: where a person confirms that a command line is theirs. */
import { z } from 'zod'
import { done } from '../../kernel/result.ts'
import { page } from '../answers.ts'
import { endpoint } from '../endpoint.ts'
import { devicePage } from '../pages/entry-pages.ts'

export const openDevicePage = endpoint({
  says: 'where a person confirms that a command line is theirs',
  method: 'GET',
  path: '/device',
  caller: 'person',
  perMinuteMax: 120,
  records: { nothing: 'confirming is recorded when it is done' },
  takes: 'none',
  bodyBytesMax: 0,
  refuses: 'page',
  input: z.strictObject({ code: z.string().max(20).optional() }),
  run: (_api, { code = '' }, { person }) => done(page(devicePage(person, code))),
})
