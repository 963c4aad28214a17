/** GET /pages/remit-pages.css: the stylesheet of the pages. */
import { z } from 'zod'
import { done } from '../../kernel/result.ts'
import { endpoint } from '../endpoint.ts'

export const loadStylesheet = endpoint({
  says: 'the stylesheet of the pages',
  method: 'GET',
  path: '/pages/remit-pages.css',
  caller: 'nobody',
  perMinuteMax: 600,
  records: { nothing: 'it is the same for everybody' },
  takes: 'none',
  bodyBytesMax: 0,
  refuses: 'page',
  input: z.strictObject({}),
  run: (api) => done({ kind: 'text', type: 'text/css; charset=utf-8', text: api.assets.stylesheet }),
})
