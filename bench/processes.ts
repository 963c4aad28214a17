/** Processes of the bench: each on the core it was given, ended by its own id, and weighed by what the system says of it. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

/** Cores by number, as `taskset -c` takes them: `1`, `0,1`. Empty: wherever the system puts it. */
export type Cores = string

export interface Shares {
  /** For whatever stands between client and upstream. */
  readonly tested: Cores
  /** For client and upstream, and the bench itself. */
  readonly around: Cores
  readonly all: Cores
  readonly says: string
}

/** One core for what is tested and one for everything around it, so that neither side of a comparison gets more than the other. */
export function shareCores(): Shares {
  const [around, tested] = allowedCores()
  if (around === undefined || tested === undefined)
    return {
      tested: '',
      around: '',
      all: '',
      says: 'one core or no taskset: nothing is pinned or kept awake, so everything shares what there is',
    }
  const says = 'one core for what is tested (nginx and its decision service together; Remit alone), another for load and upstream'
  return { tested: `${tested}`, around: `${around}`, all: allowedCores().join(','), says }
}

/** Keeps this process to those cores, its threads included. */
export function stayOn(cores: Cores): void {
  if (cores !== '') execFileSync('taskset', ['-acp', cores, `${process.pid}`], { stdio: 'ignore' })
}

function allowedCores(): number[] {
  try {
    const said = execFileSync('taskset', ['-cp', `${process.pid}`], { encoding: 'utf8' })
    return (said.split(':').at(-1) ?? '')
      .trim()
      .split(',')
      .flatMap((range) => {
        const [from = 0, to = from] = range.split('-').map(Number)
        return Array.from({ length: to - from + 1 }, (_, place) => from + place)
      })
  } catch {
    return []
  }
}

export interface Start {
  readonly on: Cores
  readonly env?: Readonly<Record<string, string>>
  /** It is asked for things, on its standard input. */
  readonly asks?: boolean
}

const running = new Set<ChildProcess>()

/** Starts a program with its standard output to be read and its complaints on ours. */
export function start(command: readonly [string, ...string[]], { on, env = {}, asks = false }: Start): ChildProcess {
  const [program, ...words] = on === '' ? command : ['taskset', '-c', on, ...command]
  const child = spawn(program, words, { env: { ...process.env, ...env }, stdio: [asks ? 'pipe' : 'ignore', 'pipe', 'inherit'] })
  running.add(child)
  child.once('exit', () => running.delete(child))
  return child
}

/** The first line that it prints. Rejects when it ends without one. */
export function firstLine(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
      if (text.includes('\n')) resolve(text.slice(0, text.indexOf('\n')))
    })
    child.once('error', reject)
    child.once('exit', (code, signal) => reject(new Error(`${child.spawnargs.join(' ').slice(0, 120)} ended with ${signal ?? code}`)))
  })
}

/** Everything that it prints, once it has ended well. */
export function allOutput(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
    })
    child.once('error', reject)
    child.once('close', (code, signal) =>
      code === 0 ? resolve(text) : reject(new Error(`${child.spawnargs.join(' ').slice(0, 120)} ended with ${signal ?? code}\n${text}`)),
    )
  })
}

export function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve()
  return new Promise((resolve) => {
    child.once('exit', () => resolve())
    child.kill('SIGTERM')
  })
}

/**
 * Keeps cores from sleeping while `work` goes on, by processes of the class that runs only where nobody else wants to (SCHED_IDLE). A virtual
 * core that sleeps takes its host some 0.1 ms to wake, which whoever stands between two others pays for twice, and who does not, never.
 * Where nothing is pinned, nothing is kept awake. Rejects where a keeper did not stay: then something else was measured.
 */
export async function keptAwake<T>({ tested, around }: Shares, work: () => Promise<T>): Promise<T> {
  const keepers = tested === '' ? [] : [tested, around].map((on) => start(['chrt', '-i', '0', 'sh', '-c', untilAlone], { on }))
  try {
    const result = await work()
    if (keepers.some(({ exitCode, signalCode }) => exitCode !== null || signalCode !== null))
      throw new Error('nothing keeps the cores awake: is there a chrt, of util-linux?')
    return result
  } finally {
    await Promise.all(keepers.map(end))
  }
}

/** Turns round and round for as long as there is a bench. */
const untilAlone = `while kill -0 ${process.pid} 2>/dev/null; do i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; done`

/** Ends whatever is still running, whatever happened to the bench. */
export async function endAll(): Promise<void> {
  await Promise.all([...running].map(end))
}

/** Resident memory of a process and of all it started, in bytes. */
export function residentBytes(pid: number): number {
  return [pid, ...descendants(pid)].reduce((sum, each) => sum + residentOf(each), 0)
}

function residentOf(pid: number): number {
  const [, kibibytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  if (kibibytes === undefined) throw new Error(`the system does not say how much memory process ${pid} has`)
  return Number(kibibytes) * 1_024
}

export function descendants(pid: number): number[] {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8')
      .split(' ')
      .filter((word) => word !== '')
      .map(Number),
  )
  return children.flatMap((child) => [child, ...descendants(child)])
}
