/** The one list of exceptions from the checks. It only shrinks: one that excuses nothing any more must go, and `most` goes down with it. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Finding, root } from './files.ts'

export interface Exceptions {
  /** How many there are. It is lowered whenever one goes, and never raised. */
  readonly most: number
  readonly exceptions: readonly { readonly rule: string; readonly path: string; readonly reason: string }[]
}

const listPath = 'tools/exceptions.json'

export function readExceptions(): Exceptions {
  const list: unknown = JSON.parse(readFileSync(join(root, listPath), 'utf8'))
  if (isExceptions(list)) return list
  throw new Error(`${listPath} must be { "most": number, "exceptions": [{ "rule", "path", "reason" }] }`)
}

/** What is left of the findings, and what is wrong with the list itself. Only rules that ran can show an exception unused. */
export function excuse(findings: readonly Finding[], list: Exceptions, ran: (rule: string) => boolean): Finding[] {
  const left = findings.filter((finding) => !list.exceptions.some((one) => one.rule === finding.rule && one.path === finding.path))
  const flaw = (says: string): Finding => ({ rule: 'exceptions', path: listPath, line: 1, says })
  for (const { rule, path, reason } of list.exceptions) {
    if (reason.trim() === '') left.push(flaw(`${rule} for ${path} gives no reason`))
    if (ran(rule) && !findings.some((finding) => finding.rule === rule && finding.path === path))
      left.push(flaw(`${rule} for ${path} excuses nothing any more: remove it and lower "most"`))
  }
  const count = list.exceptions.length
  if (count > list.most) left.push(flaw(`holds ${count} exceptions where at most ${list.most} may stand: the list only shrinks`))
  if (count < list.most) left.push(flaw(`"most" is ${list.most} and there are ${count}: lower it`))
  return left
}

function isExceptions(list: unknown): list is Exceptions {
  return (
    isRecord(list) &&
    typeof list['most'] === 'number' &&
    Array.isArray(list['exceptions']) &&
    list['exceptions'].every((one: unknown) => isRecord(one) && ['rule', 'path', 'reason'].every((key) => typeof one[key] === 'string'))
  )
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
