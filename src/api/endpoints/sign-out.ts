/** POST /sign-out: the person leaves the pages. */
import { z } from 'zod'
import { done } from '../../kernel/result.ts'
import { signOut as forget } from '../../control/people.ts'
import { endedCookie } from '../cookies.ts'
import { endpoint } from '../endpoint.ts'

export const signOut = endpoint({
  says: 'the person leaves the pages',
  method: 'POST',
  path: '/sign-out',
  caller: 'person',
  perMinuteMax: 60,
  records: { nothing: 'leaving gives nobody anything; coming in is recorded' },
  takes: 'form',
  bodyBytesMax: 1_024,
  refuses: 'page',
  input: z.strictObject({}),
  run: async (api, _input, { cookie }) => {
    const forgotten = await forget(api.desk, cookie)
    return forgotten.ok
      ? done({ kind: 'redirect', to: '/sign-in', cookie: endedCookie({ space: api.desk.space, origin: api.desk.pages().origin }) })
      : forgotten
  },
})
