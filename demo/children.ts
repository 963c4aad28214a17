/** What the demo starts goes with it, however it ends: done, thrown out in the middle, or told to stop. */
import { type ChildProcess, spawn, type SpawnOptions } from 'node:child_process'
import { constants } from 'node:os'

const running = new Set<ChildProcess>()

process.once('exit', () => {
  for (const child of running) child.kill('SIGTERM')
})
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    // Whoever else listens ends in good order.
    if (process.listenerCount(signal) === 1) process.exit(128 + constants.signals[signal])
  })
}

/** As `spawn`. */
export function spawnChild(command: string, words: readonly string[], options: SpawnOptions): ChildProcess {
  const child = spawn(command, words, options)
  running.add(child)
  child.once('exit', () => running.delete(child))
  return child
}
