/** What a gateway's listeners speak TLS with, and how they hear of what is newer. */
import type { SecureContextOptions } from 'node:tls'

export interface Tls {
  context(): SecureContextOptions
  /** Answers how to stop listening. */
  onRenewed(listener: (context: SecureContextOptions) => void): () => void
}
