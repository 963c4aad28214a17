/** Which of the two eras a message belongs to: the stateless one of 2026-07-28, or the one of sessions before it. */
import { isJsonObject } from '../../kernel/json.ts'
import type { Message } from './ports.ts'

export type Era = 'stateless' | 'sessions'

export const statelessVersion = '2026-07-28'
/** Newest first. */
export const sessionVersions = ['2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05'] as const

export const versionKey = 'io.modelcontextprotocol/protocolVersion'

/**
 * By what the message claims in its own body; a header alone claims as much for a message that brings none. So nobody escapes the checks
 * of the later era by leaving something out: who names it in either place has to keep to it in both.
 */
export function eraOf(versionHeader: string | undefined, message: Message | undefined): Era {
  const meta = message?.params['_meta']
  const claimed = isJsonObject(meta) ? meta[versionKey] : undefined
  if (claimed !== undefined) return 'stateless'
  return versionHeader !== undefined && isLater(versionHeader) ? 'stateless' : 'sessions'
}

/** Versions are dates: what is newer than the newest with sessions is stateless, or something that nobody here knows. */
function isLater(version: string): boolean {
  return /^\d{4}-\d{2}-\d{2}$/.test(version) && version > sessionVersions[0]
}
