/** What a journal may take up, how long its entries wait, and how many share a group. */

export interface JournalLimits {
  /** Bytes that may wait to be written. From half of it on, whoever appends must wait; above it, entries are refused. */
  readonly queueBytesMax: number
  /** A segment is closed before it would grow beyond this, but for what comes before the seal of the lines it has. */
  readonly segmentBytesMax: number
  /** All segments together; above it, entries are refused. */
  readonly journalBytesMax: number
  /** How long entries that nobody waits for gather before they are written. */
  readonly lingerMs: number
  /** How long lines that were written at once may stand without a seal. */
  readonly sealMs: number
}

export const journalLimits: JournalLimits = {
  queueBytesMax: 16_777_216,
  segmentBytesMax: 67_108_864,
  journalBytesMax: 8_589_934_592,
  lingerMs: 20,
  sealMs: 2,
}

/** Turns of the loop for which a group that still grows is kept open. */
export const turnsMax = 16
/** More than a seal is long: room that lines which are written before it leave for it in their segment. */
export const sealBytesMax = 512
