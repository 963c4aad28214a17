/** As whom a program is started: another user of this machine where that is named, and never root by silence. */
import { readFileSync } from 'node:fs'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'

export interface ChildUser {
  readonly uid: number
  readonly gid: number
}

/** The system takes no greater ones, and the largest of all means "nobody in particular" to it. */
const numberMax = 2_147_483_647

/**
 * `wanted`: a name or a number of `/etc/passwd`, or `uid:gid`. Answers nothing where that is our own user. Refuses users that are not there,
 * any other than our own where we are not root, and no user at all where we are.
 */
export function childUser(wanted: string | undefined): Result<ChildUser | undefined> {
  const [uid, gid] = [process.getuid?.(), process.getgid?.()]
  if (uid === undefined || gid === undefined)
    return wanted === undefined ? done(undefined) : no('this machine has no users that a command could be run as')
  if (wanted === undefined)
    return uid === 0 ? no('the gateway is root, and its service does not say which user to run it as') : done(undefined)
  const found = find(wanted)
  if (found === undefined) return no(`there is no user ${wanted} on the gateway's machine`)
  if (found.uid === uid && found.gid === gid) return done(undefined)
  return uid === 0 ? done(found) : no(`the gateway is not root, and cannot run it as ${wanted}`)
}

/** Our own, as `childUser` takes it: for whoever starts a program for themselves, and says so. */
export function ownUser(): string | undefined {
  const [uid, gid] = [process.getuid?.(), process.getgid?.()]
  return uid === undefined || gid === undefined ? undefined : `${uid}:${gid}`
}

function find(wanted: string): ChildUser | undefined {
  const [, first, second] = /^(\d+):(\d+)$/.exec(wanted) ?? []
  if (first !== undefined && second !== undefined) return within({ uid: Number(first), gid: Number(second) })
  const place = /^\d+$/.test(wanted) ? 2 : 0
  for (const line of readFileSync('/etc/passwd', 'utf8').split('\n')) {
    const fields = line.split(':')
    const [, , uid = '', gid = ''] = fields
    if (fields[place] === wanted && /^\d+$/.test(uid) && /^\d+$/.test(gid)) return within({ uid: Number(uid), gid: Number(gid) })
  }
  return undefined
}

function within(user: ChildUser): ChildUser | undefined {
  return user.uid <= numberMax && user.gid <= numberMax ? user : undefined
}

function no(detail: string): Result<never> {
  return refuse('upstream.unreachable', { detail })
}
