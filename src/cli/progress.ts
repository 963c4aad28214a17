/** Says that something takes its time: a turning mark on a terminal, one line elsewhere, nothing for what is quick. */
import type { Io } from './io.ts'
import { clean, describeSpan, fit } from './text.ts'
import { widthOf } from './io.ts'

const patienceMs = 1_000
const everyMs = 120
const marks = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏']

/** The work's own result. What is shown goes to stderr and is gone again at its end. */
export async function withProgress<T>(io: Io, words: string, work: Promise<T>): Promise<T> {
  const begun = io.now()
  const isTerminal = io.stderr.isTTY === true
  let turns = 0
  const show = () => {
    turns += 1
    const line = `${marks[turns % marks.length]} ${clean(words)} ${describeSpan(io.now() - begun)}`
    io.stderr.write(`\r\u001b[K${fit(line, widthOf(io.stderr) - 1)}`)
  }
  let turning: NodeJS.Timeout | undefined
  const waiting = setTimeout(() => {
    if (!isTerminal) io.stderr.write(`${clean(words)}\n`)
    else turning = setInterval(show, everyMs)
  }, patienceMs)
  try {
    return await work
  } finally {
    clearTimeout(waiting)
    clearInterval(turning)
    if (turning !== undefined) io.stderr.write('\r\u001b[K')
  }
}
