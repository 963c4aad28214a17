/** GET /: to what waits. */
import { z } from 'zod'
import { done } from '../../kernel/result.ts'
import { endpoint } from '../endpoint.ts'

export const openStartPage = endpoint({
  says: 'leads to what waits for an answer',
  method: 'GET',
  path: '/',
  caller: 'nobody',
  perMinuteMax: 300,
  records: { nothing: 'it only leads on' },
  takes: 'none',
  bodyBytesMax: 0,
  refuses: 'page',
  input: z.strictObject({}),
  run: () => done({ kind: 'redirect', to: '/waiting' }),
})
