/** One request of a client and its one answer, apart from how it came: what an `Exchange` sees of a connection. */
import type { Refusal } from '../../kernel/refusals.ts'

/*
 * The seam between protocols and the path of an action. `Connection` makes one stream after another for HTTP/1.1; HTTP/2 makes one for
 * each of its streams. To add a protocol:
 *
 * 1. read a head as strictly as `request-parser.ts` does; what cannot be one is `host.refuse`d, and goes out as `problem` tells;
 * 2. make a `ClientStream` and hand it to `host.begin`: an exchange answers it, always, whatever happens in between;
 * 3. call the listener's `onClosed` exactly once, when the answer was handed over whole or the client is gone.
 *
 * Nothing here may throw, and nothing calls back into a stream that is over.
 */

/** A request's head as it came, headers flat (name, value, name, value …) in the order and spelling of the sender. */
export interface RawHead {
  readonly method: string
  readonly target: string
  readonly version: string
  readonly headers: readonly string[]
  /** Where what is read of the headers is kept, for heads that have the same ones. */
  readonly reading?: HeadersReading | undefined
}

/** A place for what a gateway made of some headers: it alone knows what. */
export interface HeadersReading {
  kept?: object
}

export interface ClientStream {
  readonly head: RawHead
  /** The client's, as the operating system tells it. */
  readonly address: string
  /** Whether the head of the answer has been given; interim answers do not count. */
  readonly isAnswered: boolean
  /** Who hears of it from now on. Called once, before anything else. */
  attach(listener: StreamListener): void
  /** Hands out the body from its start, what has come of it at once; until then it is kept, within a bound. A second reader goes on. */
  read(reader: BodyReader): void
  /** Hands out nothing until `resume`. */
  pause(): void
  resume(): void
  /** `100 Continue`, once, where the client waits for it. */
  writeContinue(): void
  /** An interim answer of the upstream (RFC 9110 §15.2). */
  writeInterim(status: number, headers: readonly string[]): void
  /** The head of the answer; it may be kept until `flush`, `write` or `end`, to go out with the body. */
  writeHead(head: StreamHead): void
  flush(): void
  /** A piece of the body. Answers whether more may be written before the next `onDrain`. */
  write(bytes: Buffer): boolean
  /** Whether something that was written has not been taken by the system yet: until then its bytes are needed. */
  readonly isBehind: boolean
  /** The answer is whole, with this as its last piece. */
  end(bytes?: Buffer): void
  /** Whether more came behind the request than belongs to it: before a change of protocol, nobody may send any of the next. */
  readonly isAhead: boolean
  /** Answers `101` with these headers, complete. From then on bytes pass as they are: `read` to hear them, `write`, and `end` to close. */
  switchProtocol(headers: readonly string[]): void
  /** Ends it now, both ways, so that the client can tell that it is not whole. */
  abort(): void
}

export interface StreamHead {
  readonly status: number
  /** Flat, without framing but for a `Content-Length` that agrees with `length`. */
  readonly headers: readonly string[]
  /** Bytes of the body; `unknown` where only its end will tell. 0 where there is none, whatever `Content-Length` says (HEAD, 304). */
  readonly length: number | 'unknown'
  /** The client's connection is not to be kept after it. */
  readonly closes?: boolean
}

export interface BodyReader {
  /** A piece, never empty. */
  onBody(bytes: Buffer): void
  /** False, right after `onBody`, where nothing holds on to that piece: its memory may be given back. */
  readonly keeps?: boolean
  onBodyEnd(): void
  /** It will not become whole: malformed or too slow. Nothing follows. A client that leaves is told by `onClosed` alone. */
  onBodyBroken(refusal: Refusal): void
}

export interface StreamListener {
  /** What was written has been taken. */
  onDrain(): void
  /** It is over. `finished`: the whole answer was handed to the operating system. */
  onClosed(finished: boolean): void
}

/** What a protocol needs of the port that it serves. */
export interface StreamHost {
  /** An exchange for this stream. Answers it with a refusal at once where too much is under way. */
  begin(stream: ClientStream): void
  /** Records a request that never became a stream; answers what to tell its sender. The connection is not to be kept after it. */
  refuse(refused: RefusedHead): ProblemText
}

export interface RefusedHead {
  readonly address: string
  /** Method and target as far as they could be read. */
  readonly target: string
  readonly refusal: Refusal
}

/** A refusal as it goes out. */
export interface ProblemText {
  readonly status: number
  /** Flat and complete but for what a protocol adds itself. */
  readonly headers: readonly string[]
  readonly body: Buffer
}
