/** Runs the programs that the checks and the build stand on, and keeps what they say. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { root } from './files.ts'

export interface Ended {
  /** The exit code, or the signal's name. */
  readonly code: number | string
  readonly out: string
  readonly err: string
}

/** A program out of node_modules, by its name there. */
export function runTool(name: string, args: readonly string[], folder: string = root): Promise<Ended> {
  return runProgram(process.execPath, [join(root, 'node_modules', '.bin', name), ...args], folder)
}

export function runProgram(command: string, args: readonly string[], folder: string = root): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
    const out: Buffer[] = []
    const err: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk))
    child.once('error', reject)
    child.once('close', (code, signal) =>
      resolve({ code: code ?? signal ?? 'unknown', out: Buffer.concat(out).toString(), err: Buffer.concat(err).toString() }),
    )
  })
}
