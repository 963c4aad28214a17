/** Every bound of the MCP gateway in one place; bytes, counts and milliseconds as the names say. */

export interface MessageLimits {
  /** One message that is read whole: a request, or an answer that must be understood. Results of calls pass in pieces, however long. */
  readonly messageBytesMax: number
  /** How many arrays and objects may lie in each other. */
  readonly depthMax: number
  /** A JSON-RPC id, as it is written. */
  readonly idBytesMax: number
  readonly methodCharactersMax: number
}

export interface McpLimits extends MessageLimits {
  /** A message that waits for a person; larger ones are refused (`hold.too-large`). */
  readonly heldMessageBytesMax: number
}

export const defaultLimits: McpLimits = {
  messageBytesMax: 4_194_304,
  depthMax: 64,
  idBytesMax: 256,
  methodCharactersMax: 128,
  heldMessageBytesMax: 1_048_576,
}
