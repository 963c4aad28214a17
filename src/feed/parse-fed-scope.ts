/** A line of a scope as it comes over the feed. */
import { effects } from '../model/effects.ts'
import { formats } from '../model/formats.ts'
import type { ArgumentConstraint, RateLimit, ScopeEntry, SumLimit } from '../model/grants.ts'
import { argument, count, integer, list, map, object, one, optional, text } from './parse-shapes.ts'

export const scopeEntry = object<ScopeEntry>({
  resource: text,
  effects: optional(list(one(...effects))),
  arguments: optional(
    map(
      object<ArgumentConstraint>({
        oneOf: optional(list(argument)),
        like: optional(text),
        format: optional(one(...formats)),
        atLeast: optional(integer),
        atMost: optional(integer),
      }),
    ),
  ),
  uses: optional(count),
  sum: optional(object<SumLimit>({ argument: text, atMost: count })),
  rate: optional(object<RateLimit>({ atMost: count, window: count })),
  after: optional(text),
})
