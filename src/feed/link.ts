/** One connection between a gateway and a control node, whatever carries it: whole messages, in order, to one known peer. */

export interface FeedLink {
  /** Hands over one message. Never throws; on a closed link, or one that has too much waiting (it closes then), nothing is sent. */
  send(message: string): void
  /** Messages one by one, in order. One listener; what came before it was set waits for it. */
  onMessage(listener: (message: string) => void): void
  /** Once; at once where it is closed already. */
  onClose(listener: (reason: string) => void): void
  close(reason: string): void
  /** What was handed over and has not left yet. */
  readonly waitingBytes: number
}

/** The other end of a link at control, by its certificate. */
export interface FeedPeer {
  /** SHA-256 in hex of the public key (SPKI) it proved to hold. */
  readonly key: string
  readonly address: string
}

/** How a gateway reaches a control node: one attempt, at whichever is next. Rejects with an error whose message holds no secret. */
export type Dial = () => Promise<FeedLink>

/** A message is not longer; a longer one ends its link. */
export const messageBytesMax = 16_777_216
/** More than this waiting for a peer that does not read ends its link: it comes back and is given a snapshot. */
export const waitingBytesMax = 67_108_864
