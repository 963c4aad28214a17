/** Reads a body whole, within bounds of size and time. */
import type { Clock } from '../../control/ports.ts'
import type { Milliseconds } from '../../kernel/instants.ts'
import { type Refusal, refuse, type RefusalCode } from '../../kernel/refusals.ts'
import { done, type Result } from '../../kernel/result.ts'
import type { BodyReader, ClientStream } from './client-stream.ts'

export interface BodyBounds {
  readonly bytesMax: number
  /** As its sender says. */
  readonly length?: number
  readonly milliseconds: Milliseconds
  /** The refusal for a body above `bytesMax`. */
  readonly tooLarge: RefusalCode
  readonly clock: Pick<Clock, 'after'>
}

/** A body that is being read whole. */
export class WholeBody implements BodyReader {
  readonly #bounds: BodyBounds
  #result: Result<Buffer> | undefined
  /** Only where it has to be waited for. */
  #settling: PromiseWithResolvers<Result<Buffer>> | undefined
  #callOff: (() => void) | undefined
  #chunks: Buffer[] = []
  #bytes = 0
  /** Where a long body is put together while it comes: at its end nothing is left to be done. */
  #whole: Buffer | undefined

  /** Begins at once. */
  constructor(stream: Pick<ClientStream, 'read'>, bounds: BodyBounds) {
    this.#bounds = bounds
    stream.read(this)
    // Mostly the body has come with its head, and needs no timer.
    if (this.#result === undefined) this.#callOff = bounds.clock.after(bounds.milliseconds, () => this.#tooLate())
  }

  /** The whole body, at once where it is there; refuses what is too large by `tooLarge`, what breaks off or takes too long by `input.malformed`. */
  get whole(): Result<Buffer> | Promise<Result<Buffer>> {
    if (this.#result !== undefined) return this.#result
    this.#settling ??= Promise.withResolvers()
    return this.#settling.promise
  }

  /** What is put together while it comes is copied. */
  get keeps(): boolean {
    return this.#whole === undefined
  }

  /** The client has left: it will not become whole. */
  abandon(): void {
    this.#over(refuse('input.malformed', { detail: 'the body ended early' }))
  }

  onBody(bytes: Buffer): void {
    if (this.#result !== undefined) return
    this.#bytes += bytes.byteLength
    const { bytesMax, tooLarge } = this.#bounds
    if (this.#bytes > bytesMax) this.#over(refuse(tooLarge, { detail: `at most ${bytesMax} bytes` }))
    else if (this.#whole !== undefined) bytes.copy(this.#whole, this.#bytes - bytes.byteLength)
    else {
      addPiece(this.#chunks, bytes)
      this.#gather()
    }
  }

  onBodyEnd(): void {
    if (this.#whole !== undefined) {
      // Whoever frames bodies by their length tells neither less nor more.
      if (this.#bytes !== this.#whole.byteLength) throw new Error('a body has another length than its sender says')
      this.#over(done(this.#whole))
      return
    }
    const [first] = this.#chunks
    this.#over(done(this.#chunks.length === 1 && first !== undefined ? first : Buffer.concat(this.#chunks, this.#bytes)))
  }

  onBodyBroken(refusal: Refusal): void {
    this.#over({ ok: false, refusal })
  }

  /** Once enough of it has come that its sender means what it says of the length. */
  #gather(): void {
    const { length = 0, bytesMax } = this.#bounds
    if (length < gatheredBytesMin || length > bytesMax || this.#bytes * 8 < length) return
    const whole = Buffer.allocUnsafeSlow(length)
    let at = 0
    for (const piece of this.#chunks) at += piece.copy(whole, at)
    this.#whole = whole
    this.#chunks = []
  }

  #tooLate(): void {
    this.#over(refuse('input.malformed', { detail: 'the body took too long' }))
  }

  #over(result: Result<Buffer>): void {
    if (this.#result !== undefined) return
    this.#result = result
    this.#callOff?.()
    this.#chunks = []
    this.#whole = undefined
    this.#settling?.resolve(result)
  }
}

/** Below it the pieces are put together when the last has come. */
const gatheredBytesMin = 131_072
/** Pieces up to this size together are kept as one. */
const joinedBytesMax = 4_096

/** Keeps a piece behind the others. A body that comes byte by byte would otherwise be kept as an object for each of them, a hundred times its size. */
export function addPiece(pieces: Buffer[], piece: Buffer): void {
  const last = pieces.at(-1)
  if (last === undefined || last.byteLength + piece.byteLength > joinedBytesMax) pieces.push(piece)
  else pieces[pieces.length - 1] = Buffer.concat([last, piece])
}
