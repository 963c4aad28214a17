/** `remit applications`: applications that bring policies of their own. */
import type { Command } from 'commander'
import { type Cli, deed, remoteCommand, type Run } from '../command.ts'
import { tableLines } from '../table.ts'

export function applicationsCommand(cli: Cli): Command {
  return remoteCommand('applications', 'list applications with policies of their own, not enforced by Remit', [
    { line: 'remit applications', says: 'those that you may ask; all of them, if you audit' },
  ]).action(deed(cli, list))
}

/** Whoever asks enforces: Remit is in no traffic of an application. */
const notEnforced = 'not by Remit'
const versionShown = 12

async function list(run: Run) {
  const client = await run.client()
  const found = await run.during('listing applications', client.applications())
  const rows = found.applications.map(({ name, policies, entities, version, callers }) => [
    name,
    String(policies),
    String(entities),
    version.slice(0, versionShown),
    callers,
    notEnforced,
  ])
  const columns = [
    { title: 'APPLICATION' },
    { title: 'POLICIES' },
    { title: 'ENTITIES' },
    { title: 'VERSION', drops: true },
    { title: 'CALLERS', gives: true },
    { title: 'ENFORCED', gives: true },
  ]
  return { json: found, text: rows.length === 0 ? ['no applications'] : tableLines(columns, rows, run) }
}
