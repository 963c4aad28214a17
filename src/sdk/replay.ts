/** Reads the answer of a replay: progress as it comes, and the report that it ends with. */
import type { ReplayBody, ReplayProgressView, ReplayView } from '../wire/replay.ts'
import { type Call, type Line, streamLines } from './http-calls.ts'
import { parseAnswer, parseJsonText } from './parse-answers.ts'
import { RemitUnreachable } from './remit-refusal.ts'

export interface Replaying extends Pick<Call, 'signal'> {
  /** Hears how far it has come. */
  readonly onProgress?: (progress: ReplayProgressView) => void
}

export async function replayPolicies(
  line: Line,
  body: ReplayBody,
  { onProgress, ...call }: Replaying & Pick<Call, 'token'>,
): Promise<ReplayView> {
  let report: ReplayView | undefined
  for await (const text of streamLines(line, { method: 'POST', path: '/v1/policies/replay', body, ...call })) {
    const told = parseJsonText(text)
    const progress = parseAnswer<{ readonly progress: ReplayProgressView }>(told, 'progress')?.progress
    if (progress !== undefined) onProgress?.(progress)
    report = parseAnswer<{ readonly report: ReplayView }>(told, 'report')?.report ?? report
  }
  if (report === undefined) throw new RemitUnreachable(line.url, 'broke off before the report')
  return report
}
