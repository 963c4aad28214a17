/** Reads a body whole, within bounds of size and time. */
import type { Readable } from 'node:stream'
import type { Clock } from '../../control/ports.ts'
import type { Milliseconds } from '../../kernel/instants.ts'
import { refuse, type RefusalCode } from '../../kernel/refusals.ts'
import { done, type Result } from '../../kernel/result.ts'

export interface BodyBounds {
  readonly bytesMax: number
  readonly milliseconds: Milliseconds
  /** The refusal for a body above `bytesMax`. */
  readonly tooLarge: RefusalCode
  readonly clock: Clock
}

/** The whole body; refuses what is too large by `tooLarge`, and what stops or takes too long by `input.malformed`. */
export function readWhole(body: Readable, bounds: BodyBounds): Promise<Result<Buffer>> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    let bytes = 0
    const settle = (result: Result<Buffer>) => {
      callOff()
      body.off('data', onData).off('end', onEnd).off('close', onClose)
      body.pause()
      resolve(result)
    }
    const onData = (chunk: Buffer) => {
      bytes += chunk.byteLength
      if (bytes > bounds.bytesMax) settle(refuse(bounds.tooLarge, { detail: `at most ${bounds.bytesMax} bytes` }))
      else chunks.push(chunk)
    }
    const onEnd = () => settle(done(Buffer.concat(chunks, bytes)))
    const onClose = () => settle(refuse('input.malformed', { detail: 'the body ended early' }))
    const callOff = bounds.clock.after(bounds.milliseconds, () => settle(refuse('input.malformed', { detail: 'the body took too long' })))
    body.on('data', onData).on('end', onEnd).on('close', onClose)
  })
}
