/** GET /pages/remit-pages.js: the script of the pages. */
import { z } from 'zod'
import { done } from '../../kernel/result.ts'
import { endpoint } from '../endpoint.ts'

export const loadScript = endpoint({
  says: 'the script of the pages',
  method: 'GET',
  path: '/pages/remit-pages.js',
  caller: 'nobody',
  perMinuteMax: 600,
  records: { nothing: 'it is the same for everybody' },
  takes: 'none',
  bodyBytesMax: 0,
  refuses: 'page',
  input: z.strictObject({}),
  run: (api) => done({ kind: 'text', type: 'text/javascript; charset=utf-8', text: api.assets.script }),
})
