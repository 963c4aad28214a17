/** What a server says of a tool, as it is shown to whoever answers for a held call, and the words of our own around it. */
export interface DefinitionView {
  /** `v1:` and SHA-256 over the canonical JSON of what defines it, hex. */
  readonly hash: string
  /** The server's words, shortened. They prove nothing. */
  readonly title?: string
  readonly description?: string
  /** What it says of itself that is worse than what was declared. */
  readonly worse?: 'destructive' | 'not-read-only'
  /** The hash that the grant has pinned, where it is another one … */
  readonly pinned?: string
  /** … and where the two differ, at most 50 places and a line that says so; absent where one of them was too long to be kept. */
  readonly differences?: readonly { readonly at: string; readonly before?: string; readonly after?: string }[]
}

/** Why a person has to look at the tool itself; nothing where it is what was granted. */
export function driftInWords({ pinned, differences, worse }: DefinitionView): readonly string[] {
  return [
    ...(pinned === undefined ? [] : ['The tool is another one now than when it was called first under this grant.']),
    ...(pinned !== undefined && differences === undefined
      ? ['What changed of it cannot be shown: what it was, or what it is, is too long to be kept. Look at its server before you answer.']
      : []),
    ...(worse === undefined ? [] : [`It was declared to change nothing, and its server says ${worseWords[worse]}.`]),
    ...(pinned === undefined && worse === undefined
      ? []
      : ['A yes is also a yes to what it is now: further calls of it under this grant go by that.']),
  ]
}

const worseWords = {
  destructive: 'that it may destroy something',
  'not-read-only': 'that it changes something',
} as const

/** What holds an action without any policy, in words; any other name is that of a policy. */
export function holdNameInWords(name: string): string {
  switch (name) {
    case 'remit:definition-changed':
      return 'Remit itself: the tool is another one than it was'
    case 'remit:definition-worse':
      return 'Remit itself: its server says worse of the tool than was declared'
    default:
      return `policy ${name}`
  }
}
