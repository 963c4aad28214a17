/** The process's log as gateways write it: their facts come first, the host's words come first. */
import type { Log } from '../host/logs.ts'

export function gatewayLog(log: Log): Record<'info' | 'warn' | 'error', (facts: object, says: string) => void> {
  return {
    info: (facts, says) => log.info(says, { ...facts }),
    warn: (facts, says) => log.warn(says, { ...facts }),
    error: (facts, says) => log.error(says, { ...facts }),
  }
}
