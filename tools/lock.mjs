/** A lock between set-ups: a folder that names its owner and outlives nobody. Runs on Node 20 and newer. */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const pollMs = 100
const thiefMs = 5_000

/** A process as text that another process with the same number, later, does not share. */
export function nameProcess(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The command may hold spaces and brackets; what follows its last bracket is fields 3 and on, and 22 is the start time.
    return `${pid} ${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]}`
  } catch {
    return `${pid}`
  }
}

/** Whether the process so named still runs. A zombie does not. */
export function isAlive(name) {
  const pid = Number(name.split(' ')[0])
  if (!Number.isInteger(pid) || pid <= 0) return false
  try {
    process.kill(pid, 0)
  } catch (error) {
    if (error.code !== 'EPERM') return false
  }
  try {
    if (/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))) return false
  } catch {
    // No /proc here: the signal is all there is to go by.
  }
  return nameProcess(pid) === name
}

/**
 * Takes the lock, waiting as long as its owner, or a child that its owner left behind, is alive.
 * `onWait` is called once with the owner's name if there is a wait.
 */
export async function takeLock(path, onWait) {
  sweep(path)
  const own = `${path}.${process.pid}`
  rmSync(own, { recursive: true, force: true })
  mkdirSync(own)
  writeFileSync(join(own, 'owner'), nameProcess(process.pid))
  let waited = false
  // A folder is renamed onto the lock because that is atomic, and fails while a folder with an owner in it is there.
  while (!tryRename(own, path)) {
    const live = holders(path).find(isAlive)
    if (live === undefined) breakLock(path)
    else if (!waited) {
      waited = true
      onWait(live)
    }
    await sleep(pollMs)
  }
  return {
    /** Names a child that must have ended before anyone else may take the lock. */
    hold: (pid) => writeFileSync(join(path, 'child'), nameProcess(pid)),
    release: () => discard(path),
  }
}

function tryRename(from, to) {
  try {
    renameSync(from, to)
    return true
  } catch (error) {
    if (error.code === 'ENOTEMPTY' || error.code === 'EEXIST') return false
    throw error
  }
}

function holders(path) {
  return ['owner', 'child'].flatMap((file) => {
    try {
      return [readFileSync(join(path, file), 'utf8')]
    } catch {
      return []
    }
  })
}

/** Removes a dead owner's lock. One breaker at a time, who looks again, because a new owner may have come meanwhile. */
function breakLock(path) {
  const thief = join(path, 'thief')
  try {
    mkdirSync(thief)
  } catch (error) {
    if (error.code === 'EEXIST' && Date.now() - (statSync(thief, { throwIfNoEntry: false })?.mtimeMs ?? Date.now()) > thiefMs)
      rmSync(thief, { recursive: true, force: true })
    else if (error.code !== 'EEXIST' && error.code !== 'ENOENT') throw error
    return
  }
  if (holders(path).some(isAlive)) rmdirSync(thief)
  else discard(path)
}

function discard(path) {
  const away = `${path}.${process.pid}.gone`
  rmSync(away, { recursive: true, force: true })
  if (tryRenameExisting(path, away)) rmSync(away, { recursive: true, force: true })
}

function tryRenameExisting(from, to) {
  try {
    renameSync(from, to)
    return true
  } catch (error) {
    if (error.code === 'ENOENT') return false
    throw error
  }
}

/** What killed set-ups left beside the lock. */
function sweep(path) {
  const folder = dirname(path)
  for (const name of readdirSync(folder)) {
    if (!name.startsWith(`${basename(path)}.`)) continue
    const pid = Number(name.slice(basename(path).length + 1).split('.')[0])
    if (pid !== process.pid && !isAlive(nameProcess(pid))) rmSync(join(folder, name), { recursive: true, force: true })
  }
}
