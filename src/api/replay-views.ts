/** The events of a replay as lines of JSON. */
import { canonicalJson } from '../kernel/json.ts'
import { formatInstant } from '../kernel/instants.ts'
import type { ReplayEvent, ReplayReport } from '../control/replay.ts'
import type { Changed } from '../control/replay-tally.ts'

export async function* replayLines(events: AsyncIterable<ReplayEvent>): AsyncGenerator<string, void, undefined> {
  for await (const event of events) yield canonicalJson(lineOf(event))
}

function lineOf(event: ReplayEvent): object {
  if (event.is === 'report') return { report: reportView(event.report) }
  const { bytes, ofBytes, actions } = event
  return { progress: { bytes, ofBytes, actions } }
}

function reportView(report: ReplayReport): object {
  return {
    ...report,
    since: formatInstant(report.since),
    changes: report.changes.map(changeView),
    journals: report.journals.map(({ from, ...journal }) => ({ ...journal, ...(from === undefined ? {} : { from: formatInstant(from) }) })),
  }
}

function changeView({ chain, lastSeen, ...change }: Changed): object {
  const [identity = '', ...actingFor] = chain
  return { ...change, identity, ...(actingFor.length === 0 ? {} : { actingFor }), lastSeen: formatInstant(lastSeen) }
}
