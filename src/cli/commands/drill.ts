/** `remit drill`: how long stopping takes at each gateway, measured without stopping anything. */
import type { Command } from 'commander'
import type { DrillFiguresView, DrilledView } from '../../sdk/views.ts'
import { type Cli, deed, remoteCommand, type Run } from '../command.ts'
import { tableLines } from '../table.ts'
import { clean } from '../text.ts'

export function drillCommand(cli: Cli): Command {
  return remoteCommand('drill', 'measure how long stopping takes at each gateway, without stopping anything', [
    { line: 'remit drill', says: 'each gateway cuts a canary of its own; shows this time and the last hundred' },
  ])
    .addHelpText(
      'after',
      `
For whoever may audit or operate. Control drills by itself every ten seconds too; P50, P99 and MAX are of the last hundred. Where NOW says
no answer, or MISSED grows, what is ended takes as long to stop there: the list of gateways shows how far behind that one is, and its log why.
One that is not connected has stopped when its lease is over, ten seconds at most.`,
    )
    .action(deed(cli, drill))
}

async function drill(run: Run) {
  const client = await run.client()
  const measured = await run.during('measuring', client.drill())
  return { json: measured, text: drillTable(measured.drilled, measured.figures, run) }
}

function drillTable(drilled: readonly DrilledView[], figures: readonly DrillFiguresView[], run: Run): string[] {
  const now = new Map(drilled.map(({ gateway, milliseconds }) => [gateway, milliseconds]))
  const shown = (milliseconds: number | undefined) => (milliseconds === undefined ? '' : `${milliseconds} ms`)
  const rows = figures.map(({ gateway, p50, p99, max, count, missed }) => [
    clean(gateway),
    now.has(gateway) ? shown(now.get(gateway)) || 'no answer' : 'not connected',
    shown(p50),
    shown(p99),
    shown(max),
    `${count}`,
    missed === 0 ? '' : `${missed}`,
  ])
  const columns = [
    { title: 'GATEWAY' },
    { title: 'NOW' },
    { title: 'P50' },
    { title: 'P99' },
    { title: 'MAX' },
    { title: 'DRILLS' },
    { title: 'MISSED', drops: true },
  ]
  return tableLines(columns, rows, run)
}
