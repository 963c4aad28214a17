/** Which test files run in one process: loading the product, and starting its checker of policies, costs more than most of their tests. */

/** Files that are run one after another by one process; `name` says which. */
export interface TestGroup {
  readonly name: string
  readonly files: readonly string[]
}

/** So many that no group is what everybody waits for at the end. */
const filesMax = { test: 8, other: 24 } as const

/**
 * What a file may not do where others follow it in the same process: change what belongs to the process (its environment, its mask, its
 * globals, its engine), measure it, start programs and servers that live beside it, put hooks around the tests of everybody, open something
 * before the tests of everybody, which then grows old while those of others run, or wait before its tests are known, which lets those begin.
 */
const ofTheProcess = [
  /process\.|globalThis|Object\.defineProperty\(/,
  /performance\.|perf_hooks|node:v8/,
  /child_process|worker_threads|node:cluster|PostgresServer|remit-process|openBrowser/,
  /src\/main\/(?:up|gateway|witness|backup|restore|rotate-key|check|declare)\.ts/,
  /^(?:before|beforeEach|afterEach)\(/m,
  /^(?:(?:export )?(?:const|let) .*= )?await /m,
] as const

/** Whether the text of a test file says that it leaves its process as it found it. */
export function mayShare(text: string): boolean {
  return ofTheProcess.every((sign) => !sign.test(text))
}

/** They start processes of their own, and take as long as a whole group. */
const longFolder = 'test/sim/'

/** Every file once: those that may not share alone, the others beside their neighbours, in the order given. */
export function groupsOf(files: readonly string[], textOf: (file: string) => string): readonly TestGroup[] {
  const alone: TestGroup[] = []
  const shared = new Map<string, string[]>()
  for (const file of files) {
    if (file.startsWith(longFolder) || !mayShare(textOf(file))) alone.push({ name: file, files: [file] })
    else {
      const folder = file
        .split('/')
        .slice(0, file.startsWith('test/') ? 2 : 1)
        .join('-')
      shared.set(folder, [...(shared.get(folder) ?? []), file])
    }
  }
  return [...alone, ...[...shared].flatMap(([folder, together]) => cut(folder, together))]
}

function cut(folder: string, files: readonly string[]): TestGroup[] {
  const max = folder.startsWith('test-') ? filesMax.test : filesMax.other
  const count = Math.ceil(files.length / max)
  // Of equal length, and in turns: neighbours in a folder are often long together.
  return Array.from({ length: count }, (_, place) => ({
    name: `${folder}-${place + 1}`,
    files: files.filter((_file, at) => at % count === place),
  }))
}
