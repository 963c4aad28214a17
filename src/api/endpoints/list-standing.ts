/** GET /v1/standing: every privilege that stands, Remit's own desk included. */
import { z } from 'zod'
import { formatInstant } from '../../kernel/instants.ts'
import { done } from '../../kernel/result.ts'
import { standing } from '../../control/standing.ts'
import type { StandingView } from '../../wire/exceptions.ts'
import { json } from '../answers.ts'
import { endpoint } from '../endpoint.ts'
import { exceptionViews } from '../exception-views.ts'
import { instants, nameOf } from '../views.ts'

const namesMax = 50

export const listStanding = endpoint({
  says: 'every standing privilege, exceptions first: the desk, grants without a gap, upstream credentials; own ones, or all for whoever may audit',
  method: 'GET',
  path: '/v1/standing',
  caller: 'identity',
  perMinuteMax: 20,
  records: { nothing: 'it shows what the caller may see' },
  takes: 'none',
  bodyBytesMax: 0,
  refuses: 'problem',
  input: z.strictObject({}),
  run: async ({ desk }, _input, { caller, at }) => {
    const { exceptions, desk: atDesk, isWhole, runs, upstreams, credentials } = await standing(desk, caller)
    const view: StandingView = {
      at: formatInstant(at),
      exceptions: await exceptionViews(desk, exceptions),
      desk: atDesk.map(({ actions, policies, identities }) => ({
        actions,
        policies,
        identities: identities
          .map(({ name }) => name)
          .toSorted()
          .slice(0, namesMax),
        count: identities.length,
      })),
      ...(isWhole ? { machine: "whoever can read and write this Remit's data folder, or its database, can do what Remit can" } : {}),
      runs: runs.runs.map((run) => ({
        ...run,
        identity: nameOf(desk, run.identity),
        from: formatInstant(run.from),
        to: formatInstant(run.to),
      })),
      ...(runs.isPartial ? { runsPartial: true } : {}),
      upstreams: upstreams.map(({ id, environment, credential }) => ({
        service: id,
        environment,
        header: credential?.header ?? '',
        ...instants({ since: credential?.since }),
      })),
      credentials: credentials.map(({ id, identity, kind, client, createdAt, expiresAt, lastUsedAt, isUnused }) => ({
        id,
        identity: nameOf(desk, identity),
        kind,
        ...(client === undefined ? {} : { client }),
        createdAt: formatInstant(createdAt),
        ...instants({ expiresAt, lastUsedAt }),
        ...(isUnused ? { unused: true as const } : {}),
      })),
    }
    return done(json(view))
  },
})
