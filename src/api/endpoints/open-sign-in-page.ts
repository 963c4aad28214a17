/** GET /sign-in: where a person signs in, and is led back from. */
import { z } from 'zod'
import { done } from '../../kernel/result.ts'
import { page } from '../answers.ts'
import { endpoint } from '../endpoint.ts'
import { signInPage } from '../pages/entry-pages.ts'
import { localPath } from '../pages/sign-in-instead.ts'

export const openSignInPage = endpoint({
  says: 'where a person signs in with a passkey; `next` is a page of this site to go on to',
  method: 'GET',
  path: '/sign-in',
  caller: 'nobody',
  perMinuteMax: 120,
  records: { nothing: 'signing in is recorded when it is done' },
  takes: 'none',
  bodyBytesMax: 0,
  refuses: 'page',
  input: z.strictObject({ next: z.string().max(8_000).optional() }),
  run: (api, { next = '/waiting' }) => done(page(signInPage(localPath(next, api.desk.pages().origin) ?? '/waiting'))),
})
