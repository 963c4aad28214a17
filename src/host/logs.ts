/** The log of the process itself: JSON lines on stderr, in which no secret can stand. */
import { type DestinationStream, destination, type Logger, pino } from 'pino'

/** What happened, in words; what it happened to, as facts. Errors go under `error`. */
export interface Log {
  debug(says: string, facts?: Facts): void
  info(says: string, facts?: Facts): void
  warn(says: string, facts?: Facts): void
  error(says: string, facts?: Facts): void
  /** The same log with facts that stand on every line of it. */
  with(facts: Facts): Log
}

type Facts = Readonly<Record<string, unknown>>

export const logLevels = ['debug', 'info', 'warn', 'error', 'silent'] as const
export type LogLevel = (typeof logLevels)[number]

/** What is secret wherever it stands: names of headers, of OAuth fields and of our own. */
const secretNames = (
  'access_token apiKey api_key assertion authorization Authorization client_secret code cookie Cookie credential masterKey ' +
  'password privateKey proxy-authorization sealed secret set-cookie subject_token token'
).split(' ')

/** Secrets print as `[secret]` by themselves; this catches plain strings under telling names, down to the third level. */
const redactedPaths = secretNames.flatMap((name) => [`["${name}"]`, `*["${name}"]`, `*.*["${name}"]`])

/** A log on stderr, or on `to`. Lines are written before the call returns, so that the last words before an end are not lost. */
export function makeLog(options: { readonly level: LogLevel; readonly to?: DestinationStream }): Log {
  const { level, to = destination({ dest: 2, sync: true }) } = options
  return wrap(
    pino(
      {
        level,
        base: null,
        timestamp: pino.stdTimeFunctions.isoTime,
        messageKey: 'says',
        errorKey: 'error',
        formatters: { level: (label) => ({ level: label }) },
        serializers: { error: pino.stdSerializers.err },
        redact: { paths: redactedPaths, censor: '[secret]' },
      },
      to,
    ),
  )
}

function wrap(logger: Logger): Log {
  return {
    debug: (says, facts = {}) => logger.debug(facts, says),
    info: (says, facts = {}) => logger.info(facts, says),
    warn: (says, facts = {}) => logger.warn(facts, says),
    error: (says, facts = {}) => logger.error(facts, says),
    with: (facts) => wrap(logger.child(facts)),
  }
}
